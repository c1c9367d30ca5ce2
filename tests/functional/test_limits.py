"""Limits of capacity units: held over all processes by what the service says was consumed, and told at the start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Reply, Request
from tests.functional.tables_behind_proxy import item
from tests.tables import run_fastsync

ALL = ("--write-missing", "--write-differing", "--delete-extra")


LATE = 0.3
"""Seconds by which a busy machine may delay a request between its budget and the proxy."""


@dataclass
class Meter:
    """A fault that only looks: what each answer says it consumed of which table, and when its request came in."""

    spent: list[tuple[str, float, float]] = field(default_factory=list)
    sizes: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, exchange: Exchange) -> Reply:
        """Forward a request and note its units."""
        reply = exchange.forward()
        request = exchange.request
        told: Any = reply.json.get("ConsumedCapacity") or []
        units = sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        kind = "writes" if request.operation.startswith(("Put", "Delete", "BatchWrite")) else "reads"
        self.spent.append((f"{request.table} {kind}", request.began, units))
        return reply

    def of(self, table: str, kind: str) -> list[tuple[float, float]]:
        """Give times and units of the requests in one direction, in order of time."""
        return sorted((began, units) for what, began, units in self.spent if what == f"{table} {kind}")


def held(requests: Sequence[tuple[float, float]], rate: float) -> None:
    """Hold that no stretch of time saw more units than the rate within 10 %, a second's worth, and one request more.

    And that the limit was used: a run that stands still keeps every limit.
    """
    assert len(requests) > 5
    for first in range(len(requests)):
        units = 0.0
        for began, cost in requests[first:]:
            units += cost
            assert units <= rate * ((began - requests[first][0]) * 1.1 + 1 + LATE) + cost
    total, elapsed = sum(units for _, units in requests), requests[-1][0] - requests[0][0]
    assert total >= rate * elapsed * 0.4


def metered(made: tables_behind_proxy.World) -> Meter:
    """Put a meter between fastsync and the server."""
    meter = Meter()
    made.proxy.add(meter)
    return meter


READ_CASES: Mapping[str, tuple[float, Sequence[str]]] = {
    "one process": (80, ()),
    "three processes": (80, ("--parallel", "3", "--segments", "7")),
    "more threads than units": (20, ("--parallel", "2", "--scan-limit", "20", "--sample", "0.3", "--seed", "1")),
    "consistent": (160, ("--consistent-read", "--parallel", "2")),
}


@pytest.mark.parametrize("case", READ_CASES)
def test_reads_are_limited(make_world: MakeWorld, case: str) -> None:
    """However many processes read, each table is read no faster than --max-read-units; verdicts stay the same."""
    rate, flags = READ_CASES[case]
    master = [item(f"{n:03}", pad="x" * 300) for n in range(400)]
    made = make_world(master, master[7:])
    meter = metered(made)
    ran = made.run("--max-read-units", f"{rate:g}", *flags)
    assert ran.exit_code == 1
    if "--sample" not in flags:
        assert ran.stats["slaves"][str(made.slave)]["missing"] == 7
    held(meter.of(made.slave.name, "reads"), rate)
    assert f"{made.slave}: at most {rate:g} read units a second (as given)" in ran.stderr
    assert f"{made.master}: at most {rate:g} read units a second (as given)" in ran.stderr


def test_reads_are_limited_in_this_process(make_world: MakeWorld) -> None:
    """The limit holds without worker processes too, on the master as on the slave, and for extras and rechecks."""
    master = [item(f"{n:03}") for n in range(100)]
    made = make_world(master, [item(f"x{n:03}") for n in range(100)])
    meter = metered(made)
    ran = made.run_inline("--max-read-units", "150", "--scan-for-extra")
    assert (ran.exit_code, len(ran.differences)) == (1, 200)
    for table in (made.master, made.slave):
        held(meter.of(table.name, "reads"), 150)


@pytest.mark.parametrize("flags", [("--parallel", "2"), ("--writes", "batch"), ("--write-differing",)], ids=" ".join)
def test_writes_are_limited(make_world: MakeWorld, flags: Sequence[str]) -> None:
    """Single writes, batches and deletes together keep to --max-write-units; reads are as fast as ever."""
    master = [item(f"{n:03}", v=n) for n in range(60)]
    made = make_world(master, [item(f"x{n:03}") for n in range(40)])
    meter = metered(made)
    ran = made.run("--max-write-units", "40", *ALL, *flags)
    assert ran.exit_code == 0
    assert made.slave.all() == made.master.all()
    held(meter.of(made.slave.name, "writes"), 40)
    assert f"{made.slave}: at most 40 write units" in ran.stderr
    assert f"{made.master}: at most" not in ran.stderr


def test_an_undo_is_limited(make_world: MakeWorld, tmp_path: Path) -> None:
    """Taking a run back keeps to the limits as well, and says them."""
    made = make_world([item(f"{n:03}") for n in range(80)], [])
    log = str(tmp_path / "undo.jsonl")
    assert made.run("--write-missing", "--undo-log", log).exit_code == 0
    meter = metered(made)
    ran = run_fastsync("undo", log, "--max-write-units", "40", server=made.via)
    assert (ran.exit_code, made.slave.all()) == (0, [])
    held(meter.of(made.slave.name, "writes"), 40)
    assert f"{made.slave}: at most 40 write units a second (as given)" in ran.stderr


def test_failed_conditions_are_charged(make_world: MakeWorld) -> None:
    """A condition that fails costs the slave units that no answer tells; they count against the limit."""
    made = make_world([item(f"{n:02}", pad="x" * 5000) for n in range(12)], [])

    def race(exchange: Exchange) -> Reply:
        made.slave.put({**exchange.body["Item"], "v": {"N": "1"}})
        return exchange.forward()

    rule = made.proxy.add(race, "PutItem", nth=range(1, 13))
    ran = made.run("--max-write-units", "25", "--write-missing", "--write-differing")
    assert rule.struck == 12
    assert ran.exit_code in (0, 1)
    puts = made.proxy.of("PutItem", made.slave.name)
    spent = 5 * (len(puts) - 1)
    assert spent <= 25 * (puts[-1].began - puts[0].began) * 1.1 + 25


def test_requests_are_small_where_the_limit_is(make_world: MakeWorld) -> None:
    """No request takes much more than a second's worth, though a page would have cost many times that."""
    master = [item(f"{n:03}", pad="x" * 4000) for n in range(60)]
    made = make_world(master, master)
    meter = metered(made)
    assert made.run("--max-read-units", "16").exit_code == 0
    for table in (made.master, made.slave):
        assert max(units for _, units in meter.of(table.name, "reads")) <= 6
    assert len(made.proxy.of("Scan")[0].body.get("ExclusiveStartKey", {})) == 0
    assert made.proxy.of("Scan")[0].body["Limit"] <= 8


