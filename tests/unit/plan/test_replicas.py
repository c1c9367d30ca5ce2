"""Which slaves are replicas of the master, by the descriptions of both tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fastsync.model.table import ReplicaMode, Replication, Side, TableRef
from fastsync.plan.replicas import LEGACY, find_replica_mode
from tests.unit import builders

EAST, WEST = "us-east-1:orders", "us-west-2:orders"


def arn(region: str, account: str = "111111111111", name: str = "orders") -> str:
    """Make the ARN of a table."""
    return f"arn:aws:dynamodb:{region}:{account}:table/{name}"


OF_EAST, OF_WEST = arn("us-east-1"), arn("us-west-2")


def side(name: str, **told: object) -> Side:
    """Make a table whose description tells this of its global table."""
    made = builders.side(name)
    default = {"arn": name if name.startswith("arn:") else arn(made.table.ref.region, name=made.table.ref.name)}
    return replace(made, table=replace(made.table, replication=Replication(**{**default, **told})))  # type: ignore[arg-type]


BOTH = (("us-east-1", OF_EAST), ("us-west-2", OF_WEST))
REPLICAS: Mapping[str, tuple[Side, Side]] = {
    "both name both": (side(EAST, replicas=BOTH), side(WEST, replicas=BOTH)),
    "the master names the slave": (side(EAST, replicas=((None, OF_WEST),)), side(WEST)),
    "the slave names the master": (side(EAST), side(WEST, replicas=(("us-east-1", OF_EAST),))),
    "by region alone": (side(EAST, replicas=(("us-west-2", None),)), side(WEST)),
    "in another account": (
        side(EAST, replicas=((None, arn("us-west-2", "222222222222")),)),
        side(arn("us-west-2", "222222222222")),
    ),
    "under another name": (
        side(EAST, replicas=((None, arn("us-west-2", name="copy")),)),
        side("us-west-2:copy"),
    ),
    "legacy": (side(EAST, version=LEGACY), side(WEST, version=LEGACY)),
    "no account is known": (side(EAST, arn=None, replicas=(("us-west-2", None),)), side(WEST, arn=None)),
    "an emulator's ARNs": (
        side(EAST, arn=arn("ddblocal"), replicas=(("us-west-2", None),)),
        side(WEST, arn=arn("ddblocal")),
    ),
    "strong": (side(EAST, replicas=BOTH, consistency="STRONG"), side(WEST, replicas=BOTH)),
}
STRANGERS: Mapping[str, tuple[Side, Side]] = {
    "no replicas": (side(EAST), side(WEST)),
    "only itself": (side(EAST, replicas=BOTH[:1]), side(WEST, replicas=BOTH[1:])),
    "a copy under another name": (side(EAST, replicas=BOTH), side("us-west-2:copy")),
    "a copy in a region without a replica": (side(EAST, replicas=BOTH), side("eu-west-1:orders")),
    "the region of another account": (
        side(EAST, replicas=(("us-west-2", None),)),
        side(arn("us-west-2", "222222222222")),
    ),
    "one of two is legacy": (side(EAST, version=LEGACY), side(WEST, version="2019.11.21")),
    "legacy in another account": (side(EAST, version=LEGACY), side(arn("us-west-2", "222222222222"), version=LEGACY)),
    "legacy under another name": (side(EAST, version=LEGACY), side("us-west-2:copy", version=LEGACY)),
    "both of the newer version": (side(EAST, version="2019.11.21"), side(WEST, version="2019.11.21")),
    "no ARN at all": (side(EAST, replicas=((None, "nonsense"),)), side(WEST)),
}


@pytest.mark.parametrize("case", REPLICAS)
def test_replicas_are_found(case: str) -> None:
    """A slave that either description names as a replica, or that shares a legacy global table, is one."""
    master, slave = REPLICAS[case]
    assert find_replica_mode(master, slave) == (ReplicaMode.STRONG if case == "strong" else ReplicaMode.EVENTUAL)


@pytest.mark.parametrize("case", STRANGERS)
def test_other_tables_are_none(case: str) -> None:
    """A table that no description names is no replica, whatever it is called."""
    master, slave = STRANGERS[case]
    assert find_replica_mode(master, slave) is None


def test_a_region_of_the_network_is_that_of_the_table() -> None:
    """A table that is reached as fips-us-west-2 is in us-west-2."""
    slave = side(WEST)
    fips = replace(slave.table, ref=TableRef.parse("fips-us-west-2:orders"))
    slave = replace(slave, table=fips, endpoint=replace(slave.endpoint, signed_region="us-west-2"))
    assert find_replica_mode(side(EAST, replicas=(("us-west-2", None),)), slave) is ReplicaMode.EVENTUAL
