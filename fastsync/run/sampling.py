"""Estimate the differences of the whole table from some segments, with a 95 % confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

NORMAL = 1.96
"""The 97.5 % quantile of the normal distribution."""
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
)  # fmt: skip
"""The same of Student's distribution, for 1 to 29 degrees of freedom."""


@dataclass(slots=True)
class Counts:
    """What is counted in the segments of a sample: how many segments, the sum over them, and the sum of squares."""

    segments: int = 0
    total: int = 0
    squares: int = 0

    def add_segment(self, count: int) -> None:
        """Count one more segment."""
        self.segments += 1
        self.total += count
        self.squares += count * count


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds that hold the truth with 95 % confidence; `high` is None where none is known."""

    estimate: int
    low: int
    high: int | None


def estimate_total(counts: Counts, of: int) -> Interval | None:
    """Estimate the total over `of` segments; None where no segment was counted.

    A score interval: bounds are the totals T from which the count differs by no more than t standard errors, where the
    variance is that of a draw without replacement of T differences that lie about at random, times how much the
    segments vary beyond that (differences come in clusters). It is exact for a sample of everything, and says what
    having found nothing is worth: with a tenth of the segments, that there are hardly more than 35 in all.
    """
    if not counts.segments:
        return None
    share = counts.segments / of
    estimate = round(counts.total / share)
    if counts.segments == of:
        return Interval(counts.total, counts.total, counts.total)
    if counts.segments == 1:
        return Interval(estimate, counts.total, None)
    width = _student_quantile(counts.segments - 1) ** 2 * _measure_clustering(counts) * (1 - share) / 2
    reach = math.sqrt(width * width + 2 * counts.total * width)
    low, high = ((counts.total + width + way * reach) / share for way in (-1, 1))
    return Interval(estimate, max(counts.total, math.floor(low)), math.ceil(high))


def _measure_clustering(counts: Counts) -> float:
    """Return how much more the segments vary than a random scatter would: variance over mean, at least 1."""
    if not counts.total:
        return 1.0
    mean = counts.total / counts.segments
    variance = (counts.squares - counts.total * mean) / (counts.segments - 1)
    return max(1.0, variance / mean)


def _student_quantile(freedom: int) -> float:
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    return NORMAL + (NORMAL**3 + NORMAL) / (4 * freedom)
