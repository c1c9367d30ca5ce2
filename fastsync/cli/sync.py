"""The command without a name: compare and, where the flags say so, repair."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastsync.cli.finish import report_result
from fastsync.cli.flags import FLAGS, with_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.policy import load_policy
from fastsync.errors import ConfigError
from fastsync.output.log import Log
from fastsync.output.notices import CostNotice, PaceNotice, Verbose
from fastsync.output.progress import Bar, Lines
from fastsync.output.sink import Sink
from fastsync.run.synchronizer import Synchronizer

DESCRIPTION = """\
Compare a master DynamoDB table with one or more slave tables and, when told to, repair the slaves.
Nothing is written unless a --write-* flag or --delete-extra is given."""

EPILOG = """\
examples:
  what differs between two regions? (reads only)
    fastsync --master us-east-1:orders --slave us-west-2:orders --parallel 16

  also what only the slave has, with every difference in a file
    fastsync -m us-east-1:orders -s us-west-2:orders --scan-for-extra --report differences.jsonl

  make two slaves equal to the master
    fastsync -m us-east-1:orders -s us-west-2:orders -s eu-west-1:orders \\
        --write-missing --write-differing --delete-extra

  a slave in another account, ignoring an attribute
    fastsync -m us-east-1:orders -s us-east-1:orders-copy --slave-profile backup --ignore lastSeen

exit codes:
  0  every slave holds what the master holds (as far as was asked), or was made to
  1  differences remain: not asked to be repaired, contended, or newer on the slave
  2  usage or configuration error; nothing was read
  3  tables cannot be compared; nothing was compared
  4  incomplete: a segment or an item failed, or --max-duration ended the run; the rest is reported
  5  something was refused by a safety limit; the rest was done
  130, 143  interrupted by SIGINT, SIGTERM; with --checkpoint the run can be resumed"""
USAGE = f"""\
fastsync {FLAGS}
       fastsync --config FILE [flags]
       fastsync estimate {FLAGS}
       fastsync iam-policy {FLAGS}
       fastsync undo FILE [flags]
       fastsync combine FILE... [--stats FILE] [--report FILE]
       fastsync report FILE... [-o PAGE]
       fastsync demo"""


def _check_folder() -> None:
    """Raise ConfigError where the folder that this was started in is gone: then no path and no process can be had."""
    try:
        Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current folder cannot be used: {error.strerror or error}") from None


def synchronise(arguments: Sequence[str], report_only: bool = False) -> int:
    """Compare and, unless only a report is wanted, repair as the arguments say."""
    flags = make_parser().parse_flags(arguments)
    _check_folder()
    if report_only:
        flags["scan_for_extra"] |= flags["delete_extra"]
        flags |= {"write_missing": False, "write_differing": False, "delete_extra": False, "undo_log": None}
    policy = load_policy(flags.pop("policy"))
    log = Log(flags["log_format"])
    sinks = [CostNotice(log), *_sinks(flags, log)]
    master, slaves = flags.pop("master"), flags.pop("slave")
    announce = None if flags["quiet"] else log.info
    result = Synchronizer(master, slaves, policy=policy, sinks=sinks, announce=announce, **flags).run()
    return report_result(result, log, flags["quiet"])


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


def make_parser() -> Parser:
    """Return the reader of the arguments of a run; it raises ConfigError instead of exiting."""
    return with_run_flags(create_parser("fastsync", USAGE, DESCRIPTION, EPILOG))
