"""Decide in how many segments the tables are scanned, which of them this run compares, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.config.slicing import MAX_SEGMENTS, Slicing

GIB = 1 << 30
LARGE = 20 * GIB
"""Bytes from which a table gets more segments than processes (developer guide: from about 20 GB)."""
SEGMENT_BYTES = 2 * GIB
"""Bytes of a segment of a large table at most, on average (developer guide: about one segment per 2 GB)."""
PER_PROCESS = 4
"""Segments of a large table per process at least, so that no process waits long for the last one."""
SAMPLED = 30
"""Segments in a sample at least, where their number is not given: fewer say little about the others."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""A stride of this share of the whole leaves any few in a row as far apart as possible."""


@dataclass(frozen=True)
class Plan:
    """`total` segments; those with `numbers` are compared, and handed out in this order."""

    slicing: Slicing
    total: int
    numbers: Sequence[int]

    @classmethod
    def of(cls, slicing: Slicing, size_bytes: int = 0) -> Plan:
        """Return the plan for tables; `size_bytes` is the size of the largest, as far as it is known."""
        total = slicing.segments or _choose_total(slicing, size_bytes)
        numbers: Sequence[int] = range(total)
        if slicing.shard is not None:
            numbers = numbers[slicing.shard.number :: slicing.shard.of]
        if slicing.sample is not None:
            numbers = slicing.sample.choose(total)
        return cls(slicing, total, _spread_out(numbers))

    @classmethod
    def of_chunks(cls, slicing: Slicing, count: int) -> Plan:
        """Return the plan for so many chunks of keys, in their order."""
        return cls(slicing, count, range(count))

    @property
    def share(self) -> float:
        """The share of the segments that is compared."""
        return len(self.numbers) / self.total


def _choose_total(slicing: Slicing, size_bytes: int) -> int:
    total = slicing.parallel
    if size_bytes >= LARGE:
        total = max(PER_PROCESS * slicing.parallel, math.ceil(size_bytes / SEGMENT_BYTES))
    if slicing.sample is not None:
        total = max(total, math.ceil(min(MAX_SEGMENTS, SAMPLED / slicing.sample.fraction)))
    return min(total, MAX_SEGMENTS)


def _spread_out(numbers: Sequence[int]) -> Sequence[int]:
    """Return segments with neighbours far apart: they often share a partition, which serves 3,000 units a second."""
    count = len(numbers)
    stride = max(1, round(count * GOLDEN))
    while math.gcd(stride, count) != 1:
        stride += 1
    return [numbers[place * stride % count] for place in range(count)]
