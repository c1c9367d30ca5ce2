"""fastsync iam-policy: print the least IAM policies for a run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fastsync.cli.flags import USAGE_OF_RUN, add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.cli.policy import load_policy
from fastsync.config.config import Config
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.permissions import make_policies

DESCRIPTION = """\
Print the least IAM policies for a run with exactly these flags, as JSON: {"master": policy, "slave": policy}. Nothing
is read, so no credentials are needed; where the account of a table is not known it is *."""


def make_parser() -> Parser:
    """Return the parser of `fastsync iam-policy`: it takes the flags of the run that the policies are for."""
    parser = create_parser("fastsync iam-policy", f"fastsync iam-policy {USAGE_OF_RUN}", DESCRIPTION)
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the least policies for a run with these arguments, without any request, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    load_policy(flags.pop("policy"))
    config = Config.of(flags.pop("master"), flags.pop("slave"), flags)
    with foreseen_only(Phase("writing to stdout", has_read=True)):
        print(json.dumps(make_policies(config), indent=2), flush=True)
    return 0
