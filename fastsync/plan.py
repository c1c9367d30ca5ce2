"""Plan: in how many segments the tables are scanned, which of them this run compares, and in which order."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.errors import ConfigError
from fastsync.wording import quote

MAX_SEGMENTS = 1_000_000
"""The service's limit of TotalSegments (API reference, Scan)."""
GIB = 1 << 30
LARGE = 20 * GIB
"""Bytes of a table from which on it gets more segments than processes (developer guide: from about 20 GB on)."""
SEGMENT_BYTES = 2 * GIB
"""Bytes of a segment of a large table at most, on average (developer guide: about one segment per 2 GB)."""
PER_PROCESS = 4
"""Segments of a large table per process at least, so that no process waits long for the last one."""
SAMPLED = 30
"""Segments in a sample at least, where their number was not given: fewer say little about the rest."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Strides of this share of the whole leave any few in a row as far apart as can be."""


@dataclass(frozen=True)
class Shard:
    """This host's part of the work: the segments whose number is `number` modulo `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `I/N`; raise ConfigError on anything else."""
        found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)
        if found and int(found[1]) < int(found[2]):
            return cls(int(found[1]), int(found[2]))
        raise ConfigError(f"--shard takes I/N, with I from 0 to N - 1, for example 0/3, not {quote(text)}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Sample:
    """A share of the segments, above 0 and at most 1, chosen by `seed`. Raises ConfigError."""

    fraction: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            told = quote(self.fraction)
            raise ConfigError(f"--sample takes a fraction above 0 and up to 1, for example 0.05, not {told}")

    def of(self, total: int) -> Sequence[int]:
        """Choose the numbers of the segments, one at least."""
        count = max(1, round(self.fraction * total))
        return sorted(random.Random(self.seed).sample(range(total), count))


@dataclass(frozen=True)
class Slicing:
    """What decides about segments: how many at once, how many in all (None: as it fits), and which part of them."""

    parallel: int = 1
    segments: int | None = None
    shard: Shard | None = None
    sample: Sample | None = None

    def __post_init__(self) -> None:
        if self.shard is not None and (self.segments is None or self.segments < self.shard.of):
            raise ConfigError(
                f"--shard {self.shard} needs --segments of at least {self.shard.of}, the same on every host"
            )
        if self.shard is not None and self.sample is not None:
            raise ConfigError("--shard and --sample exclude each other: a sample is small enough for one host")


@dataclass(frozen=True)
class Plan:
    """`total` segments, of which those with `numbers` are compared, handed out in this order."""

    slicing: Slicing
    total: int
    numbers: Sequence[int]

    @classmethod
    def of(cls, slicing: Slicing, size_bytes: int = 0) -> Plan:
        """Plan the scan of tables of which the largest has so many bytes, as far as is known."""
        total = slicing.segments or _fitting(slicing, size_bytes)
        numbers: Sequence[int] = range(total)
        if slicing.shard is not None:
            numbers = numbers[slicing.shard.number :: slicing.shard.of]
        if slicing.sample is not None:
            numbers = slicing.sample.of(total)
        return cls(slicing, total, _strided(numbers))

    @property
    def share(self) -> float:
        """The share of the segments that is compared."""
        return len(self.numbers) / self.total


def _fitting(slicing: Slicing, size_bytes: int) -> int:
    total = slicing.parallel
    if size_bytes >= LARGE:
        total = max(PER_PROCESS * slicing.parallel, math.ceil(size_bytes / SEGMENT_BYTES))
    if slicing.sample is not None:
        total = max(total, math.ceil(min(MAX_SEGMENTS, SAMPLED / slicing.sample.fraction)))
    return min(total, MAX_SEGMENTS)


def _strided(numbers: Sequence[int]) -> Sequence[int]:
    """Put neighbours far apart: they often share a partition, which serves 3,000 units a second and no more."""
    count = len(numbers)
    stride = max(1, round(count * GOLDEN))
    while math.gcd(stride, count) != 1:
        stride += 1
    return [numbers[place * stride % count] for place in range(count)]
