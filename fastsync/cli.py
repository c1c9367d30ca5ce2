"""argv → Synchronizer → exit code."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastsync import configfile
from fastsync.addresses import hide_users
from fastsync.arguments import combine_parser, iam_parser, parser, report_parser, undo_parser
from fastsync.checks import check_choice, check_path
from fastsync.config import Config
from fastsync.errors import ConfigError, FastsyncError, UnexpectedError
from fastsync.iam import policies
from fastsync.interrupt import Interrupt, Interrupted
from fastsync.policy import Policy
from fastsync.run import Result, Synchronizer
from fastsync.sinks.log import FORMATS, Log, given
from fastsync.sinks.pace import PaceNotice
from fastsync.sinks.progress import Bar, CostNotice, Lines, Sink, Verbose
from fastsync.sinks.summary import summary
from fastsync.table import TableRef
from fastsync.unforeseen import Phase, foreseen_only, traceback_of
from fastsync.wording import describe_exception, quote, shorten, shorten_words

DEBUG = "FASTSYNC_DEBUG"
"""An environment variable that shows where an unforeseen error came from, for commands without --verbose too."""


def main(argv: Sequence[str] | None = None, report_only: bool = False) -> int:
    """Run the command line and give its exit code; with `report_only` a run writes nothing, whatever its flags say."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and not arguments[0].startswith("-"):
        return guarded(lambda: _command(arguments[0], arguments[1:]), arguments)
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


def _check_folder() -> None:
    """Raise ConfigError where the folder that this was started in is gone: then no path and no process can be had."""
    try:
        Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current folder cannot be used: {error.strerror or error}") from None


def report_error(error: FastsyncError, arguments: Sequence[str]) -> None:
    """Write the line of an error that ended a command; with --verbose also where an unforeseen one came from.

    Never raises: whoever reads stderr may be gone.
    """
    message = hide_users(str(error))
    if error.exit_code == ConfigError.exit_code:
        message = shorten_words(message)
    shown = isinstance(error, UnexpectedError) and (_is_verbose(arguments) or bool(os.environ.get(DEBUG)))
    with suppress(Exception):
        log = Log(_form(arguments))
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
    """Say whether arguments that need not be right ask for --verbose, on the command line or in their file."""
    if any(re.fullmatch(r"--verbose|-v\w?", word) for word in arguments):
        return True
    file = given(list(arguments), "--config")
    return file is not None and configfile.peek(file, "verbose") is True


def _form(arguments: Sequence[str]) -> str:
    """Find the form of the lines where the arguments themselves may be wrong: as they say, else as their file does."""
    file = given(list(arguments), "--config")
    form = configfile.peek(file, "log-format") if file else None
    return given(list(arguments), "--log-format") or (form if isinstance(form, str) else "text")


def synchronise(arguments: Sequence[str], report_only: bool = False) -> int:
    """Compare and, unless only a report is wanted, repair as the arguments say."""
    flags = parser().flags(arguments)
    _check_folder()
    if report_only:
        flags["scan_for_extra"] |= flags["delete_extra"]
        flags |= {"write_missing": False, "write_differing": False, "delete_extra": False, "undo_log": None}
    policy = _policy(flags.pop("policy"))
    log = Log(flags["log_format"])
    sinks = [CostNotice(log), *_sinks(flags, log)]
    master, slaves = flags.pop("master"), flags.pop("slave")
    announce = None if flags["quiet"] else log.info
    result = Synchronizer(master, slaves, policy=policy, sinks=sinks, announce=announce, **flags).run()
    return _told(result, log, flags["quiet"])


