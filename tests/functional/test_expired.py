"""Expired items count as absent on both sides, by the TTL settings that the tables really have.

Not on DynamoDB Local: it deletes expired items by itself, now and then within a second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.proxy import Proxy
from tests.functional.tables_behind_proxy import Table, World, item
from tests.servers import Server
from tests.tables import Item, call

NOW = int(time.time())
PAST, FUTURE, LONG_AGO = NOW - 3600, NOW + 86400, NOW - 6 * 365 * 86400
ALL = ("--write-missing", "--write-differing", "--delete-extra")


def expiring(at: int, **more: str | int) -> Item:
    """Make an item that expires at a time."""
    return item("k", ttl=at, **more)


@dataclass(frozen=True)
class Case:
    """Items of master and slave, what is found of them, what is left on the slave, and the counters that are not 0."""

    master: Item | None
    slave: Item | None
    found: tuple[str, str] | None
    left: Item | None
    counted: Mapping[str, int] = field(default_factory=dict)
    attributes: tuple[str | None, str | None] = ("ttl", "ttl")


LIVE, LIVELIER = expiring(FUTURE), expiring(FUTURE + 1)
DEAD = expiring(PAST)
CASES = {
    "an item that has expired on both sides is no difference, whatever it holds": Case(
        expiring(PAST, v=1), expiring(PAST, v=2), None, expiring(PAST, v=2), {"expired": 1}
    ),
    "an expired item that is equal on both sides is not the same, but expired": Case(
        DEAD, DEAD, None, DEAD, {"expired": 1}
    ),
    "an expired item that the slave has lost already is not missing": Case(DEAD, None, None, None, {"expired": 1}),
    "an expired item that only the slave still has is not extra, and is left alone": Case(None, DEAD, None, DEAD),
    "an item that has expired on the slave only is missing, and is written over it": Case(
        LIVE, DEAD, ("missing", "written"), LIVE, {"missing": 1, "written": 1}
    ),
    "an item that has expired on the master only is extra, and is deleted": Case(
        DEAD, LIVE, ("extra", "deleted"), None, {"expired": 1, "extra": 1, "deleted": 1}
    ),
    "live items are compared as ever": Case(
        LIVE, LIVELIER, ("differing", "written"), LIVE, {"differing": 1, "written": 1}
    ),
    "an item without the attribute never expires": Case(
        item("k", v=1), None, ("missing", "written"), item("k", v=1), {"missing": 1, "written": 1}
    ),
    "a TTL that is no number never expires": Case(
        item("k", ttl="1"), None, ("missing", "written"), item("k", ttl="1"), {"missing": 1, "written": 1}
    ),
    "what expired more than five years ago is never deleted by the service, and is compared": Case(
        expiring(LONG_AGO), None, ("missing", "written"), expiring(LONG_AGO), {"missing": 1, "written": 1}
    ),
    "without a TTL on the tables nothing expires": Case(
        DEAD, None, ("missing", "written"), DEAD, {"missing": 1, "written": 1}, (None, None)
    ),
    "what the slave's own TTL would delete again is not written": Case(
        DEAD, None, None, None, {"expired": 1}, (None, "ttl")
    ),
    "each table has its own attribute": Case(
        item("k", ends=PAST), item("k", ttl=FUTURE), ("extra", "deleted"), None,
        {"expired": 1, "extra": 1, "deleted": 1}, ("ends", "ttl"),
    ),
}  # fmt: skip


def _make(proxy: Proxy, dynoxide: Server, case: Case) -> World:
    keep = item("always", n=1)
    sides = ([keep, *([each] if each else [])] for each in (case.master, case.slave))
    made = tables_behind_proxy.make(proxy, dynoxide, *sides)
    for table, attribute in zip((made.master, made.slave), case.attributes, strict=True):
        if attribute is not None:
            _expire_by(table, attribute)
    return made


def _expire_by(table: Table, attribute: str) -> None:
    setting = {"Enabled": True, "AttributeName": attribute}
    call(table.server, table.region, "UpdateTimeToLive", {"TableName": table.name, "TimeToLiveSpecification": setting})


@pytest.mark.parametrize(
    "flags",
    [(), ("--no-recheck",), ("--writes", "batch"), ("--strategy", "merge"), ("--strategy", "merge", "--no-recheck")],
    ids=" ".join,
)
@pytest.mark.parametrize("promise", CASES)
def test_expired(proxy: Proxy, dynoxide: Server, promise: str, flags: Sequence[str]) -> None:
    """What the case's name says."""
    case = CASES[promise]
    made = _make(proxy, dynoxide, case)
    ran = made.run_inline(*ALL, "--ignore-expired", *flags)
    assert tables_behind_proxy.actions(ran) == ([("k", *case.found)] if case.found else [])
    assert made.slave.get("k") == case.left
    counted = {what: count for what, count in ran.stats["slaves"][str(made.slave)].items() if count}
    ignored = {"compared", "same", "scanned", "read_units", "write_units"}
    assert {what: count for what, count in counted.items() if what not in ignored} == case.counted
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    verdicts = sum(counted.get(what, 0) for what in ("same", "missing", "differing", "settled", "expired"))
    assert verdicts == counted["compared"] == ran.stats["master"]["scanned"]


