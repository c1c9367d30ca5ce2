"""fastsync undo: take a run back by its undo log."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.finish import report_result
from fastsync.cli.flags import add_undo_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.sync import _sinks
from fastsync.config.checks import check_path
from fastsync.model.table import TableRef
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.run.undo import undo_run

DESCRIPTION = """\
Take a run back by its undo log: put back what it overwrote or deleted, and remove what it added, each item only where
the slave still holds what the run left there.

exit codes: 0 all is as it was, 1 some items have changed since and were left, 4 some failed; 2, 3, 130, 143 as ever.
With --dry-run: 0 nothing is left to take back, 1 something is"""


def run(arguments: Sequence[str]) -> int:
    """Undo a run as the arguments say."""
    flags = make_parser().parse_flags(arguments)
    log = Log(flags["log_format"])

    known = [each for each in flags.pop("slave") if isinstance(each, TableRef)]
    dry_run, quiet = flags.pop("dry_run"), flags["quiet"]
    check_path("the undo log", flags["log"])
    phase = Phase("undoing")

    def begin() -> None:
        phase.has_read = True

    with foreseen_only(phase):
        result = undo_run(flags.pop("log"), flags, known, _sinks(flags, log), begin, dry_run=dry_run)
    return report_result(result, log, quiet)


def make_parser() -> Parser:
    """Return the reader of the arguments of `fastsync undo`."""
    reader = create_parser("fastsync undo", "fastsync undo FILE [flags]", DESCRIPTION)
    reader.of_file = {"slave": []}  # their entries tell how the slaves of the log are reached
    reader.add_argument("log", metavar="FILE", help="the undo log of a run")
    add_undo_flags(reader)
    return reader