def test_the_users_page_size_is_an_upper_bound(make_world: MakeWorld) -> None:
    """A limit makes pages and batches smaller than asked for, never larger."""
    master = [item(f"{n:03}") for n in range(60)]
    made = make_world(master, master)
    assert made.run("--max-read-units", "1000", "--scan-limit", "9", "--batch-read-limit", "4").exit_code == 0
    assert max(each.body["Limit"] for each in made.proxy.of("Scan")) == 9
    assert max(len(each.keys) for each in made.proxy.of("BatchGetItem")) == 4


def test_no_limit_asks_for_whole_pages(make_world: MakeWorld) -> None:
    """Without a limit nothing is said of it, and no request is made smaller."""
    made = make_world([item("a")], [item("a")])
    ran = made.run()
    assert "at most" not in ran.stderr
    assert "Limit" not in made.proxy.of("Scan")[0].body


def described(**more: Any) -> Fault:
    """Let DescribeTable tell of capacity."""

    def fault(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        table = {**reply.json["Table"], **more}
        return Reply(200, json.dumps({"Table": table}).encode())

    return fault


PROVISIONED = {"ReadCapacityUnits": 400, "WriteCapacityUnits": 80, "NumberOfDecreasesToday": 0}
MAXIMUM = {"MaxReadRequestUnits": 200, "MaxWriteRequestUnits": -1}
WARM = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
SHARES: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] = {
    "provisioned": (
        {"ProvisionedThroughput": PROVISIONED, "BillingModeSummary": {}, "WarmThroughput": WARM},
        ("100 read units a second (25% of its provisioned capacity of 400)", "20 write units"),
    ),
    "on demand, with a maximum": (
        {"OnDemandThroughput": MAXIMUM, "WarmThroughput": WARM},
        ("50 read units a second (25% of its on-demand maximum of 200)", "1,000 write units"),
    ),
    "on demand": (
        {"WarmThroughput": WARM},
        ("3,000 read units a second (25% of its warm throughput of 12,000)", "1,000 write units"),
    ),
}


