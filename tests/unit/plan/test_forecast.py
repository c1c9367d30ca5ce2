"""Forecasts: units by strategy from descriptions, with the figures of the service's rules."""

from __future__ import annotations

from typing import Any

import pytest

from fastsync.config.config import Config
from fastsync.model.table import KeySchema, Table, TableRef
from fastsync.model.throughput import Rate, Throughput
from fastsync.plan.duration import Duration, find_duration, format_duration, read_rates, write_rates
from fastsync.plan.forecast import Size, Workload, forecast_strategies, presume_sizes
from fastsync.plan.segments import Plan
from fastsync.plan.strategy_choice import prefer_strategy

MILLION = 1_000_000


def described(items: int, each: float) -> Table:
    """Make a table that tells so many items of so many bytes."""
    return Table(TableRef.parse("us-east-1:t"), KeySchema("id", "S"), ("t",), items, int(items * each))


def config(**flags: Any) -> Config:
    return Config.of("us-east-1:a", ["us-west-2:b"], flags)


def read(master: Table, *slaves: Table, **flags: Any) -> tuple[float, float]:
    """Give the read units of lookup and of merge."""
    given = config(**flags)
    work = Workload(given.reading, given.judging, given.repairing, Plan.of(given.slicing))
    lookup, merge = forecast_strategies(master, slaves, work)
    return lookup.total.read, merge.total.read


@pytest.mark.parametrize(
    ("each", "lookup", "merge"), [(100, 0.0122, 0.0122), (400, 0.0488, 0.0488), (4096, 0.5, 0.5), (10_240, 1.25, 1.25)]
)
def test_units_of_a_pair(each: int, lookup: float, merge: float) -> None:
    """A pair costs a scan and a look-up, or two scans; the figures are those of the service's documentation."""
    table = described(MILLION, each)
    found = [units / MILLION for units in read(table, table)]
    look_up = 0.5 if each <= 4096 else 1.5
    assert found == pytest.approx([lookup + look_up, 2 * merge], rel=0.01)


def test_consistent_reads_cost_twice() -> None:
    """Strongly consistent scans and look-ups cost twice what others do."""
    table = described(MILLION, 400)
    assert read(table, table, consistent_read=True) == tuple(2 * units for units in read(table, table))


def test_extras_are_free_in_a_merge() -> None:
    """Looking for extras costs a scan and look-ups on the master by lookup, and nothing by merge."""
    table = described(MILLION, 400)
    (lookup, merge), (with_extras, merge_with) = read(table, table), read(table, table, scan_for_extra=True)
    assert with_extras == pytest.approx(2 * lookup, rel=0.01)
    assert merge_with == merge


def test_what_is_missing_is_read_again() -> None:
    """Every item that a count lacks costs a unit on each side, and a write by its size where it is written."""
    master, slave = described(1000, 2000), described(900, 2000)
    given = config(write_missing=True)
    work = Workload(given.reading, given.judging, given.repairing, Plan.of(given.slicing))
    for forecast in forecast_strategies(master, [slave], work):
        assert forecast.total.write == 100 * 2
        assert forecast.rechecks == 200
    again, never = read(master, slave), read(master, slave, no_recheck=True)
    assert [a - b for a, b in zip(again, never, strict=True)] == [200, 200]


def test_an_empty_slave_is_looked_up_once() -> None:
    """Of a slave that holds nothing, a few items of each page are looked up before all are read again."""
    master, slave = described(100_000, 400), described(0, 0)
    given = config(write_missing=True)
    work = Workload(given.reading, given.judging, given.repairing, Plan.of(given.slicing))
    lookup, merge = forecast_strategies(master, [slave], work, silent_are_empty=True)
    sampled = 0.5 * 100 * 100_000 * 400 / MILLION  # 100 items of each page of 1 MB
    assert lookup.slaves[0].read == pytest.approx(100_000 + sampled, rel=0.05)
    assert merge.slaves[0].read == pytest.approx(100_000, rel=0.001)
    assert (lookup.total.write, merge.total.write) == (100_000, 100_000)


