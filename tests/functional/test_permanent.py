"""Faults that stay: bounded by --max-retries, told with the table's name, and never taken for an empty table."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault
from tests.functional.tables_behind_proxy import item

STAYING: Mapping[str, Fault] = {
    "throttled": faults.THROTTLED,
    "500": faults.INTERNAL,
    "503 in HTML": faults.gateway,
    "cut": faults.cut,
    "cut in mid-body": faults.cut_body,
    "half a body, told by the CRC only": faults.short_body,
    "wrong CRC": faults.bad_crc,
    "{} with status 200": faults.empty_object,
}
REPAIR = ("--write-missing", "--write-differing", "--delete-extra", "--max-retries", "2")
MASTER = [item(f"{n}", n=n) for n in range(8)]
SLAVE = [item("0", n=0), item("1", n=-1), item("2", n=2), item("x"), item("y")]


@pytest.mark.parametrize("kind", STAYING)
def test_a_slave_that_cannot_be_looked_up(make_world: MakeWorld, kind: str) -> None:
    """A slave whose look-ups fail for good is neither in sync nor lacking anything, and is left as it is."""
    made = make_world(MASTER, SLAVE, SLAVE)
    broken, fine = made.slaves
    made.proxy.add(STAYING[kind], "BatchGetItem", table=broken.name)
    ran = made.run(*REPAIR)
    assert broken.all() == sorted(SLAVE, key=tables_behind_proxy.in_order)
    assert fine.all() == made.master.all()
    counted = ran.stats["slaves"][str(broken)]
    assert {counted[what] for what in ("same", "missing", "differing", "written", "deleted")} == {0}
    assert not [line for line in ran.differences if line["slave"] == str(broken)]
    assert (ran.exit_code, ran.end["complete"], ran.stats["complete"]) == (4, False, False)
    assert ran.stats["errors"]
    assert all(str(broken) in error for error in ran.stats["errors"])
    assert len(made.proxy.of("BatchGetItem", broken.name)) == 3
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("kind", STAYING)
@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
def test_a_master_that_cannot_be_read(make_world: MakeWorld, operation: str, kind: str) -> None:
    """A master that cannot be scanned, or not be looked up, never looks like one that lacks items."""
    made = make_world(MASTER, SLAVE)
    made.proxy.add(STAYING[kind], operation, table=made.master.name)
    ran = made.run_inline(*REPAIR)
    assert made.slave.all() == sorted(SLAVE, key=tables_behind_proxy.in_order)
    assert ran.differences == []
    assert (ran.exit_code, ran.end["complete"], ran.stats["complete"]) == (4, False, False)
    assert str(made.master) in ran.stats["errors"][0]
    assert len(made.proxy.of(operation, made.master.name)) == 3


@pytest.mark.parametrize("kind", STAYING)
def test_extras_that_cannot_be_looked_for(make_world: MakeWorld, kind: str) -> None:
    """A slave that cannot be scanned is repaired as far as look-ups go, and nothing on it is deleted."""
    made = make_world(MASTER, SLAVE)
    made.proxy.add(STAYING[kind], "Scan", table=made.slave.name)
    ran = made.run_inline(*REPAIR)
    assert made.slave.all() == sorted([*MASTER, item("x"), item("y")], key=tables_behind_proxy.in_order)
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    assert str(made.slave) in ran.stats["errors"][0]
    assert made.proxy.of("DeleteItem") == []


@pytest.mark.parametrize("kind", STAYING)
def test_a_recheck_that_fails(make_world: MakeWorld, kind: str) -> None:
    """Suspects that could not be read again are neither differences nor settled."""
    made = make_world(MASTER, SLAVE)
    made.proxy.add(STAYING[kind], "BatchGetItem", table=made.slave.name, where=lambda each: each.consistent)
    ran = made.run_inline(*REPAIR)
    assert made.slave.all() == sorted(SLAVE, key=tables_behind_proxy.in_order)
    counted = ran.stats["slaves"][str(made.slave)]
    assert {counted[what] for what in ("missing", "differing", "settled", "written", "deleted")} == {0}
    assert (ran.exit_code, ran.differences, ran.stats["complete"]) == (4, [], False)


@pytest.mark.parametrize("kind", ["throttled", "500", "cut"])
def test_a_table_that_cannot_be_described(make_world: MakeWorld, kind: str) -> None:
    """Where the master cannot be reached nothing is compared (3); a slave that cannot leaves the others (4)."""
    made = make_world(MASTER, SLAVE, SLAVE)
    rule = made.proxy.add(STAYING[kind], "DescribeTable", table=made.slaves[0].name)
    ran = made.run("--write-missing", "--max-retries", "2")
    assert ran.exit_code == 4
    assert str(made.slaves[0]) in ran.stats["errors"][0]
    assert ran.stats["slaves"][str(made.slaves[1])]["written"] == 5
    assert set(ran.stats["slaves"]) == {str(slave) for slave in made.slaves}
    rule.table = made.master.name
    ran = made.run("--write-missing", "--max-retries", "2")
    assert (ran.exit_code, ran.stats) == (3, {})
    assert str(made.master) in ran.stderr


@pytest.mark.parametrize("kind", ["throttled", "500", "cut", "wrong CRC"])
def test_writes_that_fail_for_good(make_world: MakeWorld, kind: str) -> None:
    """A write that never gets through is `failed`, with key and reason, after --max-retries tries each."""
    made = make_world(MASTER[:3], SLAVE[1:4])
    fault = STAYING[kind] if kind != "wrong CRC" else faults.error("InternalFailure", 500)
    made.proxy.add(fault, ("PutItem", "DeleteItem"))
    ran = made.run(*REPAIR)
    assert tables_behind_proxy.actions(ran) == [
        ("0", "missing", "failed"),
        ("1", "differing", "failed"),
        ("x", "extra", "failed"),
    ]
    assert all(str(made.slave) in line["error"] for line in ran.differences)
    assert (ran.exit_code, ran.end["complete"], ran.stats["complete"]) == (4, False, False)
    assert ran.stats["slaves"][str(made.slave)]["failed"] == 3
    assert (len(made.proxy.of("PutItem")), len(made.proxy.of("DeleteItem"))) == (6, 3)


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_a_failed_segment_means_no_deletes(make_world: MakeWorld, parallel: str) -> None:
    """Where one segment of the master cannot be scanned no slave loses an item: `refused`, exit code 4."""
    master = [item(f"{n:03}", n=n) for n in range(60)]
    extras = [item(f"extra{n:02}") for n in range(40)]
    made = make_world(master, [*master, *extras], [*master[3:], *extras])
    made.proxy.add(faults.INTERNAL, "Scan", table=made.master.name, where=lambda each: each.segment == 1)
    ran = made.run(*REPAIR, "--parallel", parallel, "--segments", "4")
    assert made.proxy.of("DeleteItem") == []
    assert ran.exit_code == 4
    assert "segment 1" in ran.stats["errors"][0]
    for slave in made.slaves:
        counted = ran.stats["slaves"][str(slave)]
        assert 0 < counted["extra"] == counted["refused"] <= 40
        assert [each for each in slave.all() if each["id"]["S"].startswith("extra")] == extras
    refused = [line for line in ran.differences if line["action"] == "refused"]
    assert all("not deleted" in line["error"] for line in refused)
    assert len(refused) == sum(counted["extra"] for counted in ran.stats["slaves"].values())


def test_a_slave_whose_scan_failed_keeps_its_extras(make_world: MakeWorld) -> None:
    """A segment that fails on one slave only is that slave's matter: the extras of the other are deleted."""
    master = [item(f"{n:03}", n=n) for n in range(60)]
    extras = [item(f"extra{n:02}") for n in range(40)]
    made = make_world(master, [*master, *extras], [*master, *extras])
    broken, fine = made.slaves
    made.proxy.add(faults.INTERNAL, "Scan", table=broken.name, where=lambda each: each.segment == 2)
    ran = made.run(*REPAIR, "--segments", "4")
    assert len(broken.all()) == 100
    assert fine.all() == made.master.all()
    assert ran.exit_code == 4
    assert ran.stats["slaves"][str(fine)]["deleted"] == 40
    assert ran.stats["slaves"][str(broken)]["refused"] > 0


