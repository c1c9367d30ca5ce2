"""The flags of all commands, in the groups that `--help` shows."""

from __future__ import annotations

import argparse

from fastsync import __version__
from fastsync.cli.parser import GivenOnce, Parser, number, whole_number

FLAGS = "--master REGION:TABLE --slave REGION:TABLE [--slave ...] [flags]"


def add_run_flags(reader: Parser) -> None:
    """Add all flags of a run."""
    for add in (_add_tables, _add_comparison, _add_repair, _add_limits, _add_resuming, _add_output, _add_access):
        add(reader)


def add_undo_flags(reader: Parser) -> None:
    """Add the flags that an undo shares with a run: pace, output and access."""
    reader.add_argument("--dry-run", action="store_true", help="write nothing, and report what would be taken back")
    pace = reader.add_argument_group("pace")
    pace.add_argument("--parallel", metavar="N", type=int, default=1, help="processes at work at once (default 1)")
    _add_batch_limit(pace)
    _add_retries(pace)
    output = reader.add_argument_group("output")
    _add_files(output)
    output.add_argument("-v", "--verbose", action="store_true", help="a line per item on stderr")
    _add_progress(output)
    _add_access(reader)


def _add_tables(parser: argparse.ArgumentParser) -> None:
    tables = parser.add_argument_group("tables", "written as <region>:<name>, or as a full table ARN")
    tables.add_argument("-m", "--master", metavar="TABLE", action=GivenOnce, help="the table that is the truth")
    tables.add_argument(
        "-s",
        "--slave",
        metavar="TABLE",
        action="append",
        default=[],
        help="a table that should hold the same items; repeatable",
    )
    tables.add_argument(
        "--starting-key",
        metavar="JSON",
        help='start a serial scan of the master at this key, \'{"id":"abc"}\' or DynamoDB JSON',
    )


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--ignore",
        "--ignore-att",
        metavar="NAME",
        action="append",
        default=[],
        help="leave a top-level attribute out of the comparison; repeatable; aws:rep:* always is",
    )
    group.add_argument("--scan-for-extra", action="store_true", help="also find items that only a slave has")
    group.add_argument(
        "--strategy",
        metavar="auto|lookup|merge",
        default="auto",
        help="how slaves are read: keys looked up, or scans side by side; auto, the default, takes the cheaper",
    )
    group.add_argument(
        "--consistent-read", action="store_true", help="strongly consistent scans and look-ups, at twice the price"
    )
    group.add_argument(
        "--no-recheck", action="store_true", help="do not read a suspect again before it counts (for tables at rest)"
    )
    group.add_argument(
        "--recheck-delay", metavar="S", type=number, help="wait so many seconds before reading suspects again"
    )
    group.add_argument(
        "--version-attribute",
        metavar="NAME",
        help="a number or string that grows with each version: an item that is newer on the slave is left alone",
    )
    group.add_argument(
        "--ignore-expired",
        action="store_true",
        help="take items past their time to live (TTL) for absent on both sides",
    )
    group.add_argument("--policy", metavar="M:C", help="judge and decide with class C of module M, a fastsync.Policy")


