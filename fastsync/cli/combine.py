"""fastsync combine: add up the statistics and reports of shards."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.flags import add_shared_flag
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.terminal import Shown, report_result
from fastsync.config.flags.flag import COMBINE
from fastsync.errors import Interrupted
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.combine import combine_files
from fastsync.workers.interrupt import Interrupt

DESCRIPTION = """\
Add up the statistics of shards (what --stats wrote on each host) and, where they are given too, their reports. Files
are told apart by their content, in any order. Files that do not belong together are refused; missing shards are named.

exit codes: those of a run with these statistics: 0, 1, 4 where a shard is missing or incomplete, 5; 2 where refused"""


def make_parser() -> Parser:
    """Return the parser of `fastsync combine`."""
    usage = "fastsync combine FILE... [--stats FILE] [--report FILE]"
    parser = create_parser("fastsync combine", usage, DESCRIPTION)
    parser.intermixed = True
    parser.add_argument("files", metavar="FILE", nargs="+", help="statistics or a report of a shard; - is stdin")
    parser.add_argument("--stats", metavar="FILE", default="-", help="statistics of the whole (default: stdout)")
    parser.add_argument("--report", metavar="FILE", help="report of the whole; - is stdout")
    for name in ("--log-format", "--color"):
        add_shared_flag(parser, COMBINE, name)
    parser.add_argument("--quiet", action="store_true", help="no summary, only warnings and errors")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Combine files of shards as the arguments say, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    log = Log(flags["log_format"], color=flags["color"])
    with Interrupt() as interrupt, foreseen_only(Phase("combining", has_read=True)):
        try:
            result = combine_files(flags["files"], flags["stats"], flags["report"])
        except Interrupted:
            return interrupt.exit_code or 130
    return report_result(result, log, Shown(quiet=flags["quiet"]))
