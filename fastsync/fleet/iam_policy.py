"""fastsync iam-policy, also for a fleet's file: one policy for the masters of all pairs, and one for all slaves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastsync.cli import iam_policy
from fastsync.cli.config_file import read_one_option
from fastsync.config.config import Config
from fastsync.fleet.file import Entry, FleetFile, check_given, read_fleet
from fastsync.fleet.pairs import make_pair
from fastsync.fleet.patterns import Pattern
from fastsync.model.table import TableRef
from fastsync.output.log import find_flag
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.permissions import make_policies

NAMES = {"master": "FastsyncMaster", "slave": "FastsyncSlaves"}
LISTING = {"Effect": "Allow", "Action": ["dynamodb:ListTables"], "Resource": ["*"]}
"""What a pattern needs; ListTables knows no single table (service authorization reference)."""


def run(arguments: Sequence[str]) -> int:
    """Print the least policies for a run, or for a fleet, with these arguments; return the exit code."""
    path = find_flag(list(arguments), "--config")
    if path is None or read_one_option(path, "tables") is None:
        return iam_policy.run(arguments)
    given = iam_policy.make_parser().parse_given(arguments)
    given.pop("config")
    check_given(given)
    policies = make_fleet_policies(read_fleet(path), given)
    with foreseen_only(Phase("writing to stdout", has_read=True)):
        print(json.dumps(policies, indent=2), flush=True)
    return 0


make_parser = iam_policy.make_parser


def make_fleet_policies(file: FleetFile, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"master": policy, "slave": policy}` for all entries of a file; raise ConfigError.

    Nothing is read, so a pattern stands in the policy as it is: there, too, a * stands for any characters.
    """
    statements: dict[str, list[Any]] = {"master": [], "slave": []}
    for entry in file.entries:
        for side, policy in make_policies(_make_config(file, entry, given)).items():
            statements[side] += policy["Statement"]
    if any(entry.master.has_star for entry in file.entries):
        for listed in statements.values():
            listed.append(LISTING)
    return {
        side: {"Version": "2012-10-17", "Statement": list(_join(listed, NAMES[side]))}
        for side, listed in statements.items()
    }


def _make_config(file: FleetFile, entry: Entry, given: Mapping[str, Any]) -> Config:
    pair = make_pair(file, entry, given, "x")
    config = pair.config
    slaves = zip(config.slaves, entry.slave_texts, strict=True)
    return replace(
        config,
        master=_with_star(config.tables[0], entry.master.text),
        slaves=tuple(_with_star(ref, text) for ref, text in slaves),
        undo_log="undo" if pair.undo_log else None,
    )


def _with_star(ref: TableRef, text: str) -> TableRef:
    """Return a table whose name is the pattern that it was made of."""
    name = Pattern.parse(text).name
    return replace(ref, text=text, name=ref.name[: -len(ref.bare_name)] + name)


def _join(statements: Iterable[Mapping[str, Any]], name: str) -> Iterable[dict[str, Any]]:
    """Yield one statement for each list of actions, with the tables of all, each with a name of its own."""
    tables: dict[tuple[str, ...], dict[str, None]] = {}
    for each in statements:
        tables.setdefault(tuple(each["Action"]), {}).update(dict.fromkeys(each["Resource"]))
    for number, (actions, arns) in enumerate(tables.items(), 1):
        sid = name if number == 1 else f"{name}{number}"
        yield {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(arns)}
