"""The least IAM policies that a run with certain flags needs, for the master and for the slaves.

Actions by call: service authorization reference, DynamoDB. Batch calls are checked by the batch action alone, and
conditions need none of their own. A test records the calls of runs and holds these policies against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastsync.config.config import Config
from fastsync.config.key_text import parse_key
from fastsync.config.login import account_of_role
from fastsync.exports.place import parse_place
from fastsync.model.settings import StrategyName
from fastsync.model.table import Login, TableRef

Needed = Callable[[Config], bool]


def make_policies(config: Config) -> dict[str, Any]:
    """Return `{"master": policy, "slave": policy}`, ready for JSON, for exactly these flags."""
    master, *slaves = zip(config.tables, config.logins, strict=True)
    return {
        "master": _make_policy("FastsyncMaster", _list_actions(MASTER_NEEDS, config), [master]),
        "slave": _make_policy("FastsyncSlaves", _list_actions(SLAVE_NEEDS, config), slaves),
    }


def _is_always_needed(_: Config) -> bool:
    return True


def _may_merge(config: Config) -> bool:
    """Return whether slaves may be scanned as the master is; a scan from a key needs lookup."""
    if config.strategy == StrategyName.AUTO:
        return config.starting_key is None
    return config.strategy == StrategyName.MERGE


def _finds_extras(config: Config) -> bool:
    return config.repairing.find_extras


def _may_write(config: Config) -> bool:
    return config.write_missing or config.write_differing


def _reads_master_again(config: Config) -> bool:
    """Return whether keys are looked up on the master.

    They are for suspects, extras, writes that have lost a race, and items that a killed run may have repaired already.
    """
    lost_races = _may_write(config) and config.writes == "guarded"
    earlier_writes = config.resume and config.undo_log is not None
    return config.of_keys or not config.no_recheck or _finds_extras(config) or lost_races or earlier_writes


def _scans_whole_tables(config: Config) -> bool:
    return not config.of_keys


def _may_query(config: Config) -> bool:
    """Return whether items under partition keys may be read; a key with both attributes names one item."""
    if config.if_unchanged:  # the lines of a report name items
        return False
    return bool(config.keys) or any(len(parse_key("--key", key)) == 1 for key in config.key)


def _asks_for_any_item(config: Config) -> bool:
    """Return whether the master is asked if it is empty: where all keys may be of extras that are to be deleted."""
    return config.of_keys and config.delete_extra and not config.allow_empty_master


MASTER_NEEDS: Mapping[str, Needed] = {
    "DescribeTable": _is_always_needed,
    "DescribeTimeToLive": lambda config: config.ignore_expired,
    "Scan": lambda config: _scans_whole_tables(config) or _asks_for_any_item(config),
    "Query": _may_query,
    "BatchGetItem": _reads_master_again,
}
SLAVE_NEEDS: Mapping[str, Needed] = {
    "DescribeTable": _is_always_needed,
    "DescribeTimeToLive": lambda config: config.ignore_expired,
    "Scan": lambda config: _scans_whole_tables(config) and (_finds_extras(config) or _may_merge(config)),
    "Query": _may_query,
    "BatchGetItem": _is_always_needed,
    "PutItem": lambda config: _may_write(config) and config.writes == "guarded",
    "BatchWriteItem": lambda config: _may_write(config) and config.writes == "batch",
    "DeleteItem": lambda config: config.delete_extra,
}
"""Each call that a run may make on a table, and when it does."""
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def _list_actions(needs: Mapping[str, Needed], config: Config) -> list[str]:
    return [f"dynamodb:{call}" for call, needed in needs.items() if needed(config)]


def _format_arn(ref: TableRef, login: Login) -> str:
    """Return a table's ARN. A table given by name is in its credentials' account, which only a role's ARN tells."""
    if ref.name.startswith("arn:"):
        return ref.name
    partition = next((name for prefix, name in _PARTITIONS.items() if ref.region.startswith(prefix)), "aws")
    return f"arn:{partition}:dynamodb:{ref.region}:{account_of_role(login) or '*'}:table/{ref.name}"


def _make_policy(sid: str, actions: Sequence[str], tables: Sequence[tuple[TableRef, Login]]) -> dict[str, Any]:
    """Return the policy for tables, and for what lies in S3 of exports among them; a local folder needs none."""
    statements = []
    arns = [_format_arn(ref, login) for ref, login in tables if not ref.is_export]
    if arns:
        statements.append(_allow(sid, actions, arns))
    places = [place for place in (parse_place(ref.text) for ref, _ in tables if ref.is_export) if place.bucket]
    if places:
        buckets = [f"arn:aws:s3:::{place.bucket}" for place in places]
        objects = [f"arn:aws:s3:::{'/'.join(filter(None, (place.bucket, place.path)))}/*" for place in places]
        statements.append(_allow(f"{sid}Lists", ["s3:ListBucket"], buckets))
        statements.append(_allow(f"{sid}Reads", ["s3:GetObject"], objects))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: Sequence[str], arns: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(dict.fromkeys(arns))}
