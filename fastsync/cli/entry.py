"""The entry: argv → the module of the command → exit code."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from fastsync.cli import config_file
from fastsync.errors import ConfigError, FastsyncError, Interrupted, UnexpectedError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import describe_exception, quote, shorten_words
from fastsync.output.log import Log, find_flag
from fastsync.output.unforeseen import Phase, foreseen_only, traceback_of

DEBUG = "FASTSYNC_DEBUG"
"""An environment variable that shows where an unforeseen error came from, for commands without --verbose too."""

UNNAMED = "fastsync.cli.sync"
"""The module of the command without a name: compare and repair."""
COMMANDS = {
    "combine": "fastsync.cli.combine",
    "demo": "fastsync.cli.demo",
    "estimate": "fastsync.cli.estimate",
    "iam-policy": "fastsync.cli.iam_policy",
    "report": "fastsync.cli.report",
    "undo": "fastsync.cli.undo",
}
"""The module of each command, loaded only when it runs. Each has `run(arguments)`, which returns the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    return guarded(lambda: _run_command(arguments), arguments)


def guarded(command: Callable[[], int], arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; if it raises, report that in one line and return the error's code."""
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
    """Write the error that ended a command in one line; with --verbose also the traceback of an unforeseen one.

    Never raises: whoever reads stderr may be gone.
    """
    message = hide_users(str(error))
    if error.exit_code == ConfigError.exit_code:
        message = shorten_words(message)
    fields: dict[str, Any] = {"exit_code": error.exit_code}
    with suppress(Exception):
        log = Log(_find_text(arguments, "log-format", "text"), color=_find_text(arguments, "color", "auto"))
        if isinstance(error, UnexpectedError) and (os.environ.get(DEBUG) or _is_verbose(arguments)):
            fields["traceback"] = hide_users(traceback_of(error))
        log.error(message, **fields)
        if not log.json:
            for line in fields.get("traceback", "").splitlines():
                log.info(line)


def _pipe_closed() -> int:
    """Return the exit code for a closed stdout, and keep Python from failing when it flushes at the end."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 4


def _is_verbose(arguments: Sequence[str]) -> bool:
    """Return whether arguments, which may be wrong, ask for --verbose on the command line or in their config file."""
    if any(re.fullmatch(r"--verbose|-v\w?", word) for word in arguments):
        return True
    return _find_in_config(arguments, "verbose") is True


def _find_text(arguments: Sequence[str], name: str, default: str) -> str:
    """Return the value of a flag in arguments, which may be wrong, or in their config file; else the default."""
    given = find_flag(list(arguments), f"--{name}")
    if given:
        return given
    configured = _find_in_config(arguments, name)
    return configured if isinstance(configured, str) else default


def _find_in_config(arguments: Sequence[str], key: str) -> Any:
    """Return a value of the config file that arguments name; None if there is no such file or value."""
    file = find_flag(list(arguments), "--config")
    if not file:
        return None
    return config_file.read_one_option(file, key)


def _run_command(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        return _load_run(UNNAMED)(arguments)
    name, *rest = arguments
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {quote(name)}; see fastsync --help")
    return _load_run(COMMANDS[name])(rest)


def _load_run(module: str) -> Callable[[Sequence[str]], int]:
    """Load the module of a command, and return its `run`; raise ConfigError where fastsync is installed in part."""
    try:
        run: Callable[[Sequence[str]], int] = importlib.import_module(module).run
    except Exception as error:
        raise ConfigError(f"it cannot be loaded: {describe_exception(error)}; install it anew") from error
    return run
