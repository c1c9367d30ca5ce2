"""fastsync undo: restore what a run changed, from its undo log."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.flags import add_undo_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.terminal import Screen, Shown, report_result
from fastsync.config.checks import check_path
from fastsync.model.table import TableRef
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.run.undo import undo_run

DESCRIPTION = """\
Undo a run by its undo log: restore what it overwrote or deleted, and delete what it added. An item that has changed
since the run is left alone.

exit codes: 0 all is as it was, 1 some items have changed since and were left, 4 some failed; 2, 3, 130, 143 as ever.
With --dry-run: 0 nothing is left to undo, 1 something is"""


def make_parser() -> Parser:
    """Return the parser of `fastsync undo`."""
    parser = create_parser("fastsync undo", "fastsync undo FILE [flags]", DESCRIPTION)
    parser.file_only = {"slave": []}  # entries of the config file say how to reach the slaves of the undo log
    parser.add_argument("log", metavar="FILE", help="the undo log of a run")
    add_undo_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Undo a run as the arguments say, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    log = Log(flags["log_format"], color=flags["color"])
    known = [each for each in flags.pop("slave") if isinstance(each, TableRef)]
    dry_run, quiet = flags.pop("dry_run"), flags["quiet"]
    check_path("the undo log", flags["log"])
    phase = Phase("undoing")

    def begin() -> None:
        phase.has_read = True

    with foreseen_only(phase):
        screen = Screen(flags, log)
        announce = (lambda _: None) if quiet else log.info
        with screen.opened():
            result = undo_run(flags.pop("log"), flags, known, screen.sinks, begin, dry_run=dry_run, announce=announce)
    shown = Shown(quiet=quiet, verbose=flags["verbose"], command=["fastsync", "undo", *arguments])
    return report_result(result, log, shown)
