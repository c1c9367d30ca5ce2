"""Which requests are sent, in which order, and how many of them at once."""

from __future__ import annotations

import gzip

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Reply, Request
from tests.functional.tables_behind_proxy import item


@pytest.mark.parametrize("slaves", [1, 3])
@pytest.mark.parametrize("parallel", [1, 2])
def test_one_scan_of_the_master(make_world: MakeWorld, slaves: int, parallel: int) -> None:
    """However many slaves there are, every page of the master is read once, and every key looked up once on each."""
    master = [item(f"{n:03}", n=n) for n in range(120)]
    made = make_world(master, *[master] * slaves)
    ran = made.run("--scan-limit", "25", "--parallel", str(parallel), "--segments", "4")
    assert ran.exit_code == 0
    pages = [(each.segment, str(each.body.get("ExclusiveStartKey"))) for each in made.proxy.of("Scan")]
    assert {each.table for each in made.proxy.of("Scan")} == {made.master.name}
    assert len(pages) == len(set(pages))
    assert {segment for segment, _ in pages} == {0, 1, 2, 3}
    for slave in made.slaves:
        looked_up = [key["id"]["S"] for each in made.proxy.of("BatchGetItem", slave.name) for key in each.keys]
        assert sorted(looked_up) == [each["id"]["S"] for each in master]
    assert made.proxy.of("BatchGetItem", made.master.name) == []


def test_look_ups_are_in_flight_together(make_world: MakeWorld) -> None:
    """Look-ups of one page overlap, on one slave and on several, and the next page is scanned meanwhile."""
    master = [item(f"{n:03}") for n in range(400)]
    made = make_world(master, master, master)
    made.proxy.add(faults.delayed(0.1), "BatchGetItem")
    ran = made.run("--batch-read-limit", "20", "--scan-limit", "200")
    first, second = (made.proxy.of("BatchGetItem", slave.name) for slave in made.slaves)
    assert ran.exit_code == 0
    assert max(each.in_flight for each in first) >= 8
    assert any(_overlap(one, other) for one in first for other in second)
    assert made.proxy.of("Scan")[1].began < min(each.ended or 0 for each in first)
    assert max(len(each.keys) for each in first + second) == 20


def test_writes_are_in_flight_together(make_world: MakeWorld) -> None:
    """Conditional writes, which are single ones, overlap as well."""
    master = [item(f"{n:03}") for n in range(100)]
    made = make_world(master, [item(f"x{n:03}") for n in range(100)])
    made.proxy.add(faults.delayed(0.05), ("PutItem", "DeleteItem"))
    assert made.run("--write-missing", "--delete-extra").exit_code == 0
    assert max(each.in_flight for each in made.proxy.of("PutItem")) >= 8
    assert max(each.in_flight for each in made.proxy.of("DeleteItem")) >= 8


def test_the_recheck_reads_the_slave_first(make_world: MakeWorld) -> None:
    """Suspects are read again strongly consistently, on every slave before the master; the first look-ups are not."""
    master = [item(f"{n:02}") for n in range(30)]
    made = make_world(master, master[5:], master[:-7])
    made.proxy.add(faults.delayed(0.03), "BatchGetItem")
    assert made.run("--scan-for-extra").exit_code == 1
    (again,) = made.proxy.of("BatchGetItem", made.master.name)[:1]
    rechecks = [
        [each for each in made.proxy.of("BatchGetItem", slave.name) if each.consistent] for slave in made.slaves
    ]
    assert again.consistent
    assert [[len(each.keys) for each in one] for one in rechecks] == [[5], [7]]
    assert sorted(key["id"]["S"] for key in again.keys) == [f"{n:02}" for n in (*range(5), *range(23, 30))]
    assert all(each.ended is not None and each.ended <= again.began for one in rechecks for each in one)
    assert [each.consistent for slave in made.slaves for each in made.proxy.of("BatchGetItem", slave.name)[:1]] == [
        False,
        False,
    ]


def test_a_delete_reads_the_slave_first_and_the_master_last(make_world: MakeWorld) -> None:
    """Right before a delete both sides are read consistently, the master after the slave, and no other read follows."""
    made = make_world([item("a")], [item("a"), item("x")])
    assert made.run("--delete-extra").exit_code == 0
    (delete,) = made.proxy.of("DeleteItem")
    order = [(each.operation, each.table, each.consistent) for each in made.proxy.requests[: delete.number + 1]]
    assert order[-3:-1] == [("BatchGetItem", made.slave.name, True), ("BatchGetItem", made.master.name, True)]
    assert "ConditionExpression" in delete.body


@pytest.mark.parametrize("flag", ["--consistent-read", None])
def test_consistent_reads(make_world: MakeWorld, flag: str | None) -> None:
    """With --consistent-read every Scan and look-up is strongly consistent; without it only rechecks are."""
    made = make_world([item("a")], [item("a"), item("x")])
    made.run("--scan-for-extra", "--no-recheck", *([flag] if flag else []))
    reads = [*made.proxy.of("Scan"), *made.proxy.of("BatchGetItem")]
    assert {each.consistent for each in reads} == {flag is not None}


def test_report_only_writes_nothing(make_world: MakeWorld) -> None:
    """Without a flag that says so no write is ever sent, and what a real run would find is found."""
    made = make_world([item("a"), item("b", v=1)], [item("b", v=2), item("x")])
    ran = made.run("--scan-for-extra")
    assert {each.operation for each in made.proxy.requests} == {"DescribeTable", "Scan", "BatchGetItem"}
    assert len(ran.differences) == 3


def _overlap(one: Request, other: Request) -> bool:
    assert one.ended is not None
    assert other.ended is not None
    return one.began < other.ended and other.began < one.ended


def test_compress_asks_for_gzip_and_reads_it(make_world: MakeWorld) -> None:
    """With --compress answers come as gzip, and mean the same as without."""
    master = [item(f"{n:02}", n=n) for n in range(50)]
    made = make_world(master, [*master[:-5], item("48", n=0)])

    asked: set[str] = set()

    def packed(exchange: Exchange) -> Reply:
        asked.add(exchange.request.headers["accept-encoding"])
        reply = exchange.forward()
        return Reply(reply.status, gzip.compress(reply.body), headers={"Content-Encoding": "gzip"})

    made.proxy.add(packed, ("Scan", "BatchGetItem"))
    ran = made.run("--compress")
    (counts,) = ran.stats["slaves"].values()
    assert (asked, ran.exit_code) == ({"gzip"}, 1)
    assert (counts["same"], counts["missing"], counts["differing"]) == (45, 4, 1)
