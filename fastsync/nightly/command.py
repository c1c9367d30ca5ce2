"""The command line of scheduled runs: one run, or the lines of a crontab that do them.

python -m fastsync.nightly report|sync CONFIG [--folder DIR] [--keep DAYS] [flags of fastsync]
python -m fastsync.nightly crontab CONFIG [--sync] ...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fastsync.cli import entry
from fastsync.cli.parser import Parser, whole_number
from fastsync.config.checks import check_number, check_path
from fastsync.errors import ConfigError
from fastsync.nightly.crontab import format_crontab
from fastsync.nightly.scheduled_run import run_locked

DESCRIPTION = """\
Do one scheduled run, under a lock, into dated files. What follows CONFIG and is no flag of these goes to fastsync."""
MOST_DAYS = 36_500
"""Days that files are kept at most: a century."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do one scheduled run, or print the lines of a crontab, and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return entry.guarded(lambda: _run_command(arguments), arguments)


def _run_command(arguments: Sequence[str]) -> int:
    given, flags = make_nightly_parser().parse_known_args(arguments)
    check_number("--keep", given.keep, 1, MOST_DAYS)
    check_path("CONFIG", given.config)
    check_path("--folder", given.folder)
    if given.what == "crontab":
        print("\n".join(format_crontab(given.config, given.folder, given.keep, flags, repair=given.sync)))
        return 0
    if given.sync:
        raise ConfigError("--sync goes with crontab only: a repair is `python -m fastsync.nightly sync CONFIG`")
    folder = Path(given.folder).resolve() / Path(given.config).stem
    return run_locked(given.what, folder, given.config, flags, given.keep)


def make_nightly_parser() -> Parser:
    """Return the parser of the arguments of a scheduled run; those that it does not know are for the run."""
    reading = Parser(prog="python -m fastsync.nightly", description=DESCRIPTION, allow_abbrev=False)
    reading.add_argument("what", choices=("report", "sync", "crontab"), help="crontab prints lines that do the others")
    reading.add_argument("config", metavar="CONFIG", help="a --config file, of a run or of a fleet")
    reading.add_argument("--folder", metavar="DIR", default="runs", help="where the runs' files go (default runs)")
    reading.add_argument(
        "--keep", metavar="DAYS", type=whole_number, default=30, help="days that they are kept (default 30)"
    )
    reading.add_argument("--sync", action="store_true", help="with crontab: lines for repairs too")
    return reading
