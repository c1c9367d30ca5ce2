"""fastsync compare: a run that only reports, whatever it is given."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.flags import USAGE_OF_RUN, add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.sync import run_flags
from fastsync.config.flags.flag import as_flag
from fastsync.config.flags.options import WRITING
from fastsync.errors import ConfigError

DESCRIPTION = """\
Compare a master with its slaves, and report what differs. It is a run without a command that refuses the flags that
write: --write-missing, --write-differing and --delete-extra, in a config file, too, unless --dry-run is given."""


def make_parser() -> Parser:
    """Return the parser of `fastsync compare`: it takes the flags of a run."""
    parser = create_parser("fastsync compare", f"fastsync compare {USAGE_OF_RUN}", DESCRIPTION)
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Compare as the arguments say, and return the exit code; raise ConfigError where they ask for writes."""
    flags = make_parser().parse_flags(arguments)
    for option in WRITING:
        if flags[option] and not flags["dry_run"]:
            raise ConfigError(
                f"compare never writes, and {as_flag(option)} is given, here or in the config file: "
                "leave it out, or give --dry-run, with which it is ignored"
            )
    return run_flags(flags, ["fastsync", "compare", *arguments])
