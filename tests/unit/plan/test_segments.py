"""Plans: how many segments, which of them, in which order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fastsync.config.slicing import Sample, Shard, Slicing
from fastsync.plan.segments import GIB, Plan

TERABYTE = 1024 * GIB


@pytest.mark.parametrize(
    ("slicing", "size", "total"),
    [
        (Slicing(), 0, 1),
        (Slicing(8), 0, 8),
        (Slicing(8), 20 * GIB - 1, 8),
        (Slicing(8), 20 * GIB, 32),
        (Slicing(1), 20 * GIB, 10),
        (Slicing(8), TERABYTE, 512),
        (Slicing(8, 3), TERABYTE, 3),
        (Slicing(8, sample=Sample(0.1)), 0, 300),
        (Slicing(8, sample=Sample(1)), 0, 30),
        (Slicing(8, sample=Sample(0.1)), TERABYTE, 512),
        (Slicing(8, 10, sample=Sample(0.1)), TERABYTE, 10),
        (Slicing(8, sample=Sample(1e-9)), 0, 1_000_000),
    ],
)
def test_how_many_segments(slicing: Slicing, size: int, total: int) -> None:
    """As many as processes; more for tables of 20 GB and for samples; exactly as many as given where given."""
    assert Plan.of(slicing, size).total == total


@pytest.mark.parametrize("total", [1, 2, 3, 7, 12, 100, 1000, 1009])
def test_every_segment_has_its_turn(total: int) -> None:
    """Whatever their number, each segment is handed out exactly once."""
    assert sorted(Plan.of(Slicing(4, total)).numbers) == list(range(total))


def test_neighbours_are_handed_out_apart() -> None:
    """Segments that are worked on at the same time lie far from each other."""
    numbers = Plan.of(Slicing(16, 1600)).numbers
    for start in range(len(numbers) - 16):
        together = sorted(numbers[start : start + 16])
        assert min(high - low for low, high in pairwise(together)) >= 1600 / 16 / 3


def test_shards_share_all_segments() -> None:
    """The shards of all hosts are all segments, each once: those whose number is the shard's modulo their number."""
    slicing = Slicing(2, 10)
    shards = [Plan.of(replace(slicing, shard=Shard(number, 3))).numbers for number in range(3)]
    assert sorted(number for numbers in shards for number in numbers) == list(range(10))
    for place, numbers in enumerate(shards):
        assert {number % 3 for number in numbers} == {place}


@pytest.mark.parametrize(("fraction", "total", "count"), [(0.1, 100, 10), (0.07, 100, 7), (0.001, 10, 1), (1, 10, 10)])
def test_samples(fraction: float, total: int, count: int) -> None:
    """A sample is a fraction of the segments, one at least, each once; the same for one seed, another for another."""
    first, again, other = (Plan.of(Slicing(1, total, sample=Sample(fraction, seed))).numbers for seed in (1, 1, 2))
    assert len(set(first)) == len(first) == count
    assert set(first) <= set(range(total))
    assert first == again
    assert set(first) != set(other) or count in (1, total)


def test_a_seed_chooses_the_same_everywhere() -> None:
    """The choice does not depend on the machine or the version of Python: a sample can be repeated years later."""
    assert sorted(Plan.of(Slicing(1, 1000, sample=Sample(0.005, 7))).numbers) == [154, 331, 404, 666, 970]


def test_shares() -> None:
    """A plan says which share of the whole it is."""
    assert Plan.of(Slicing(1, 10, shard=Shard(0, 3))).share == 0.4
    assert Plan.of(Slicing(1, 10)).share == 1.0
