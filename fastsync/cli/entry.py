"""The entry: argv → the module of the command → exit code."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from fastsync.cli import config_file
from fastsync.cli.meant import describe_unknown_command, refer_to_help
from fastsync.errors import ConfigError, FastsyncError, Interrupted, UnexpectedError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import describe_exception, shorten_words
from fastsync.output.log import Log, find_flag
from fastsync.output.unforeseen import Phase, foreseen_only, traceback_of

DEBUG = "FASTSYNC_DEBUG"
"""An environment variable that shows where an unforeseen error came from, for commands without --verbose too."""


@dataclass(frozen=True)
class Command:
    """The module of a command, which has `run(arguments)` and is loaded only when it runs, and what it is for."""

    module: str
    about: str


UNNAMED = "sync"
"""What runs without the name of a command."""
COMMANDS = {
    "sync": Command("fastsync.cli.sync", "compare tables, and repair where flags say so (needs no name)"),
    "compare": Command("fastsync.cli.compare", "compare tables; the flags that write are refused"),
    "fleet": Command("fastsync.fleet.command", "compare many pairs of tables in one run, from one file"),
    "estimate": Command("fastsync.cli.estimate", "what a run would cost in units, money and time"),
    "settings": Command("fastsync.cli.settings", "compare what tables are: indexes, streams, TTL, backups, tags"),
    "undo": Command("fastsync.cli.undo", "restore what a run changed, from its --undo-log"),
    "show": Command("fastsync.cli.show", "print reports for people, path by path; or as CSV or Markdown"),
    "report": Command("fastsync.cli.report", "make an HTML page of reports, statistics and logs"),
    "combine": Command("fastsync.cli.combine", "add up the statistics and reports of shards"),
    "iam-policy": Command("fastsync.fleet.iam_policy", "print the least IAM policies for a run"),
    "completion": Command("fastsync.cli.completion", "print a completion script for bash, zsh or fish"),
    "demo": Command("fastsync.cli.demo", "see it work, on an emulator inside this process"),
    "help": Command("fastsync.cli.help", "list the commands, or show the help of one"),
}
"""Every command, in the order in which they are listed."""
MORE = (
    "fastsync help COMMAND   all flags of a command (COMMAND -h: the common ones)",
    "fastsync --help         all flags of a run, examples, and exit codes",
)


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
    if not arguments:
        for line in list_commands():
            Log().info(line)
        return ConfigError.exit_code
    if arguments[0].startswith("-"):
        return load_run(COMMANDS[UNNAMED].module)(arguments)
    name, *rest = arguments
    if name not in COMMANDS:
        refuse_command(arguments)
    return load_run(COMMANDS[name].module)(rest)


def list_commands() -> Iterator[str]:
    """Yield the lines of a list of all commands, at most as wide as the terminal."""
    yield "usage: fastsync -m REGION:TABLE -s REGION:TABLE [-s ...] [flags]"
    yield "       fastsync COMMAND ..."
    yield ""
    yield "Compare a master DynamoDB table with slaves and, when told to, repair them."
    yield ""
    yield "commands:"
    widest = max(map(len, COMMANDS))
    yield from (f"  {name:{widest}}  {command.about}" for name, command in COMMANDS.items())
    yield ""
    yield from MORE


def refuse_command(words: Sequence[str]) -> NoReturn:
    """Raise ConfigError for words of which the first is no command, with what was probably meant."""
    name, *rest = words
    raise ConfigError(refer_to_help(describe_unknown_command(name, rest, COMMANDS), "fastsync help"))


def load_run(module: str) -> Callable[[Sequence[str]], int]:
    """Load the module of a command, and return its `run`; raise ConfigError where fastsync is installed in part."""
    try:
        run: Callable[[Sequence[str]], int] = importlib.import_module(module).run
    except Exception as error:
        raise ConfigError(f"it cannot be loaded: {describe_exception(error)}; install it anew") from error
    return run
