"""Faults that pass: whatever goes wrong on the way, the outcome is that of a day on which nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault, Proxy
from tests.functional.tables_behind_proxy import item
from tests.servers import Server

READS = ("Scan", "BatchGetItem")
WRITES = ("PutItem", "DeleteItem")
ITEMS = 300
SELDOM, OFTEN = 0.05, 0.3
"""Shares of requests that fail; the second is tried by lookup with the program, the others with the library."""
FLAGS = ("--scan-for-extra", "--scan-limit", "40", "--batch-read-limit", "20", "--report-values")


@dataclass(frozen=True)
class Calm:
    """Tables with differences of all kinds, and what a run without faults says about them."""

    world: tables_behind_proxy.World
    expected: Mapping[str, Any]


@pytest.fixture(scope="module")
def calm(dynoxide: Server) -> Calm:
    """Tables that are only read, and the run to measure by."""
    master = [item(f"{n:04}", payload=f"payload {n} {'x' * 100}", n=n) for n in range(ITEMS)]
    slave = [each if n % 30 != 7 else {**each, "n": {"N": "-1"}} for n, each in enumerate(master) if n % 30 != 3]
    extra = [item(f"extra{n}", payload=f"payload {n}") for n in range(7)]
    with Proxy(dynoxide.url) as proxy:
        made = tables_behind_proxy.make(proxy, dynoxide, master, [*slave, *extra], master[5:])
        expected = tables_behind_proxy.what_counts(made.run(*FLAGS))
    return Calm(made, expected)


def test_the_calm_run_finds_what_is_there(calm: Calm) -> None:
    """Without faults every difference is found, which is what the runs with faults are held against."""
    first, second = (calm.expected["slaves"][str(slave)] for slave in calm.world.slaves)
    assert (first["missing"], first["differing"], first["extra"], first["same"]) == (10, 10, 7, 280)
    assert (second["missing"], second["differing"], second["extra"], second["same"]) == (5, 0, 0, 295)
    assert calm.expected["exit"] == 1
    assert calm.expected["complete"]


PASSING: Mapping[str, tuple[Fault, str | tuple[str, ...]]] = {
    "throughput exceeded": (faults.THROTTLED, READS),
    "a hot partition": (faults.HOT_PARTITION, READS),
    "throttling exception": (faults.THROTTLING, READS),
    "request limit exceeded": (faults.REQUEST_LIMIT, READS),
    "500": (faults.INTERNAL, READS),
    "503": (faults.UNAVAILABLE, READS),
    "503 in HTML": (faults.gateway, READS),
    "cut before the answer": (faults.cut, READS),
    "cut in mid-body": (faults.cut_body, READS),
    "half a body, told by the CRC only": (faults.short_body, READS),
    "wrong CRC": (faults.bad_crc, READS),
    "a letter changed, told by the CRC only": (faults.changed_byte, READS),
    "{} with status 200": (faults.empty_object, READS),
    "nothing with status 200": (faults.empty_body, READS),
    "no Items": (faults.without("Items"), "Scan"),
    "no Count": (faults.without("Count"), "Scan"),
    "no Items and no Count": (faults.without("Items", "Count", "LastEvaluatedKey"), "Scan"),
    "no Responses": (faults.without("Responses"), "BatchGetItem"),
    "half of the keys unprocessed": (faults.unprocessed(faults.first_half), "BatchGetItem"),
    "all keys unprocessed": (faults.unprocessed(faults.every_key), "BatchGetItem"),
    "a bit of everything": (
        faults.in_turn([faults.THROTTLED, faults.INTERNAL, faults.cut, faults.bad_crc, faults.cut_body]),
        READS,
    ),
}


@pytest.mark.parametrize(("rate", "strategy"), [(SELDOM, "lookup"), (OFTEN, "lookup"), (OFTEN, "merge")])
@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_changes_nothing(
    calm: Calm, dynoxide: Server, kind: str, rate: float, strategy: str
) -> None:
    """Verdicts, report, statistics and exit code are those of a run without faults, however often requests fail."""
    fault, operation = PASSING[kind]
    with Proxy(dynoxide.url, seed=5) as proxy:
        rule = proxy.add(fault, operation, rate=rate)
        made = calm.world.through(proxy)
        run = made.run if (rate, strategy) == (OFTEN, "lookup") else made.run_inline
        ran = run(*FLAGS, "--strategy", strategy)
    assert rule.struck > 0
    assert tables_behind_proxy.what_counts(ran) == calm.expected
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("kind", ["500", "throughput exceeded", "cut in mid-body", "a bit of everything"])
def test_several_processes_ride_faults_out(calm: Calm, dynoxide: Server, kind: str) -> None:
    """With parallel workers on more segments than processes the outcome is the same, too."""
    with Proxy(dynoxide.url, seed=6) as proxy:
        rule = proxy.add(PASSING[kind][0], READS, rate=0.2)
        ran = calm.world.through(proxy).run(*FLAGS, "--parallel", "3", "--segments", "7")
    assert rule.struck > 0
    assert tables_behind_proxy.what_counts(ran) == calm.expected


@pytest.mark.parametrize(
    "kind", ["500", "throughput exceeded", "cut before the answer", "nothing with status 200", "{} with status 200"]
)
def test_the_first_question_may_fail_too(calm: Calm, dynoxide: Server, kind: str) -> None:
    """A DescribeTable that fails a few times is asked again."""
    with Proxy(dynoxide.url) as proxy:
        for table in (calm.world.master, *calm.world.slaves):
            proxy.add(PASSING[kind][0], "DescribeTable", table=table.name, nth=(1, 2, 3))
        ran = calm.world.through(proxy).run(*FLAGS)
    assert tables_behind_proxy.what_counts(ran) == calm.expected


REPAIRING: Mapping[str, Fault] = {
    "throughput exceeded": faults.THROTTLED,
    "500, nothing done": faults.INTERNAL,
    "500, but done": faults.executed_but_failed,
    "cut, nothing done": faults.cut,
    "cut, but done": faults.lost,
    "cut in mid-body": faults.cut_body,
    "wrong CRC": faults.bad_crc,
    "empty answer": lambda exchange: (exchange.forward(), faults.empty_body(exchange))[1],
}


@pytest.mark.parametrize("rate", [SELDOM, OFTEN])
@pytest.mark.parametrize("kind", REPAIRING)
def test_a_repair_comes_to_its_end_through_faults(make_world: MakeWorld, kind: str, rate: float) -> None:
    """Every write happens and counts once, also where the answer to one that had succeeded was lost."""
    master = [item(f"{n:03}", n=n) for n in range(90)]
    slave = [each if n % 3 else {**each, "old": {"BOOL": True}} for n, each in enumerate(master) if n % 3 != 2]
    made = make_world(master, [*slave, *(item(f"extra{n:02}", n=n) for n in range(30))])
    made.proxy.add(REPAIRING[kind], WRITES, rate=rate)
    made.proxy.add(PASSING["a bit of everything"][0], READS, rate=0.1)
    run = made.run if rate == OFTEN and "done" in kind else made.run_inline
    ran = run("--write-missing", "--write-differing", "--delete-extra", "--scan-limit", "30")
    assert made.slave.all() == made.master.all()
    counted = ran.stats["slaves"][str(made.slave)]
    found = {what: counted[what] for what in ("missing", "differing", "extra", "written", "deleted", "failed")}
    assert found == {"missing": 30, "differing": 30, "extra": 30, "written": 60, "deleted": 30, "failed": 0}
    assert (ran.exit_code, ran.end) == (0, {"complete": True, "differences": 90})
    assert made.run_inline().exit_code == 0
