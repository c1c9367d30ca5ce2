"""Limits of a whole run: once it has found or consumed so much it ends as an interrupt does, and deletes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Reply
from tests.functional.tables_behind_proxy import World, item
from tests.tables import run_fastsync

MASTER = [item(f"{n:03}", v=1) for n in range(60)]
CHANGED = [item(f"{n:03}", v=2) for n in range(60)]
EXTRAS = [item(f"x{n:02}") for n in range(12)]
SLOWLY = ("--scan-limit", "5")
SLOW = faults.delayed(0.2)
"""So that a worker does not outrun its parent, which counts the differences, on a busy machine."""
ALL = ("--write-missing", "--write-differing", "--delete-extra")
MODES: Mapping[str, Sequence[str]] = {
    "lookup": ("--strategy", "lookup"),
    "merge": ("--strategy", "merge"),
    "processes": ("--strategy", "merge", "--parallel", "2", "--segments", "6"),
    "inline": ("--executor", "inline"),
    "repairing": ("--strategy", "lookup", "--write-differing"),
}


def found(made: World, stats: Mapping[str, Mapping[str, Mapping[str, int]]]) -> int:
    """Add up the differences of all slaves."""
    counters = [stats["slaves"][str(slave)] for slave in made.slaves]
    return sum(each["missing"] + each["differing"] + (each["extra"] or 0) for each in counters)


@pytest.mark.parametrize("mode", MODES)
def test_differences_end_a_run(make_world: MakeWorld, mode: str) -> None:
    """A run ends soon after it has found N differences; all that it found is reported, and what it wrote stays."""
    made = make_world(MASTER, CHANGED)
    made.proxy.add(SLOW, "Scan", table=made.master.name)
    ran = made.run(*MODES[mode], *SLOWLY, "--max-differences", "7")
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (4, False, False)
    assert 7 <= len(ran.differences) == found(made, ran.stats) < 60
    (error,) = ran.stats["errors"]
    assert error.startswith("ended by --max-differences 7: ")
    assert error in ran.stderr
    written = ran.stats["slaves"][str(made.slave)]["written"]
    assert written == (len(ran.differences) if mode == "repairing" else 0)
    assert sum(each in MASTER for each in made.slave.all()) == written


def test_differences_of_all_slaves_count(make_world: MakeWorld) -> None:
    """The differences of all slaves count together."""
    made = make_world(MASTER, [*CHANGED[:4], *MASTER[4:]], MASTER[3:])
    assert made.run("--max-differences", "8").exit_code == 1
    ran = made.run("--max-differences", "7")
    assert (ran.exit_code, len(ran.differences)) == (4, 7)


def test_the_last_difference_ends_a_run_too(make_world: MakeWorld) -> None:
    """With exactly N differences the run is not complete, even where nothing was left to compare."""
    made = make_world(MASTER, MASTER[3:])
    assert made.run("--max-differences", "4").exit_code == 1
    ran = made.run("--max-differences", "3")
    assert (ran.exit_code, ran.stats["complete"], len(ran.differences)) == (4, False, 3)


def test_nothing_is_deleted_then(make_world: MakeWorld) -> None:
    """Extras that wait for their deletion count, and none is deleted once there are N differences."""
    made = make_world(MASTER, [*MASTER, *EXTRAS])
    ran = made.run(*ALL, "--max-differences", "12")
    assert (ran.exit_code, len(ran.differences)) == (4, 12)
    assert {line["action"] for line in ran.differences} == {"none"}
    assert made.proxy.of("DeleteItem") == []
    assert made.run(*ALL, "--max-differences", "13").exit_code == 0
    assert made.slave.all() == made.master.all()


def test_settled_items_do_not_count(make_world: MakeWorld) -> None:
    """What agreed when it was read again is no difference."""
    made = make_world(MASTER, CHANGED[:9] + MASTER[9:])

    def repair(exchange: Exchange) -> Reply:
        for each in MASTER[:9]:
            made.slave.put(each)
        return exchange.forward()

    made.proxy.add(repair, "BatchGetItem", table=made.slave.name, where=lambda asked: asked.consistent)
    ran = made.run("--max-differences", "1")
    assert (ran.exit_code, ran.stats["slaves"][str(made.slave)]["settled"]) == (0, 9)


def test_a_resumed_job_counts_as_a_whole(make_world: MakeWorld, tmp_path: Path) -> None:
    """Resumed with the same N a job ends at once; with a higher one it goes on, and counts what was found before."""
    made = make_world(MASTER, CHANGED)
    made.proxy.add(SLOW, "Scan", table=made.master.name)
    kept = (*SLOWLY, "--checkpoint", str(tmp_path / "job"), "--resume", "--report", str(tmp_path / "report"))
    first = made.run(*kept, "--max-differences", "10")
    assert (first.exit_code, len(first.differences)) == (4, found(made, first.stats))
    asked = len(made.proxy.of("Scan"))
    again = made.run(*kept, "--max-differences", "10")
    assert (again.exit_code, len(made.proxy.of("Scan"))) == (4, asked)
    assert len(again.differences) == len(first.differences)
    more = made.run(*kept, "--max-differences", "30")
    assert more.exit_code == 4
    assert 30 <= len(more.differences) < 60
    last = made.run(*kept)
    assert (last.exit_code, len(last.differences), last.stats["complete"]) == (1, 60, True)


SPENT: Mapping[str, Sequence[str]] = {"--max-units": ("--max-units", "150"), "--max-cost": ("--max-cost", "0.00003")}
"""Limits that the estimate of a run on CHANGED is within, and reading everything again is not."""


def units(stats: Mapping[str, Any]) -> float:
    """Add up what a run consumed."""
    slaves = stats["slaves"].values()
    return float(stats["master"]["read_units"] + sum(each["read_units"] + each["write_units"] for each in slaves))


LARGE = [item(f"{n:03}", v=1, pad="x" * 400) for n in range(400)]
LARGE_CHANGED = [item(f"{n:03}", v=2, pad="x" * 400) for n in range(400)]


@pytest.mark.parametrize("flag", SPENT)
@pytest.mark.parametrize("mode", MODES)
def test_spending_ends_a_run(make_world: MakeWorld, flag: str, mode: str) -> None:
    """A run ends soon after it has consumed more than it may: not much more than a request per process and table."""
    made = make_world(LARGE, LARGE_CHANGED)
    limit = 400 if "merge" not in MODES[mode] else 150
    given = (flag, f"{limit if flag == '--max-units' else limit * 0.125 / 1e6:g}")
    ran = made.run(*MODES[mode], *given)
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (5, False, False)
    assert limit * (1 if flag == "--max-units" else 0.2) < units(ran.stats) < limit + 250
    assert 0 < len(ran.differences) < 400
    (error,) = ran.stats["errors"]
    assert error.startswith(f"ended by {flag} ")
    assert error in ran.stderr


@pytest.mark.parametrize("flag", ["--max-units", "--max-cost"])
@pytest.mark.parametrize("strategy", ["lookup", "merge", "auto"])
def test_a_run_does_not_start(make_world: MakeWorld, tmp_path: Path, flag: str, strategy: str) -> None:
    """Where the estimate says more than the limit nothing is read; report and statistics are written all the same."""
    made = make_world(LARGE, LARGE[3:])
    checkpoint = tmp_path / "job"
    given = ("--strategy", strategy, *ALL, "--checkpoint", str(checkpoint))
    ran = made.run(*given, flag, "0.000001")
    assert (ran.exit_code, ran.report) == (5, [{"complete": False, "differences": 0}])
    assert (ran.stats["complete"], units(ran.stats), ran.stats["master"]["scanned"]) == (False, 0, 0)
    assert {operation for operation, _ in made.proxy.summary()} == {"DescribeTable"}
    (error,) = ran.stats["errors"]
    assert error.startswith("not started: ")
    assert f"{flag} 0.000001" in error
    assert error in ran.stderr
    assert not checkpoint.exists()
    assert made.run(*given, flag, "10000").exit_code == 0


def test_the_estimate_itself_is_allowed(make_world: MakeWorld) -> None:
    """A limit that is exactly what the run takes lets it start, and does not end it."""
    made = make_world(LARGE, LARGE)
    for strategy in ("lookup", "merge"):
        took = units(made.run("--strategy", strategy).stats)
        assert made.run("--strategy", strategy, "--max-units", f"{took:g}").exit_code == 0


def test_an_unknown_estimate_refuses_nothing(make_world: MakeWorld) -> None:
    """A table that does not tell its size lets a run start; the limit holds while it runs."""
    made = make_world(LARGE, LARGE_CHANGED)
    made.proxy.add(silent, "DescribeTable")
    ran = made.run("--max-units", "60")
    assert (ran.exit_code, ran.stats["complete"]) == (5, False)
    assert 60 < units(ran.stats) < 260


def silent(exchange: Exchange) -> Reply:
    """Describe a table that counts no items."""
    told = exchange.forward().json
    return faults.answer({"Table": {**told["Table"], "ItemCount": 0, "TableSizeBytes": 0}})


def test_deletes_stop_too(make_world: MakeWorld) -> None:
    """Deletes that are under way end; what is left of the extras is reported, with no action."""
    extras = [item(f"x{n:03}", pad="x" * 400) for n in range(200)]
    made = make_world(MASTER, [*MASTER, *extras])
    made.proxy.add(silent, "DescribeTable")
    before = units(made.run("--scan-for-extra").stats)
    ran = made.run("--delete-extra", "--max-units", f"{before + 100:g}")
    assert (ran.exit_code, ran.stats["complete"]) == (5, False)
    assert len(ran.differences) == 200
    assert {line["action"] for line in ran.differences} == {"deleted", "none"}
    deleted = ran.stats["slaves"][str(made.slave)]["deleted"]
    assert len(made.slave.all()) == 260 - deleted
    assert 0 < deleted < 200


def test_nothing_is_deleted_after_that(make_world: MakeWorld) -> None:
    """A run that was ended while it compared deletes nothing."""
    made = make_world(LARGE_CHANGED, [*LARGE, *EXTRAS])
    ran = made.run(*ALL, "--max-units", "450")
    assert ran.exit_code == 5
    assert made.proxy.of("DeleteItem") == []


def test_a_resumed_job_has_spent_it_already(make_world: MakeWorld, tmp_path: Path) -> None:
    """Resumed with the same limit a job ends at once, and reads nothing; with a higher one it goes on to its end."""
    made = make_world(LARGE, LARGE_CHANGED)
    kept = ("--checkpoint", str(tmp_path / "job"), "--resume", "--report", str(tmp_path / "report"))
    first = made.run(*kept, "--max-units", "400")
    assert first.exit_code == 5
    asked = len(made.proxy.of("Scan"))
    again = made.run(*kept, "--max-units", "400")
    assert (again.exit_code, len(made.proxy.of("Scan"))) == (5, asked)
    assert again.stats["errors"][0].startswith("ended by --max-units 400: ")
    assert units(again.stats) == units(first.stats)
    assert len(again.differences) <= len(first.differences)
    last = made.run(*kept, "--max-units", "100000")
    assert (last.exit_code, len(last.differences), last.stats["complete"]) == (1, 400, True)
    assert units(last.stats) > units(first.stats)


def test_shards_that_overspend(make_world: MakeWorld, tmp_path: Path) -> None:
    """The whole of shards of which one was ended by such a limit has exit code 5 too."""
    made = make_world(LARGE, LARGE_CHANGED)
    files = [str(tmp_path / name) for name in ("0.json", "1.json")]
    cut = ("--segments", "4", "--stats")
    assert made.run(*cut, files[0], "--shard", "0/2", "--max-units", "150").exit_code == 5
    assert made.run(*cut, files[1], "--shard", "1/2").exit_code == 1
    combined = run_fastsync("combine", *files, "--stats", str(tmp_path / "whole.json"))
    assert combined.exit_code == 5
