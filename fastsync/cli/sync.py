"""The command without a name: compare, and repair where the flags ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastsync.cli.flags import USAGE_OF_RUN, add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.policy import load_policy
from fastsync.cli.terminal import Screen, Shown, report_result
from fastsync.output.console.notices import CostNotice, ReplicaNotice
from fastsync.output.console.question import DeleteQuestion, can_ask
from fastsync.output.log import Log
from fastsync.reports.next_step import Left, suggest_next
from fastsync.run.synchronizer import Synchronizer
from fastsync.workers.processes.fork_server import check_folder

DESCRIPTION = """\
Compare a master DynamoDB table with one or more slave tables and, when told to, repair the slaves. Nothing is written
unless a --write-* flag or --delete-extra is given."""

EPILOG = """\
examples:
  what differs between two regions? (reads only)
    fastsync --master us-east-1:orders --slave us-west-2:orders --parallel auto

  also what only the slave has, with every difference in a file
    fastsync -m us-east-1:orders -s us-west-2:orders --scan-for-extra \\
        --report differences.jsonl

  make two slaves equal to the master
    fastsync -m us-east-1:orders -s us-west-2:orders -s eu-west-1:orders \\
        --write-missing --write-differing --delete-extra

  a slave in another account, ignoring an attribute
    fastsync -m us-east-1:orders -s us-east-1:orders-copy \\
        --slave-profile backup --ignore lastSeen

exit codes:
  0  every slave holds what the master holds (as far as was asked), or was made to
  1  differences remain: not asked to be repaired, contended, or newer on the slave
  2  usage or configuration error; nothing was read
  3  tables cannot be compared; nothing was compared
  4  incomplete: a segment or an item failed, or --max-duration or --max-differences ended
     the run; the rest is reported
  5  something was refused by a safety limit, and the rest was done; or --max-cost or
     --max-units kept the run from starting, or ended it
  130, 143  interrupted by SIGINT, SIGTERM; with --checkpoint the run can be resumed"""
WRITES = ("write_missing", "write_differing", "delete_extra")
"""The options that let a run write."""
USAGE = f"""\
fastsync {USAGE_OF_RUN}
       fastsync --config FILE [flags]
       fastsync COMMAND ...   (fastsync help lists them)"""


def make_parser() -> Parser:
    """Return the parser of a run."""
    parser = create_parser("fastsync", USAGE, DESCRIPTION, EPILOG)
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Compare and repair as the arguments say, and return the exit code."""
    return run_flags(make_parser().parse_flags(arguments), ["fastsync", *arguments])


def run_flags(flags: dict[str, Any], command: Sequence[str]) -> int:
    """Compare and repair as the flags of a parser say, and return the exit code; `command` is what was typed."""
    if flags["executor"] != "inline":
        check_folder()
    policy = load_policy(flags.pop("policy"))
    log = Log(flags["log_format"], color=flags["color"])
    screen = Screen(flags, log)
    master, slaves = flags.pop("master"), flags.pop("slave")
    announce = (lambda _: None) if flags["quiet"] else log.info
    if flags["dry_run"]:
        announce("dry run: nothing will be written to a slave")
    synchronizer = Synchronizer(
        master,
        slaves,
        policy=policy,
        sinks=[CostNotice(log), ReplicaNotice(log), *screen.sinks],
        announce=announce,
        confirm_deletes=None if flags["yes"] or not can_ask(flags) else DeleteQuestion(screen.paused),
        **flags,
    )
    with screen.opened():
        result = synchronizer.run()
    return report_result(result, log, _choose_shown(flags, command))


def _choose_shown(flags: Mapping[str, Any], command: Sequence[str]) -> Shown:
    """Return how the result of this command is shown."""
    report = None if flags["report"] == "-" or flags["executor"] == "spark" else flags["report"]
    left = Left(
        report=report,
        undo_log=flags["undo_log"],
        checkpoint=flags["checkpoint"],
        repairing=not flags["dry_run"] and any(flags[each] for each in WRITES),
    )
    return Shown(
        quiet=flags["quiet"],
        verbose=flags["verbose"],
        command=command,
        report=report,
        next_step=lambda result: suggest_next(result, left),
    )
