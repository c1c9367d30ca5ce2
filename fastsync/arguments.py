"""The command line's flags: what argparse reads, what `--help` says."""

from __future__ import annotations

import argparse

from fastsync import __version__
from fastsync.flags import add_log_format, add_of_run, add_of_undo
from fastsync.reader import Reader, whole_number
from fastsync.reportpage.gather import MOST_ROWS

DESCRIPTION = """\
Compare a master DynamoDB table with one or more slave tables and, when told to, repair the slaves.
Nothing is written unless a --write-* flag or --delete-extra is given."""

ESTIMATE_DESCRIPTION = """\
Tell what a run with these flags would take by each strategy: capacity units, money and time.
Nothing but the tables' descriptions is read, and nothing is written."""

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

UNDO_DESCRIPTION = """\
Take a run back by its undo log: put back what it overwrote or deleted, and remove what it added, each item only where
the slave still holds what the run left there.

exit codes: 0 all is as it was, 1 some items have changed since and were left, 4 some failed; 2, 3, 130, 143 as ever.
With --dry-run: 0 nothing is left to take back, 1 something is"""
REPORT_DESCRIPTION = """\
Make one HTML page of a report, and of what else is given of its run: the file of --stats, and the lines of
--log-format json. Files are told apart by their content. The page opens offline, and loads nothing."""
COMBINE_DESCRIPTION = """\
Add up the statistics of shards (what --stats wrote on each host) and, where they are given too, their reports. Files
are told apart by their content, in any order. What does not belong together is refused, what is missing is told.

exit codes: those of a run with these statistics: 0, 1, 4 where a shard is missing or incomplete, 5; 2 where refused"""
IAM_DESCRIPTION = """\
Print the least IAM policies for a run with exactly these flags, as JSON: {"master": policy, "slave": policy}. Nothing
is read, so no credentials are needed; where the account of a table is not known it is *."""
FLAGS = "--master REGION:TABLE --slave REGION:TABLE [--slave ...] [flags]"
USAGE = f"""\
fastsync {FLAGS}
       fastsync --config FILE [flags]
       fastsync estimate {FLAGS}
       fastsync iam-policy {FLAGS}
       fastsync undo FILE [flags]
       fastsync combine FILE... [--stats FILE] [--report FILE]
       fastsync report FILE... [-o PAGE]
       fastsync demo"""


def parser() -> Reader:
    """Give the reader of the arguments of a run; it raises ConfigError instead of exiting."""
    return _with_flags(_reader("fastsync", USAGE, DESCRIPTION, EPILOG))


def estimate_parser() -> Reader:
    """Give the reader of the arguments of `fastsync estimate`: those of a run, and how to tell."""
    reader = _reader("fastsync estimate", f"fastsync estimate {FLAGS} [--json]", ESTIMATE_DESCRIPTION)
    reader.add_argument("--json", action="store_true", help="tell it as JSON")
    return _with_flags(reader)


def iam_parser() -> Reader:
    """Give the reader of the arguments of `fastsync iam-policy`: those of the run that the policies are for."""
    return _with_flags(_reader("fastsync iam-policy", f"fastsync iam-policy {FLAGS}", IAM_DESCRIPTION))


def undo_parser() -> Reader:
    """Give the reader of the arguments of `fastsync undo`."""
    reader = _reader("fastsync undo", "fastsync undo FILE [flags]", UNDO_DESCRIPTION)
    reader.of_file = {"slave": []}  # their entries tell how the slaves of the log are reached
    reader.add_argument("log", metavar="FILE", help="the undo log of a run")
    add_of_undo(reader)
    return reader


def combine_parser() -> Reader:
    """Give the reader of the arguments of `fastsync combine`."""
    usage = "fastsync combine FILE... [--stats FILE] [--report FILE]"
    reader = _reader("fastsync combine", usage, COMBINE_DESCRIPTION)
    reader.intermixed = True
    reader.add_argument("files", metavar="FILE", nargs="+", help="statistics or a report of a shard; - is stdin")
    reader.add_argument("--stats", metavar="FILE", default="-", help="statistics of the whole (default: stdout)")
    reader.add_argument("--report", metavar="FILE", help="report of the whole; - is stdout")
    add_log_format(reader)
    reader.add_argument("--quiet", action="store_true", help="no summary, only warnings and errors")
    return reader


def report_parser() -> Reader:
    """Give the reader of the arguments of `fastsync report`."""
    reader = _reader("fastsync report", "fastsync report FILE... [-o PAGE]", REPORT_DESCRIPTION)
    reader.add_argument("files", metavar="FILE", nargs="+", help="a report, statistics, or a log; - is stdin")
    reader.add_argument("-o", "--output", metavar="PAGE", default="-", help="where the page goes (default: stdout)")
    reader.add_argument(
        "--rows",
        metavar="N",
        type=whole_number,
        default=MOST_ROWS,
        help=f"differences listed at most (default {MOST_ROWS:,})",
    )
    return reader


def _reader(prog: str, usage: str, description: str, epilog: str | None = None) -> Reader:
    return Reader(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _with_flags(reader: Reader) -> Reader:
    reader.add_argument("--version", action="version", version=f"fastsync {__version__}")
    add_of_run(reader)
    return reader
