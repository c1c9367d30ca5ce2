"""fastsync report: make an HTML page of reports, statistics and logs."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.parser import Parser, create_parser, whole_number
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.html.gather import MOST_ROWS
from fastsync.reports.html.page import make_page

DESCRIPTION = """\
Make one HTML page of a report, and of other files of its run: the file of --stats, and the lines of
--log-format json. Files are told apart by their content. The page opens offline, and loads nothing."""


def make_parser() -> Parser:
    """Return the parser of `fastsync report`."""
    parser = create_parser("fastsync report", "fastsync report FILE... [-o PAGE]", DESCRIPTION)
    parser.add_argument("files", metavar="FILE", nargs="+", help="a report, statistics, or a log; - is stdin")
    parser.add_argument("-o", "--output", metavar="PAGE", default="-", help="where the page goes (default: stdout)")
    parser.add_argument(
        "--rows",
        metavar="N",
        type=whole_number,
        default=MOST_ROWS,
        help=f"differences listed at most (default {MOST_ROWS:,})",
    )
    return parser


def run(arguments: Sequence[str]) -> int:
    """Make the page as the arguments say, and return the exit code."""
    flags = make_parser().parse_args(arguments)
    with foreseen_only(Phase("making the page", has_read=True)):
        make_page(flags.files, flags.output, flags.rows)
    return 0
