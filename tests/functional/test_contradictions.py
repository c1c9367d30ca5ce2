"""Answers that contradict each other, and masters that are as good as empty: no slave loses an item by them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Proxy, Reply
from tests.functional.tables_behind_proxy import World, item
from tests.servers import Server
from tests.tables import Item, call

ITEMS = [item(f"{n:03}", n=n) for n in range(250)]
EXTRAS = [item(f"extra{n}") for n in range(3)]
ALL = ("--write-missing", "--write-differing", "--delete-extra")


def finds_nothing(exchange: Exchange) -> Reply:
    """Answer a look-up as if none of its keys existed, in a form that is whole."""
    (table,) = exchange.body["RequestItems"]
    spent = [{"TableName": table, "CapacityUnits": 1.0}]
    return faults.answer({"Responses": {table: []}, "UnprocessedKeys": {}, "ConsumedCapacity": spent})


HIT: Mapping[str, range] = {
    "every look-up": range(1, 1000),
    "the first look-up": range(1, 2),
    "a later one": range(2, 3),
}


@pytest.mark.parametrize("which", HIT)
@pytest.mark.parametrize("flags", [ALL, ("--delete-extra",), ("--delete-extra", "--consistent-read")], ids=" ".join)
def test_a_master_whose_look_ups_find_nothing(make_world: MakeWorld, flags: Sequence[str], which: str) -> None:
    """Items that are the same and extra at once make a contradiction: that slave keeps all, exit code 5."""
    made = make_world(ITEMS, [*ITEMS, *EXTRAS], ITEMS)
    made.proxy.add(_lying(HIT[which]), "BatchGetItem", table=made.master.name)
    ran = made.run(*flags, "--segments", "2")
    assert ran.exit_code == 5
    assert len(made.slaves[0].all()) == 253
    assert len(made.slaves[1].all()) == 250
    assert made.proxy.of("DeleteItem") == []
    refused = [line for line in ran.differences if line["action"] == "refused"]
    assert refused
    assert all("its answers cannot be trusted; run again" in line["error"] for line in refused)
    assert "cannot be trusted" in ran.stderr


def _lying(which: range) -> Fault:
    """Find none of the keys of some batches, told apart by their keys, however often they are asked for."""
    numbers: dict[str, int] = {}
    hidden: set[str] = set()

    def fault(exchange: Exchange) -> Reply:
        asked = {key["id"]["S"] for key in exchange.request.keys}
        number = numbers.setdefault(str(sorted(asked)), len(numbers) + 1)
        if number in which and "ProjectionExpression" in exchange.request.asked:
            hidden.update(asked)
        if asked & hidden:
            return finds_nothing(exchange)
        return exchange.forward()

    return fault


MODES: Mapping[str, Sequence[str]] = {
    "lookup": ("--strategy", "lookup"),
    "merge": ("--strategy", "merge"),
    "segments": ("--strategy", "merge", "--segments", "5", "--parallel", "2"),
    "no recheck": ("--strategy", "lookup", "--no-recheck", "--segments", "3"),
    "batches": ("--strategy", "merge", "--writes", "batch"),
    "a sample": ("--strategy", "lookup", "--segments", "8", "--sample", "0.5"),
    "a shard": ("--strategy", "merge", "--segments", "8", "--shard", "0/2"),
    "a version": ("--strategy", "merge", "--version-attribute", "n"),
}


@pytest.mark.parametrize("mode", MODES)
def test_tables_at_rest_never_contradict_themselves(server: Server, mode: str) -> None:
    """Whatever is same, missing, differing or extra, deletes at rest are not refused."""
    slave = [*ITEMS[:100], *(item(f"{n:03}", n=-1) for n in range(100, 150)), *EXTRAS]
    with Proxy(server.url) as proxy:
        made = tables_behind_proxy.make(proxy, server, ITEMS, slave, ITEMS, [*EXTRAS, ITEMS[0]])
        ran = made.run(*ALL, *MODES[mode], "--scan-limit", "20")
        assert ran.exit_code in (0, 1)
        assert [slave["refused"] for slave in ran.stats["slaves"].values()] == [0, 0, 0]


def test_a_resumed_run_at_rest_does_not_contradict_itself(make_world: MakeWorld, tmp_path: Path) -> None:
    """A run that was ended many times deletes its extras in the end, each once."""
    made = make_world(ITEMS, [*ITEMS[5:], *EXTRAS])
    flags = (*ALL, "--checkpoint", str(tmp_path / "c"), "--resume", "--report", str(tmp_path / "report"))
    made.proxy.add(faults.delayed(0.05), "Scan")
    ended = [made.run(*flags, "--scan-limit", "20", "--max-duration", "0.5") for _ in range(3)]
    assert {ran.exit_code for ran in ended} == {4}
    ran = made.run(*flags)
    assert (ran.exit_code, ran.stats["slaves"][str(made.slave)]["deleted"]) == (0, 3)
    assert made.slave.all() == made.master.all()


def _expiring(made: World, attribute: str = "ttl") -> None:
    for table in (made.master, made.slave):
        wanted = {"Enabled": True, "AttributeName": attribute}
        body = {"TableName": table.name, "TimeToLiveSpecification": wanted}
        call(table.server, table.region, "UpdateTimeToLive", body)


def _past(key: str) -> Item:
    return item(key, ttl=int(time.time()) - 1000)


EMPTY: Mapping[str, tuple[Sequence[Item], Sequence[str], int]] = {
    "all expired": ([_past(f"{n}") for n in range(5)], ("--ignore-expired",), 5),
    "no item": ([], ("--ignore-expired",), 5),
    "all expired, allowed": ([_past(f"{n}") for n in range(5)], ("--ignore-expired", "--allow-empty-master"), 0),
    "one alive": ([*(_past(f"{n}") for n in range(5)), item("alive")], ("--ignore-expired", "--write-missing"), 0),
    "expired, but nobody asked": ([_past(f"{n}") for n in range(5)], ("--write-missing",), 0),
}


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
@pytest.mark.parametrize("case", EMPTY)
def test_a_master_whose_items_have_expired(proxy: Proxy, dynoxide: Server, case: str, strategy: str) -> None:
    """A master of which every item counts as absent is an empty one: it causes no delete unless that is allowed."""
    master, flags, exit_code = EMPTY[case]
    made = tables_behind_proxy.make(proxy, dynoxide, master, [item(f"live{n}") for n in range(5)])
    _expiring(made)
    ran = made.run("--delete-extra", "--strategy", strategy, *flags)
    assert ran.exit_code == exit_code
    kept = [each for each in made.slave.all() if each["id"]["S"].startswith("live")]
    assert len(kept) == (5 if exit_code else 0)
    if exit_code:
        assert all("--allow-empty-master" in line["error"] for line in ran.differences)