def _add_repair(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "repair", "every write is conditional on the slave's item being what was compared"
    )
    group.add_argument("--write-missing", action="store_true", help="write items that a slave lacks")
    group.add_argument("--write-differing", action="store_true", help="write items that differ")
    group.add_argument(
        "--delete-extra", action="store_true", help="delete what only a slave has; implies --scan-for-extra"
    )
    group.add_argument(
        "--max-deletes",
        metavar="N|P%",
        help="delete nothing on a slave with more extras than this, or than this share of its items",
    )
    group.add_argument(
        "--allow-empty-master", action="store_true", help="let a master without a single item cause deletes"
    )
    group.add_argument(
        "--undo-log",
        metavar="FILE",
        help="write what every write replaces into a new file first; `fastsync undo FILE` takes the run back",
    )
    group.add_argument(
        "--keep-ignored", action="store_true", help="keep the slave's own values of --ignore'd attributes when writing"
    )
    group.add_argument(
        "--writes",
        metavar="MODE",
        default="guarded",
        help="guarded (default), or batch: 25 at a time and unconditional, for quiet tables; deletes stay conditional",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pace")
    group.add_argument(
        "--parallel",
        metavar="N",
        type=whole_number,
        default=1,
        help="segments worked on at once, one process each (default 1)",
    )
    group.add_argument(
        "--executor",
        metavar="WHERE",
        default="processes",
        help="where segments are worked on: processes (default), inline (in this one), or spark, inside a spark-submit",
    )
    group.add_argument(
        "--segments", metavar="N", type=whole_number, help="segments in all (default: as many as --parallel)"
    )
    group.add_argument(
        "--shard",
        metavar="I/N",
        help="compare only the segments whose number is I modulo N, from 0; needs --segments; auto or auto/N takes I "
        "from AWS Batch or Kubernetes",
    )
    group.add_argument(
        "--sample", metavar="F", type=number, help="compare only this fraction of the segments, for example 0.05"
    )
    group.add_argument(
        "--seed", metavar="S", type=whole_number, help="choose other segments for the sample (default 0)"
    )
    group.add_argument(
        "--scan-limit", metavar="N", type=whole_number, help="items evaluated per Scan request (default: 1 MB)"
    )
    _add_batch_limit(group)
    group.add_argument(
        "--max-duration", metavar="S", type=number, help="end as an interrupt does after S seconds, with exit code 4"
    )
    _add_retries(group)


def _add_batch_limit(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batch-read-limit",
        metavar="N",
        type=whole_number,
        default=100,
        help="keys per BatchGetItem at most; adapts below that (default 100)",
    )


def _add_retries(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--compress", action="store_true", help="ask the service for gzip answers, for slow networks")
    group.add_argument(
        "--max-retries",
        metavar="N",
        type=whole_number,
        default=10,
        help="retries of one request after the first try (default 10)",
    )
    group.add_argument(
        "--retry-delay-base",
        metavar="MS",
        type=number,
        default=50,
        help="base of the exponential backoff in ms, full jitter (default 50)",
    )
    group.add_argument(
        "--max-read-units",
        metavar="R|P%",
        help="read units a second from each table, over all processes; or a share of what it has, such as 25%%",
    )
    group.add_argument(
        "--max-write-units", metavar="W|P%", help="write units a second to each slave, over all processes; or a share"
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--report", metavar="FILE", help="every difference as a line of JSON; - is stdout")
    group.add_argument("--report-values", action="store_true", help="with both sides' differing values")
    group.add_argument("--stats", metavar="FILE", help="final statistics as JSON; - is stdout")
    add_log_format(group)


def add_log_format(group: argparse._ActionsContainer) -> None:
    """Add the flag that decides about the lines on stderr."""
    group.add_argument(
        "--log-format",
        metavar="text|json",
        default="text",
        help="json: every line on stderr is a JSON object with time, level and message",
    )


def _add_resuming(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("resuming")
    group.add_argument("--checkpoint", metavar="FILE", help="save progress in FILE about once a second")
    group.add_argument(
        "--resume", action="store_true", help="continue the run that FILE is of; where there is none, start afresh"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    _add_files(group)
    group.add_argument(
        "--metrics-file", metavar="FILE", help="OpenMetrics text, for a node exporter's textfile collector"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="a line per difference and action on stderr")
    _add_progress(group)


def _add_progress(group: argparse._ArgumentGroup) -> None:
    shown = group.add_mutually_exclusive_group()
    shown.add_argument(
        "--progress", action="store_true", default=None, help="show a bar even where stderr is no terminal"
    )
    shown.add_argument("--no-progress", dest="progress", action="store_false", default=None, help="show no progress")
    shown.add_argument("--quiet", action="store_true", help="neither progress nor summary, only warnings and errors")


def _add_access(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("access")
    group.add_argument(
        "--config", metavar="FILE", action=GivenOnce, help="TOML with the names of the flags; a flag replaces its value"
    )
    group.add_argument(
        "--profile", metavar="NAME", help="profile of the master, and of the slaves where they have none of their own"
    )
    _add_role(group, "--", "role of the master, and of the slaves where they have none of their own")
    group.add_argument("--slave-profile", metavar="NAME", help="profile of the slaves")
    _add_role(group, "--slave-", "role of the slaves, assumed with the slaves' profile or the default chain")
    group.add_argument("--role-session-name", metavar="NAME", help="of assumed roles (default: fastsync)")
    group.add_argument(
        "--role-duration", metavar="S", type=whole_number, default=3600, help="seconds of a role session (default 3600)"
    )
    group.add_argument("--endpoint-url", metavar="URL", help="another DynamoDB-compatible endpoint, for slaves too")
    group.add_argument("--slave-endpoint-url", metavar="URL", help="another endpoint for the slaves")


def _add_role(group: argparse._ArgumentGroup, prefix: str, role: str) -> None:
    group.add_argument(f"{prefix}role-arn", metavar="ARN", help=role)
    group.add_argument(f"{prefix}external-id", metavar="ID", help="external id for assuming that role")
    group.add_argument(f"{prefix}mfa-serial", metavar="SERIAL", help="MFA device for assuming that role")
    group.add_argument(f"{prefix}mfa-token", metavar="CODE", help="its code; without it the terminal is asked")


def with_run_flags(reader: Parser) -> Parser:
    """Add --version and the flags of a run, and return the parser."""
    reader.add_argument("--version", action="version", version=f"fastsync {__version__}")
    add_run_flags(reader)
    return reader