@pytest.mark.parametrize("kind", SHARES)
def test_shares_of_what_a_table_has(make_world: MakeWorld, kind: str) -> None:
    """25% is taken of provisioned capacity, else of the on-demand maximum, else of warm throughput, and is told."""
    told, lines = SHARES[kind]
    made = make_world([item("a")], [item("a")])
    made.proxy.add(described(**told), "DescribeTable")
    ran = made.run("--max-read-units", "25%", "--max-write-units", "25%")
    assert ran.exit_code == 0
    for line in lines:
        assert f"{made.slave}: at most {line}" in ran.stderr
    assert made.run("--max-read-units", "25%", "--quiet").stderr == ""


@pytest.mark.parametrize("flag", ["--max-read-units", "--max-write-units"])
def test_a_share_of_nothing_asks_for_a_number(make_world: MakeWorld, flag: str) -> None:
    """A table that tells no capacity has no share; the run ends before it has read anything."""
    made = make_world([item("a")], [])
    ran = made.run(flag, "25%", "--write-missing")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"give {flag} a number" in ran.stderr
    assert {each.operation for each in made.proxy.requests} == {"DescribeTable"}


PAUSE = 0.7
"""Seconds that the service asks to wait: long against a request, and short for a test."""


def _scans_in_the_pause(made: tables_behind_proxy.World) -> Iterator[Request]:
    scans = made.proxy.of("Scan", made.master.name)
    (struck,) = [each for each in scans if each.status == 400]
    assert struck.ended is not None
    return (each for each in scans if struck.ended < each.began < struck.ended + PAUSE)


@pytest.mark.parametrize("limit", [(), ("--max-read-units", "100000")], ids=["no limit", "limit"])
@pytest.mark.parametrize("widely", [True, False], ids=["table", "partition"])
def test_a_throttled_table_slows_the_run(make_world: MakeWorld, widely: bool, limit: Sequence[str]) -> None:
    """When a whole table is throttled all processes wait; when one partition is, only the segment that reads it."""
    master = [item(f"{n:03}") for n in range(400)]
    made = make_world(master, master)
    reason = "ProvisionedThroughputExceeded" if widely else "KeyRangeThroughputExceeded"
    fault = faults.throttled(f"TableRead{reason}", PAUSE)
    made.proxy.add(faults.delayed(0.01), "Scan")
    rule = made.proxy.add(fault, "Scan", nth=[20])
    ran = made.run("--parallel", "2", "--segments", "2", "--scan-limit", "2", *limit)
    assert (ran.exit_code, rule.struck) == (0, 1)
    # each of the two processes may have had one request on its way already
    meanwhile = len(list(_scans_in_the_pause(made)))
    assert meanwhile <= 2 if widely else meanwhile > 2
    assert f"{made.master}: 1 request was throttled" in ran.stderr


def test_throttling_is_told(make_world: MakeWorld) -> None:
    """The summary says how many requests of which table were throttled; the statistics keep their form."""
    master = [item(f"{n:03}") for n in range(100)]
    made = make_world(master, master)
    made.proxy.add(faults.HOT_PARTITION, "BatchGetItem", table=made.slave.name, nth=range(1, 4))
    ran = made.run("--batch-read-limit", "10")
    assert ran.exit_code == 0
    assert f"{made.slave}: 3 requests were throttled" in ran.stderr
    assert ran.stderr.count("throttled") == 1
    assert "throttled" not in str(ran.stats)


def test_a_limit_survives_faults(make_world: MakeWorld) -> None:
    """Requests that fail and are sent again keep to the limit, and the verdicts are those of a calm run."""
    master = [item(f"{n:03}") for n in range(200)]
    made = make_world(master, master[5:])
    calm = tables_behind_proxy.what_counts(made.run_inline("--scan-for-extra"))
    broken = [faults.THROTTLED, faults.INTERNAL, faults.cut, faults.bad_crc, faults.unprocessed(faults.every_key)]
    made.proxy.add(faults.in_turn(broken), "BatchGetItem", rate=0.2)
    meter = metered(made)
    began = time.monotonic()
    ran = made.run("--max-read-units", "120", "--scan-for-extra", "--parallel", "2", "--segments", "2")
    assert {**tables_behind_proxy.what_counts(ran), "exit": 1} == calm
    total = sum(units for _, units in meter.of(made.slave.name, "reads"))
    assert total <= 120 * (time.monotonic() - began) * 1.1
