"""Estimates from samples: how often the interval holds the truth, counted over many samples of known tables."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from fastsync.run.sampling import Counts, Interval, estimate_total


def counted(segments: Sequence[int]) -> Counts:
    """Count the differences of these segments."""
    counts = Counts()
    for found in segments:
        counts.add_segment(found)
    return counts


def scattered(draw: random.Random, differences: int, each: int, segments: int) -> list[int]:
    """Scatter differences over segments, `each` at a time."""
    found = [0] * segments
    for _ in range(differences // each):
        found[draw.randrange(segments)] += each
    return found


@pytest.mark.parametrize("sampled", [10, 30, 150])
@pytest.mark.parametrize(("differences", "each"), [(5, 1), (50, 1), (3000, 1), (1000, 5), (4000, 20)])
def test_the_interval_holds_the_truth(differences: int, each: int, sampled: int) -> None:
    """In at least nine of ten samples the interval holds the true number, whether differences lie scattered or not."""
    draw = random.Random(17)
    held = 0
    for _ in range(400):
        table = scattered(draw, differences, each, 300)
        found = estimate_total(counted(draw.sample(table, sampled)), 300)
        assert found is not None
        assert found.high is not None
        assert found.low <= found.estimate <= found.high
        held += found.low <= sum(table) <= found.high
    assert held >= 0.9 * 400


def test_the_estimate_is_right_on_average() -> None:
    """Over many samples the estimates agree with the true number."""
    draw = random.Random(3)
    table = scattered(draw, 900, 3, 300)
    estimates = [found.estimate for _ in range(2000) if (found := estimate_total(counted(draw.sample(table, 30)), 300))]
    assert sum(estimates) / len(estimates) == pytest.approx(900, rel=0.03)


def test_a_sample_of_everything_is_exact() -> None:
    """Where all segments were compared nothing is uncertain."""
    assert estimate_total(counted([0, 7, 2]), 3) == Interval(9, 9, 9)
    assert estimate_total(counted([4]), 1) == Interval(4, 4, 4)


def test_having_found_nothing_is_not_certainty() -> None:
    """Without a difference in a tenth of the segments there may still be some in the others."""
    found = estimate_total(counted([0] * 30), 300)
    assert found is not None
    assert (found.estimate, found.low) == (0, 0)
    assert found.high is not None
    assert 30 <= found.high <= 40


def test_one_segment_says_little() -> None:
    """A single segment has no upper bound; none has no estimate at all."""
    assert estimate_total(counted([5]), 10) == Interval(50, 5, None)
    assert estimate_total(Counts(), 10) is None


def test_what_was_found_is_there() -> None:
    """The lower bound is never below what the sample itself holds."""
    found = estimate_total(counted([100, *[0] * 9]), 20)
    assert found is not None
    assert found.low >= 100
