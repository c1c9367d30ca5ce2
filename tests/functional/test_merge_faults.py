"""Faults that stay, under merge: a table that cannot be scanned, or not be looked up, never looks like an empty one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault
from tests.functional.tables_behind_proxy import World, item
from tests.tables import Item

STAYING: Mapping[str, Fault] = {
    "throttled": faults.THROTTLED,
    "500": faults.INTERNAL,
    "cut in mid-body": faults.cut_body,
    "wrong CRC": faults.bad_crc,
    "{} with status 200": faults.empty_object,
    "denied": faults.DENIED,
}
MERGE = ("--strategy", "merge", "--max-retries", "2", "--scan-limit", "10")
REPAIR = ("--write-missing", "--write-differing", "--delete-extra")
MASTER = [item(f"{n:03}", n=n) for n in range(60)]
EXTRAS = [item(f"extra{n:02}") for n in range(40)]
SLAVE = [*({**each, "n": {"N": "-1"}} if n % 7 == 3 else each for n, each in enumerate(MASTER) if n % 5), *EXTRAS]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and two slaves that differ from it in every way."""
    return make_world(MASTER, SLAVE, SLAVE)


def _in_order(items: list[Item]) -> list[Item]:
    return sorted(items, key=tables_behind_proxy.in_order)


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
@pytest.mark.parametrize("kind", STAYING)
def test_a_slave_that_cannot_be_read(made: World, kind: str, operation: str) -> None:
    """It is given up by name and left as it is; the other slave becomes the master."""
    broken, fine = made.slaves
    made.proxy.add(STAYING[kind], operation, table=broken.name)
    ran = made.run_inline(*MERGE, *REPAIR)
    assert broken.all() == _in_order(SLAVE)
    assert fine.all() == made.master.all()
    counted = ran.stats["slaves"][str(broken)]
    assert {counted[what] for what in ("missing", "differing", "extra", "written", "deleted")} == {0}
    assert (ran.exit_code, ran.end["complete"]) == (4, False)
    assert all(str(broken) in error for error in ran.stats["errors"])


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
@pytest.mark.parametrize("kind", STAYING)
def test_a_master_that_cannot_be_read(made: World, kind: str, operation: str) -> None:
    """It never looks like one that lacks items: nothing is deleted, and nothing reported that was not read again."""
    made.proxy.add(STAYING[kind], operation, table=made.master.name)
    ran = made.run_inline(*MERGE, *REPAIR)
    assert [slave.all() for slave in made.slaves] == [_in_order(SLAVE)] * 2
    assert ran.differences == []
    assert (ran.end["complete"], ran.stats["complete"]) == (False, False)
    assert ran.exit_code == (3 if kind == "denied" else 4)


@pytest.mark.parametrize("side", ["master", "slave"])
@pytest.mark.parametrize("page", [2, 5])
def test_a_scan_that_fails_in_the_middle(made: World, side: str, page: int) -> None:
    """What was compared before is told and repaired; no slave loses an item that the rest could have accounted for."""
    table = made.master if side == "master" else made.slave
    made.proxy.add(faults.INTERNAL, "Scan", table=table.name, nth=range(page, 10_000))
    ran = made.run_inline(*MERGE, *REPAIR)
    assert made.proxy.of("DeleteItem", made.slave.name) == []
    assert [each for each in made.slave.all() if each["id"]["S"].startswith("extra")] == EXTRAS
    assert ran.exit_code in (4, 5)
    assert not ran.stats["complete"]
    told = {line["key"]["id"]["S"] for line in ran.differences if line["action"] == "written"}
    masters = {each["id"]["S"]: each for each in MASTER}
    assert all(made.slaves[0].get(key) == masters[key] or made.slaves[1].get(key) == masters[key] for key in told)
    made.proxy.rules.clear()
    assert made.run_inline(*MERGE, *REPAIR).exit_code == 0
    assert [slave.all() for slave in made.slaves] == [made.master.all()] * 2


def test_a_failed_segment_means_no_deletes(made: World) -> None:
    """Where one segment of the master cannot be scanned no slave loses an item: `refused`, but exit code 4."""
    made.proxy.add(faults.INTERNAL, "Scan", table=made.master.name, where=lambda each: each.segment == 1)
    ran = made.run(*MERGE, *REPAIR, "--parallel", "2", "--segments", "4")
    assert made.proxy.of("DeleteItem") == []
    assert ran.exit_code == 4
    assert "segment 1" in ran.stats["errors"][0]
    for slave in made.slaves:
        counted = ran.stats["slaves"][str(slave)]
        assert 0 < counted["extra"] == counted["refused"] <= 40