def test_extras_by_count() -> None:
    """Every item that a count has more is read again where extras are looked for, once more and deleted if asked."""
    master, slave = described(900, 2000), described(1000, 2000)
    assert read(master, slave, scan_for_extra=True)[1] - read(master, slave)[1] == 200
    assert read(master, slave, delete_extra=True)[1] - read(master, slave, scan_for_extra=True)[1] == 200


def test_small_pages_and_many_segments_cost_more() -> None:
    """Each request is rounded up, so limits of items and segments without items cost."""
    table = described(1000, 400)
    assert read(table, table)[1] == 2 * 49
    assert read(table, table, scan_limit=1)[1] == 2 * 500
    assert read(table, table, segments=2000)[1] == 2 * 1000


def test_a_part_costs_a_part() -> None:
    """A shard or a sample is charged by its share of the segments."""
    table = described(MILLION, 400)
    whole = read(table, table, segments=100)
    assert read(table, table, segments=100, shard="0/4") == tuple(units / 4 for units in whole)
    assert read(table, table, segments=100, sample=0.1) == tuple(units / 10 for units in whole)


def test_every_slave_is_read_and_the_master_once() -> None:
    """A second slave adds what it costs itself."""
    table = described(MILLION, 400)
    assert read(table, table, table)[1] == 1.5 * read(table, table)[1]


@pytest.mark.parametrize(
    ("tables", "sizes"),
    [
        ([described(0, 0), described(0, 0)], []),
        ([described(10, 50), described(0, 0)], [Size(10, 50), Size(10, 50)]),
        ([described(0, 0), described(5, 50), described(10, 60)], [Size(10, 50), Size(5, 50), Size(10, 60)]),
        ([described(10, 0), described(5, 0)], [Size(10, 400), Size(5, 400)]),
        ([described(10, 0), described(5, 70)], [Size(10, 70), Size(5, 70)]),
    ],
)
def test_tables_that_tell_nothing(tables: list[Table], sizes: list[Size]) -> None:
    """A table that tells no size is taken for as large as the others; where none does nothing is known."""
    assert presume_sizes(tables) == sizes


@pytest.mark.parametrize(
    ("master", "slave", "flags", "strategy"),
    [
        (described(MILLION, 400), described(MILLION, 400), {}, "merge"),
        (described(1, 400), described(1, 400), {}, "merge"),
        (described(1000, 400), described(50_000, 400), {}, "lookup"),
        (described(1000, 400), described(50_000, 400), {"scan_for_extra": True}, "merge"),
        (described(10, 400), described(10, 400), {"segments": 1000}, "lookup"),
        (described(MILLION, 400), described(MILLION, 400), {"starting_key": '{"id": "a"}'}, "lookup"),
        (described(MILLION, 400), described(MILLION, 400), {"strategy": "lookup"}, "lookup"),
        (described(0, 0), described(0, 0), {}, "merge"),
    ],
)
def test_the_cheaper_strategy(master: Table, slave: Table, flags: dict[str, Any], strategy: str) -> None:
    """The cheaper strategy is preferred, and the sentence says which, why, and what both would take."""
    given = config(**flags)
    work = Workload(given.reading, given.judging, given.repairing, Plan.of(given.slicing))
    choice = prefer_strategy(given, forecast_strategies(master, [slave], work))
    assert choice.strategy == strategy
    assert str(choice).startswith(f"strategy {strategy}: ")
    for name in ("lookup", "merge") if master.item_count else ("no estimates",):
        assert name in str(choice)


def test_durations() -> None:
    """Units last as long as the slowest rate makes them, and people read it in hours and minutes."""
    assert find_duration(6000, read_rates(2)).seconds == 1
    assert find_duration(6000, write_rates(2)).seconds == 3
    assert find_duration(100, read_rates(2, Rate(10, "5% of it"))) == Duration(10, "--max-read-units of 10, 5% of it")
    assert find_duration(100, read_rates(2, Rate(10), Throughput(warm=5))).reason.startswith("its warm throughput of 5")
    assert [format_duration(seconds) for seconds in (0.2, 59.4, 60, 3599, 3600, 90_000)] == [
        "under 1 s", "59 s", "1 min", "1 h 0 min", "1 h 0 min", "25 h 0 min"
    ]  # fmt: skip