CHOSEN = {
    "an expired item of the master that is left out is filtered, and makes no extra": (
        expiring(PAST, v=2), expiring(FUTURE, v=1), None, {"filtered": 1},
    ),
    "an expired item of the master that is chosen makes an extra, whatever the slave's item holds": (
        expiring(PAST, v=1), expiring(FUTURE, v=2), ("extra", "deleted"), {"expired": 1, "extra": 1, "deleted": 1},
    ),
    "an expired item of the master that is left out and missing is filtered": (
        expiring(PAST, v=2), None, None, {"filtered": 1},
    ),
}  # fmt: skip
"""Items of master and slave, what is found where v is to be 1, and the counters that are not 0."""


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
@pytest.mark.parametrize("rechecked", [True, False])
@pytest.mark.parametrize("promise", CHOSEN)
def test_expired_items_that_are_chosen(
    proxy: Proxy, dynoxide: Server, promise: str, strategy: str, rechecked: bool
) -> None:
    """What the case's name says."""
    master, slave, found, expected = CHOSEN[promise]
    made = _make(proxy, dynoxide, Case(master, slave, None, None))
    chosen = ("--where", "v == `1` || n == `1`", "--ignore-expired", "--strategy", strategy)
    ran = made.run_inline(*ALL, *chosen, *([] if rechecked else ["--no-recheck"]))
    assert ran.exit_code == 0, ran.stats["errors"]
    assert tables_behind_proxy.actions(ran) == ([("k", *found)] if found else [])
    counted = {what: count for what, count in ran.stats["slaves"][str(made.slave)].items() if count}
    assert {what: counted[what] for what in counted if what in ("filtered", "expired", "extra", "deleted")} == expected


def test_without_the_flag_expired_items_are_compared(proxy: Proxy, dynoxide: Server) -> None:
    """An expired item is an item like any other unless --ignore-expired is given, and TTL is not asked for."""
    made = _make(proxy, dynoxide, Case(DEAD, None, None, None))
    ran = made.run_inline("--write-missing")
    assert tables_behind_proxy.actions(ran) == [("k", "missing", "written")]
    assert made.proxy.of("DescribeTimeToLive") == []


def test_an_item_that_expires_before_it_is_read_again_is_no_difference(proxy: Proxy, dynoxide: Server) -> None:
    """A suspect that has expired by the time it is read again is neither written nor reported."""
    made = _make(proxy, dynoxide, Case(LIVE, None, None, None))
    consistent = {"where": lambda each: each.consistent}
    proxy.add(faults.before(lambda: made.master.put(DEAD)), "BatchGetItem", table=made.master.name, **consistent)
    ran = made.run_inline(*ALL, "--ignore-expired")
    assert (ran.exit_code, tables_behind_proxy.actions(ran), made.slave.get("k")) == (0, [], None)


def test_settings_that_may_not_be_asked_for(proxy: Proxy, dynoxide: Server) -> None:
    """Where DescribeTimeToLive is denied nothing is compared by guess: exit 3, and the sentence names the flag."""
    made = _make(proxy, dynoxide, Case(DEAD, None, None, None))
    proxy.add(faults.DENIED, "DescribeTimeToLive")
    ran = made.run("--ignore-expired")
    assert ran.exit_code == 3
    assert "--ignore-expired" in ran.stderr
    tables_behind_proxy.no_traceback(ran)
