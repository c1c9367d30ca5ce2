"""fastsync show: print reports for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from fastsync.cli.flags import add_shared_flag
from fastsync.cli.parser import Parser, create_parser, whole_number
from fastsync.config.checks import MOST, check_choice, check_input, check_number
from fastsync.config.flags.flag import SHOW
from fastsync.model.difference import DIFFERENCES
from fastsync.output.console.color import choose_colors
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.show.selection import ACTIONS, Filters
from fastsync.reports.show.show import FORMATS, TEXT, Request, show_reports
from fastsync.streams import accept_lost_reader

DESCRIPTION = """\
Print reports for people: how many differences there are, then each of them with its slave and its key, and under it
only what differs, path by path, as "slave -> master": what a repair would change on the slave. A report has values
where its run had --report-values.

exit codes: 0 shown, with or without differences; 2 where a FILE is no report or cannot be read"""


def make_parser() -> Parser:
    """Return the parser of `fastsync show`."""
    parser = create_parser("fastsync show", "fastsync show FILE... [flags]", DESCRIPTION)
    parser.intermixed = True
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a report, the folder of one by Spark, or that of a fleet; - is stdin"
    )
    for flag, metavar, about in (
        ("--slave", "TABLE", "only differences of this slave; repeatable"),
        ("--verdict", "|".join(DIFFERENCES), "only differences of this kind; repeatable"),
        ("--attribute", "NAME", "only items in which this attribute differs; repeatable"),
        ("--action", "ACTION", f"only differences with this action: {', '.join(ACTIONS)}; repeatable"),
    ):
        parser.add_argument(flag, dest=f"{flag[2:]}s", metavar=metavar, action="append", default=[], help=about)
    parser.add_argument("--limit", metavar="N", type=whole_number, help="show N at most (default: all, markdown 100)")
    parser.add_argument(
        "--full", action="store_true", help="show long values whole, and what missing and extra items hold"
    )
    parser.add_argument("--format", metavar="|".join(FORMATS), default=TEXT, help="text (default), markdown or csv")
    add_shared_flag(parser, SHOW, "--color")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print reports as the arguments say, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    request = _make_request(flags)
    for path in flags["files"]:
        check_input("FILE", path)
    log = Log(color=flags["color"])
    with foreseen_only(Phase("showing reports", has_read=True)):
        try:
            show_reports(flags["files"], request, sys.stdout, choose_colors(flags["color"], sys.stdout), log)
        except BrokenPipeError:
            accept_lost_reader()
    return 0


def _make_request(flags: dict[str, Any]) -> Request:
    for verdict in flags["verdicts"]:
        check_choice("--verdict", verdict, *DIFFERENCES)
    for action in flags["actions"]:
        check_choice("--action", action, *ACTIONS)
    check_choice("--format", flags["format"], *FORMATS)
    check_number("--limit", flags["limit"], 0, MOST)
    filters = Filters(
        slaves=frozenset(flags["slaves"]),
        verdicts=frozenset(flags["verdicts"]),
        attributes=frozenset(flags["attributes"]),
        actions=frozenset(flags["actions"]),
    )
    return Request(filters, flags["format"], flags["limit"], flags["full"])
