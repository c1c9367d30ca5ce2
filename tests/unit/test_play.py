"""Runs on paper: each bound alone takes the time that arithmetic says, and more workers never take longer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perf.play import GB, Run, play

FREE = Run(1_000_000, "merge", 4, cpu=1e-9, page=1e-6, look_up=1e-6, start=0, partition_units=math.inf, segments=64)
FREE = replace(FREE, table_units=math.inf, partitions=8)
LOOKUP = replace(FREE, strategy="lookup")
SCAN = 1_000_000 * 400 / 8192
BOUNDS = [
    ("CPU", replace(FREE, cpu=8e-6), 2.0),
    ("CPU", replace(FREE, cpu=8e-6, cores=2), 4.0),
    ("latency", replace(FREE, page=0.1), 400e6 / 2**20 * 0.1 / 4),
    ("latency", replace(LOOKUP, look_up=0.1), 1_000_000 / 6400 * 0.1 / 4),
    ("table limit", replace(FREE, table_units=1000), SCAN / 1000),
    ("table limit", replace(LOOKUP, table_units=1000), 500.0),
    ("partitions", replace(FREE, partition_units=100, workers=1), SCAN / 100),
    ("partitions", replace(FREE, partition_units=100, partitions=1), SCAN / 100),
    ("partitions", replace(FREE, partition_units=100, segments=1), SCAN / 100),
]


@pytest.mark.parametrize(("bound", "run", "seconds"), BOUNDS)
def test_each_bound_alone(bound: str, run: Run, seconds: float) -> None:
    """A run takes as long as what bounds it, and says what that is."""
    played = play(run)
    assert played.seconds == pytest.approx(seconds, rel=0.02)
    assert bound in played.shares
    assert sum(played.shares.values()) == pytest.approx(1)


def test_what_is_saved_up_is_served_first() -> None:
    """A partition that saves up ten seconds' worth serves that at any pace, then its rate."""
    run = replace(FREE, partition_units=100, workers=1, partitions=1, saved=10)
    assert play(run).seconds == pytest.approx((SCAN - 1000) / 100, rel=0.02)


def test_all_partitions_at_once() -> None:
    """As many workers as partitions get the whole table's units, if segments lie far apart."""
    played = play(replace(FREE, partition_units=100, workers=64))
    assert played.seconds == pytest.approx(SCAN / 800, rel=0.02)


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_more_workers_are_never_slower(strategy: str) -> None:
    """At any size another worker helps or idles; and a table is never read faster than it serves."""
    runs = [Run(100 * GB // 400, strategy, workers, segments=256) for workers in (1, 4, 16, 64, 256)]
    times = [round(play(run).seconds, 3) for run in runs]
    assert times == sorted(times, reverse=True)
    assert times[-1] > 100 * GB / 8192 / 40_000
