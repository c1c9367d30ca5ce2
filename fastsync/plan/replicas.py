"""Find slaves that are replicas of the master: tables of the same global table, by what their descriptions say.

A write to a replica is replicated to all others within seconds, and the last writer wins (developer guide, "Global
tables: how it works"). So a repair of a replica would overwrite on the master what was written there meanwhile.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fastsync.model.table import ReplicaMode, Side

_ARN = re.compile(r"arn:[^:]*:dynamodb:([^:]*):([^:]*):table/([^/]+)")
LEGACY = "2017.11.29"
"""The version of global tables whose descriptions name no replicas."""


class _Name(NamedTuple):
    """What a table is called; the account is "" where it is not known."""

    region: str
    account: str
    table: str


def find_replica_mode(master: Side, slave: Side) -> ReplicaMode | None:
    """Return how a slave and the master replicate to each other; None where they do not."""
    if master.is_export or slave.is_export:
        return None
    if not (_names(master, slave) or _names(slave, master) or _share_legacy_table(master, slave)):
        return None
    consistencies = (side.table.replication.consistency for side in (master, slave))
    return ReplicaMode.STRONG if "STRONG" in consistencies else ReplicaMode.EVENTUAL


def _names(side: Side, other: Side) -> bool:
    """Return whether the replicas of one table name the other one."""
    its_name, own = _name_of(other), _name_of(side)
    for region, arn in side.table.replication.replicas:
        if arn is None:
            named = _Name(region or "", own.account, own.table)
        elif arn in (other.table.replication.arn, other.table.ref.name):
            return True
        else:
            named = _parse_arn(arn)
        if _are_same(named, its_name):
            return True
    return False


def _share_legacy_table(master: Side, slave: Side) -> bool:
    one, other = _name_of(master), _name_of(slave)
    if not _are_same(one, other._replace(region=one.region)):
        return False
    return master.table.replication.version == slave.table.replication.version == LEGACY


def _name_of(side: Side) -> _Name:
    """Return a table's name. Its region is that of its address: emulators have one of their own in every ARN."""
    ref = side.table.ref
    region = side.endpoint.signed_region or ref.region
    for arn in (ref.name, side.table.replication.arn or ""):
        if _ARN.fullmatch(arn):
            return _parse_arn(arn)._replace(region=region)
    return _Name(region, "", ref.name)


def _parse_arn(arn: str) -> _Name:
    found = _ARN.fullmatch(arn)
    if found is None:
        return _Name("", "", "")
    return _Name(*found.groups())


def _are_same(one: _Name, other: _Name) -> bool:
    """Return whether two names are those of one table; an account that is not known may be any."""
    if (one.region, one.table) != (other.region, other.table):
        return False
    return one.account == other.account or "" in (one.account, other.account)