def take_back(arguments: Sequence[str]) -> int:
    """Undo a run as the arguments say."""
    flags = undo_parser().flags(arguments)
    log = Log(flags["log_format"])
    from fastsync.undo import undo

    known = [each for each in flags.pop("slave") if isinstance(each, TableRef)]
    dry_run, quiet = flags.pop("dry_run"), flags["quiet"]
    check_path("the undo log", flags["log"])
    phase = Phase("undoing")

    def begin() -> None:
        phase.has_read = True

    with foreseen_only(phase):
        result = undo(flags.pop("log"), flags, known, _sinks(flags, log), begin, dry_run=dry_run)
    return _told(result, log, quiet)


def add_up(arguments: Sequence[str]) -> int:
    """Combine files of shards as the arguments say."""
    from fastsync.combine import combine

    flags = combine_parser().flags(arguments)
    check_choice("--log-format", flags["log_format"], *FORMATS)
    log = Log(flags["log_format"])
    with Interrupt() as interrupt, foreseen_only(Phase("combining", has_read=True)):
        try:
            result = combine(flags["files"], flags["stats"], flags["report"])
        except Interrupted:
            return interrupt.exit_code or 130
    return _told(result, log, flags["quiet"])


def tell_policies(arguments: Sequence[str]) -> int:
    """Print the least policies for a run with these arguments; nothing is asked of anybody."""
    flags = iam_parser().flags(arguments)
    _policy(flags.pop("policy"))
    config = Config.of(flags.pop("master"), flags.pop("slave"), flags)
    with foreseen_only(Phase("writing to stdout", has_read=True)):
        print(json.dumps(policies(config), indent=2), flush=True)
    return 0


def _told(result: Result, log: Log, quiet: bool) -> int:
    """Sum the run up, and return its exit code."""
    with foreseen_only(Phase("summing up", has_read=True)):
        _sum_up(result, log, quiet)
    return result.exit_code


def _sum_up(result: Result, log: Log, quiet: bool) -> None:
    """Write the summary; quietly, or where every line is JSON, warnings and errors have lines of their own."""
    if not quiet and not log.json:
        for line in summary(result.stats, result.warnings, result.notes).split("\n"):
            log.info(line)
        return
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)
    if not quiet:
        lines = [line.strip() for line in summary({**result.stats, "errors": []}, (), result.notes).split("\n")]
        say = log.info if result.exit_code == 0 else log.warning
        say("; ".join(lines), complete=result.complete, exit_code=result.exit_code, stats=result.stats)


def _command(name: str, arguments: Sequence[str]) -> int:
    if name == "demo":
        from fastsync.demo import demo

        return demo(arguments)
    if name == "undo":
        return take_back(arguments)
    if name == "combine":
        return add_up(arguments)
    if name == "report":
        from fastsync.reportpage.page import make_page

        flags = report_parser().parse_args(arguments)
        with foreseen_only(Phase("making the page", has_read=True)):
            make_page(flags.files, flags.output, flags.rows)
        return 0
    if name == "estimate":
        from fastsync.estimate import estimate

        return estimate(arguments)
    if name == "iam-policy":
        return tell_policies(arguments)
    raise ConfigError(f"there is no command {quote(name)}; see fastsync --help")


def _sinks(flags: dict[str, Any], log: Log) -> list[Sink]:
    sinks: list[Sink] = []
    if flags["verbose"]:
        sinks.append(Verbose(log))
    if not flags["quiet"]:
        sinks.append(PaceNotice(log))
    if flags["quiet"] or flags["progress"] is False:
        return sinks
    bar = not log.json and (flags["progress"] or sys.stderr.isatty())
    return [*sinks, Bar() if bar else Lines(log)]


def _policy(name: str | None) -> Policy | None:
    if name is None:
        return None
    module, _, cls = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        policy = getattr(importlib.import_module(module), cls)()
    except BaseException as error:  # of the user's module, which may do anything, even exit
        raise ConfigError(
            f"--policy {shorten(name)}: {describe_exception(error)}; give it as package.module:Class"
        ) from error
    if not isinstance(policy, Policy):
        raise ConfigError(f"--policy {name} is not a subclass of fastsync.Policy")
    return policy
