"""argv → Synchronizer → exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastsync import configfile
from fastsync.arguments import combine_parser, iam_parser, parser, report_parser, undo_parser
from fastsync.checks import check_choice
from fastsync.config import Config
from fastsync.errors import ConfigError, FastsyncError
from fastsync.iam import policies
from fastsync.interrupt import Interrupt, Interrupted
from fastsync.policy import Policy
from fastsync.run import Result, Synchronizer
from fastsync.sinks.log import FORMATS, Log, given
from fastsync.sinks.pace import PaceNotice, tell_paces
from fastsync.sinks.progress import Bar, CostNotice, Lines, Sink, Verbose, tell
from fastsync.sinks.summary import summary
from fastsync.table import TableRef


def main(argv: Sequence[str] | None = None, report_only: bool = False) -> int:
    """Run the command line and give its exit code; with `report_only` a run writes nothing, whatever its flags say."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and not arguments[0].startswith("-"):
            return _command(arguments[0], arguments[1:])
        return synchronise(arguments, report_only)
    except FastsyncError as error:
        Log(_form(arguments)).error(str(error), exit_code=error.exit_code)
        return error.exit_code
    except BrokenPipeError:
        # whoever read stdout has gone; keep Python from complaining once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 4


def _form(arguments: list[str]) -> str:
    """Find the form of the lines where the arguments themselves may be wrong: as they say, else as their file does."""
    file = given(arguments, "--config")
    return given(arguments, "--log-format") or (configfile.log_format(file) if file else None) or "text"


def synchronise(arguments: Sequence[str], report_only: bool = False) -> int:
    """Compare and, unless only a report is wanted, repair as the arguments say."""
    flags = parser().flags(arguments)
    if report_only:
        flags["scan_for_extra"] |= flags["delete_extra"]
        flags |= {"write_missing": False, "write_differing": False, "delete_extra": False, "undo_log": None}
    policy = _policy(flags.pop("policy"))
    log = Log(flags["log_format"])
    sinks = _sinks(flags, log)
    master, slaves = flags.pop("master"), flags.pop("slave")
    announce = None if flags["quiet"] else log.info
    result = Synchronizer(master, slaves, policy=policy, sinks=sinks, announce=announce, **flags).run()
    return _told(result, log, flags["quiet"])


def take_back(arguments: Sequence[str]) -> int:
    """Undo a run as the arguments say."""
    flags = undo_parser().flags(arguments)
    verbose, log = flags.pop("verbose"), Log(flags["log_format"])
    from fastsync.undo import undo

    known = [each for each in flags.pop("slave") if isinstance(each, TableRef)]
    quiet = flags["quiet"]
    result = undo(
        flags.pop("log"),
        flags,
        lambda each: tell(each, log) if verbose else None,
        known,
        lambda slaves: None if quiet else tell_paces(slaves, log),
    )
    return _told(result, log, quiet)


def add_up(arguments: Sequence[str]) -> int:
    """Combine files of shards as the arguments say."""
    from fastsync.combine import combine

    flags = combine_parser().flags(arguments)
    check_choice("--log-format", flags["log_format"], *FORMATS)
    log = Log(flags["log_format"])
    with Interrupt() as interrupt:
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
    print(json.dumps(policies(config), indent=2))
    return 0


def _told(result: Result, log: Log, quiet: bool) -> int:
    """Sum the run up; quietly, or where every line is JSON, warnings and errors have lines of their own."""
    if not quiet and not log.json:
        for line in summary(result.stats, result.warnings, result.notes).split("\n"):
            log.info(line)
        return result.exit_code
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)
    if not quiet:
        lines = [line.strip() for line in summary({**result.stats, "errors": []}, (), result.notes).split("\n")]
        say = log.info if result.exit_code == 0 else log.warning
        say("; ".join(lines), complete=result.complete, exit_code=result.exit_code, stats=result.stats)
    return result.exit_code


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
        make_page(flags.files, flags.output, flags.rows)
        return 0
    if name == "estimate":
        from fastsync.estimate import estimate

        return estimate(arguments)
    if name == "iam-policy":
        return tell_policies(arguments)
    raise ConfigError(f"there is no command {name!r}; see fastsync --help")


def _sinks(flags: dict[str, Any], log: Log) -> list[Sink]:
    sinks: list[Sink] = [CostNotice(log)]
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
    except Exception as error:
        raise ConfigError(
            f"--policy {name}: {type(error).__name__}: {error}; give it as package.module:Class"
        ) from None
    if not isinstance(policy, Policy):
        raise ConfigError(f"--policy {name} is not a subclass of fastsync.Policy")
    return policy
