"""The command line: argv → the command that it names → exit code."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from fastsync.cli import config_file
from fastsync.cli.sync import synchronise
from fastsync.errors import ConfigError, FastsyncError, Interrupted, UnexpectedError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import quote, shorten_words
from fastsync.output.log import Log, find_flag
from fastsync.output.unforeseen import Phase, foreseen_only, traceback_of

DEBUG = "FASTSYNC_DEBUG"
"""An environment variable that shows where an unforeseen error came from, for commands without --verbose too."""

COMMANDS = {
    "combine": "fastsync.cli.combine",
    "demo": "fastsync.cli.demo",
    "estimate": "fastsync.cli.estimate",
    "iam-policy": "fastsync.cli.iam_policy",
    "report": "fastsync.cli.report",
    "undo": "fastsync.cli.undo",
}
"""The module of each command, loaded only when that command runs. Each has `run(arguments)`, which returns the code."""


def main(argv: Sequence[str] | None = None, report_only: bool = False) -> int:
    """Run the command line and give its exit code; with `report_only` a run writes nothing, whatever its flags say."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and not arguments[0].startswith("-"):
        return guarded(lambda: _run_command(arguments[0], arguments[1:]), arguments)
    return guarded(lambda: synchronise(arguments, report_only), arguments)


def guarded(command: Callable[[], int], arguments: Sequence[str]) -> int:
    """Return a command's exit code; where it raises, say why in one line and return the code that this stands for."""
    try:
        with foreseen_only(Phase("reading the command line")):
            return command()
    except FastsyncError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _pipe_closed()
        report_error(error, arguments)
        return error.exit_code
    except BrokenPipeError:
        return _pipe_closed()
    except (KeyboardInterrupt, Interrupted):  # before a command had begun to look out for signals
        return 130


def report_error(error: FastsyncError, arguments: Sequence[str]) -> None:
    """Write the line of an error that ended a command; with --verbose also where an unforeseen one came from.

    Never raises: whoever reads stderr may be gone.
    """
    message = hide_users(str(error))
    if error.exit_code == ConfigError.exit_code:
        message = shorten_words(message)
    shown = isinstance(error, UnexpectedError) and (_is_verbose(arguments) or bool(os.environ.get(DEBUG)))
    with suppress(Exception):
        log = Log(_find_log_format(arguments))
        trace = hide_users(traceback_of(error)) if shown else ""
        log.error(message, exit_code=error.exit_code, **({"traceback": trace} if trace else {}))
        for line in () if log.json else trace.splitlines():
            log.info(line)


def _pipe_closed() -> int:
    """Return the exit code where whoever read stdout has gone, and keep Python from complaining when it flushes."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 4


def _is_verbose(arguments: Sequence[str]) -> bool:
    """Return whether arguments that need not be right ask for --verbose, on the command line or in their file."""
    if any(re.fullmatch(r"--verbose|-v\w?", word) for word in arguments):
        return True
    file = find_flag(list(arguments), "--config")
    return file is not None and config_file.read_one_option(file, "verbose") is True


def _find_log_format(arguments: Sequence[str]) -> str:
    """Find the form of the lines where the arguments themselves may be wrong: as they say, else as their file does."""
    file = find_flag(list(arguments), "--config")
    form = config_file.read_one_option(file, "log-format") if file else None
    return find_flag(list(arguments), "--log-format") or (form if isinstance(form, str) else "text")


def _run_command(name: str, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; raise ConfigError if there is no such command."""
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {quote(name)}; see fastsync --help")
    code: int = importlib.import_module(COMMANDS[name]).run(arguments)
    return code
