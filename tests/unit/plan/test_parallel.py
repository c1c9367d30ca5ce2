"""--parallel auto: which number a run takes on tables and machines of every kind, and the reason that it gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastsync.config.config import Config
from fastsync.model.parallel import Bound, Room
from fastsync.model.throughput import Capacity, Pace, Rate, Throughput
from fastsync.plan.parallel import (
    Parallel,
    bound_by_segments,
    choose_for_fleet,
    choose_for_keys,
    choose_for_undo,
    choose_parallel,
)
from fastsync.plan.survey import Survey
from tests.unit.builders import MASTER, A, side

MB = 1 << 20
GB = 1 << 30
TWO = Room(2, 8)
MANY = Room(96, 8)
FULL = Room(2, 8, (Bound(3, "350 MB of memory are free"), Bound(100, "ulimit")))
NONE = Room(1, 8, (Bound(-2, "the limit of open files is 8"),))


def describe(size: int = 0, *, items: int = 0, reads: float | None = None, limit: float | None = None) -> Survey:
    """Make a survey of a master of this size, and a slave with these reads a second."""
    master, slave = side(MASTER), side(A)
    master = replace(master, table=replace(master.table, size_bytes=size, item_count=items))
    has = Capacity(Throughput(provisioned=reads), Throughput())
    slave = replace(slave, table=replace(slave.table, capacity=has))
    if limit is not None:
        slave = replace(slave, pace=Pace(Rate(limit)))
    accounts: Any = None
    return Survey(accounts, (slave,), (), master, {})


def configure(**flags: Any) -> Config:
    """Make the configuration of a run on these tables."""
    return Config.of(MASTER, A, {"parallel": "auto", **flags})


CASES: dict[str, tuple[Survey, Room, dict[str, Any], int, str]] = {
    "cores": (describe(GB), TWO, {}, 16, "8 for each of 2 cores"),
    "one core": (describe(GB), Room(1, 8), {}, 8, "8 for each of 1 core"),
    "many cores": (describe(1024 * GB), MANY, {}, 64, "auto never takes more"),
    "a small table": (describe(20 * MB), TWO, {}, 3, "the largest table has 20 MB, one process for each 8 MB"),
    "a tiny table": (describe(2000, items=10), TWO, {}, 1, "the largest table has less than 1 MB"),
    "a table that tells its items only": (describe(items=100_000), TWO, {}, 5, "the largest table has 38 MB"),
    "no table tells its size": (describe(), TWO, {}, 2, "one for each of 2 cores, as no table tells its size"),
    "capacity": (describe(GB, reads=2500), TWO, {}, 2, f"{A} has a provisioned capacity of 2,500 read units a second"),
    "capacity, read consistently": (describe(GB, reads=2500), TWO, {"consistent_read": True}, 1, "takes 2,500"),
    "little capacity": (describe(GB, reads=5), TWO, {}, 1, "provisioned capacity of 5 read units"),
    "a limit": (describe(GB, limit=5000), TWO, {}, 4, f"--max-read-units allows {A} 5,000 read units a second"),
    "a limit below the capacity": (describe(GB, reads=5000, limit=1250), TWO, {}, 1, "--max-read-units allows"),
    "memory": (describe(GB), FULL, {}, 3, "350 MB of memory are free"),
    "no room at all": (describe(GB), NONE, {}, 1, "the limit of open files is 8"),
}


@pytest.mark.parametrize(("found", "room", "flags", "number", "reason"), CASES.values(), ids=CASES)
def test_what_a_run_takes(found: Survey, room: Room, flags: dict[str, Any], number: int, reason: str) -> None:
    """The lowest of all bounds decides, at least one process is at work, and the reason names that bound."""
    chosen = choose_parallel(configure(**flags), found, room)
    assert chosen.number == number
    assert reason in chosen.reason
    assert str(chosen) == f"parallel {number}: {chosen.reason}"


def test_given_segments() -> None:
    """There are no more processes than segments, and of two equal bounds the segments are told."""
    assert choose_parallel(configure(), describe(GB), TWO, bound_by_segments(3)) == Parallel(3, "there are 3 segments")
    assert choose_parallel(configure(), describe(GB), TWO, bound_by_segments(16)).reason == "there are 16 segments"
    assert bound_by_segments(1).reason == "there is 1 segment"


@pytest.mark.parametrize(("keys", "number"), [(0, 1), (1, 1), (100, 1), (101, 2), (1_000_000, 16)])
def test_given_keys(keys: int, number: int) -> None:
    """Few keys take few processes, however large the tables are."""
    assert choose_for_keys(configure(key=["{}"]), describe(GB), TWO, keys).number == number


@pytest.mark.parametrize(("items", "number"), [(0, 1), (1000, 1), (1001, 2), (10**9, 16)])
def test_an_undo(items: int, number: int) -> None:
    """An undo takes a number by its items."""
    assert choose_for_undo(items, TWO).number == number


def test_a_fleet() -> None:
    """A fleet takes a number by the machine alone."""
    assert choose_for_fleet(TWO) == Parallel(16, "8 for each of 2 cores")
    assert choose_for_fleet(FULL).number == 3
