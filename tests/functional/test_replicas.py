"""Replicas of one global table: they are compared, told, and written to only where that is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import Table, World, actions, item
from tests.tables import call, run_fastsync

MASTER = [item(f"{n:02}", v=1) for n in range(20)]
SLAVE = [*MASTER[1:10], *(item(f"{n:02}", v=2) for n in range(10, 12)), *MASTER[12:], item("x0"), item("x1")]
"""One item is missing, two differ, and two are extra."""
ALL = ("--write-missing", "--write-differing", "--delete-extra")
WRITES = ("PutItem", "DeleteItem", "BatchWriteItem")
TOLD = "is a replica of the same global table as the master"
ANY_KIND = {"lookup": ("--strategy", "lookup"), "merge": ("--strategy", "merge"), "batches": ("--writes", "batch")}


def arn_of(table: Table) -> str:
    """Give the ARN of a table."""
    described = call(table.server, table.region, "DescribeTable", {"TableName": table.name})
    return str(described["Table"]["TableArn"])


def describing(**more: Any) -> Fault:
    """Describe a table with more fields than the server has."""

    def describe(exchange: Exchange) -> Reply:
        told = exchange.forward().json
        return faults.answer({"Table": {**told["Table"], **more}})

    return describe


def replicated(made: World, of: str = "master", **more: Any) -> World:
    """Have one table's description name the other as its replica."""
    side, other = (made.master, made.slave) if of == "master" else (made.slave, made.master)
    replicas = [
        {"RegionName": each.region, "ReplicaArn": arn_of(each), "ReplicaStatus": "CREATING"} for each in (side, other)
    ]
    told = describing(Replicas=replicas, GlobalTableVersion="2019.11.21", **more)
    made.proxy.add(told, "DescribeTable", table=side.name)
    return made


@pytest.fixture
def make_replicas(make_world: MakeWorld) -> Callable[..., World]:
    """Give a function that makes a master and a slave that replicate to each other."""
    return lambda *slaves, **more: replicated(make_world(MASTER, *(slaves or (SLAVE,))), **more)


@pytest.mark.parametrize("of", ["master", "slave"])
@pytest.mark.parametrize("how", ANY_KIND)
def test_writes_to_a_replica_are_refused(make_replicas: Callable[..., World], how: str, of: str) -> None:
    """Every difference that a flag asks to repair is refused with the reason; nothing is sent to the slave."""
    made = make_replicas(of=of)
    ran = made.run(*ALL, *ANY_KIND[how])
    assert (ran.exit_code, ran.stats["complete"]) == (5, True)
    counters = ran.stats["slaves"][str(made.slave)]
    assert (counters["missing"], counters["differing"], counters["extra"], counters["refused"]) == (1, 2, 2, 5)
    assert {line["action"] for line in ran.differences} == {"refused"}
    for line in ran.differences:
        assert "replica of the same global table" in line["error"]
        assert "--allow-replica-writes" in line["error"]
    assert [asked for call in WRITES for asked in made.proxy.of(call)] == []
    assert TOLD in ran.stderr
    assert f"{made.slave}: 5 differences were not repaired" in ran.stderr


def test_only_what_was_asked_for_is_refused(make_replicas: Callable[..., World]) -> None:
    """With --write-missing alone, what differs and what is extra has no action."""
    made = make_replicas()
    ran = made.run("--write-missing", "--scan-for-extra")
    assert ran.exit_code == 5
    assert actions(ran) == [
        ("00", "missing", "refused"),
        ("10", "differing", "none"),
        ("11", "differing", "none"),
        ("x0", "extra", "none"),
        ("x1", "extra", "none"),
    ]


def test_extras_alone_are_refused_too(make_replicas: Callable[..., World]) -> None:
    """No extra is deleted from a replica, however many may be."""
    made = make_replicas([*MASTER, item("x0")])
    ran = made.run("--delete-extra", "--max-deletes", "100%")
    assert (ran.exit_code, actions(ran)) == (5, [("x0", "extra", "refused")])
    assert made.proxy.of("DeleteItem") == []


@pytest.mark.parametrize("flags", [(), ("--quiet",)], ids=["", "quiet"])
def test_a_report_tells_what_to_do(make_replicas: Callable[..., World], flags: Sequence[str]) -> None:
    """A run that only reports says before the comparison what the slave is, and what to do instead of writing to it."""
    made = make_replicas()
    ran = made.run("--scan-for-extra", *flags)
    assert (ran.exit_code, {line["action"] for line in ran.differences}) == (1, {"none"})
    first = ran.stderr.splitlines()[0]
    assert TOLD in first
    for word in ("touch the item on the master", "--allow-replica-writes", "--recheck-delay"):
        assert word in first


def test_equal_replicas_are_fine(make_replicas: Callable[..., World]) -> None:
    """Where nothing differs there is nothing to refuse."""
    made = make_replicas(MASTER)
    assert made.run(*ALL).exit_code == 0


def test_writes_can_be_allowed(make_replicas: Callable[..., World], tmp_path: Path) -> None:
    """--allow-replica-writes repairs a replica like any slave, and undo takes that back without the flag."""
    made = make_replicas()
    before = made.slave.all()
    log = str(tmp_path / "undo")
    ran = made.run(*ALL, "--allow-replica-writes", "--undo-log", log)
    assert (ran.exit_code, made.slave.all()) == (0, made.master.all())
    assert TOLD in ran.stderr
    assert run_fastsync("undo", log, server=made.via).exit_code == 0
    assert made.slave.all() == before


def test_another_slave_is_repaired(make_replicas: Callable[..., World]) -> None:
    """A slave beside it that is no replica is repaired."""
    made = make_replicas(SLAVE, SLAVE)
    assert made.run(*ALL).exit_code == 5
    assert made.slaves[0].all() != made.master.all() == made.slaves[1].all()


def test_an_interrupted_run_refuses_too(make_replicas: Callable[..., World]) -> None:
    """Extras of a replica are refused, and not only left, where the run ended before it came to deletes."""
    made = make_replicas()
    ran = made.run("--delete-extra", "--max-differences", "5")
    assert (ran.exit_code, actions(ran)[-1]) == (5, ("x1", "extra", "refused"))


CONSISTENT: Mapping[str, bool] = {"STRONG": True, "EVENTUAL": False}


@pytest.mark.parametrize("consistency", CONSISTENT)
def test_strong_consistency_is_told(make_replicas: Callable[..., World], consistency: str) -> None:
    """A strongly consistent global table is told as such."""
    made = make_replicas(MultiRegionConsistency=consistency)
    ran = made.run("--write-missing")
    assert ran.exit_code == 5
    assert ("MultiRegionConsistency STRONG" in ran.stderr) is CONSISTENT[consistency]