def test_failed_deletes_of_one_slave_do_not_stop_those_of_another(make_world: MakeWorld) -> None:
    """Deletes that fail when both sides are read again say nothing about what is an extra on another slave."""
    made = make_world(MASTER, [*MASTER, item("x")], [*MASTER, item("y")])
    broken, fine = made.slaves
    made.proxy.add(faults.INTERNAL, "BatchGetItem", table=broken.name, where=lambda each: each.consistent)
    ran = made.run(*REPAIR, "--no-recheck")
    assert tables_behind_proxy.actions(ran) == [("x", "extra", "failed"), ("y", "extra", "deleted")]
    assert fine.get("y") is None
    assert broken.get("x") is not None
    assert ran.exit_code == 4


@pytest.mark.parametrize("fault", [faults.INTERNAL, faults.DENIED], ids=["a fault", "denied"])
def test_deletes_that_fail_after_others_were_made(make_world: MakeWorld, fault: Fault) -> None:
    """Where extras cannot be read again any more, those deleted until then are told so, the others as failed, once."""
    extras = [item(f"x{number:02}") for number in range(60)]
    made = make_world(MASTER, [*MASTER, *extras])
    deleting = Event()
    made.proxy.add(faults.before(deleting.set), "DeleteItem")
    made.proxy.add(fault, "BatchGetItem", where=lambda each: each.consistent and deleting.is_set())
    ran = made.run(*REPAIR, "--no-recheck")
    assert ran.exit_code == 4
    left = {each["id"]["S"] for each in made.slave.all()}
    told = tables_behind_proxy.actions(ran)
    assert [key for key, _, _ in told] == [each["id"]["S"] for each in extras]
    assert {key for key, _, action in told if action == "failed"} == left - {each["id"]["S"] for each in MASTER}
    counted = ran.stats["slaves"][str(made.slave)]
    assert 0 < counted["deleted"] < 60
    assert (counted["extra"], counted["deleted"] + counted["failed"]) == (60, 60)
