"""How a run is cut into segments, and which of them this host compares: --segments, --shard, --sample."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

MAX_SEGMENTS = 1_000_000
"""The service's limit of TotalSegments (API reference, Scan)."""


@dataclass(frozen=True)
class Shard:
    """The part of one host: the segments whose number is `number` modulo `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse `I/N`; raise ConfigError on anything else."""
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
            given = quote(self.fraction)
            raise ConfigError(f"--sample takes a fraction above 0 and up to 1, for example 0.05, not {given}")

    def choose(self, total: int) -> Sequence[int]:
        """Return the numbers of the chosen segments of `total`, in order; there is at least one."""
        count = max(1, round(self.fraction * total))
        return sorted(random.Random(self.seed).sample(range(total), count))


@dataclass(frozen=True)
class Slicing:
    """How many segments are compared at once, how many there are (None: the plan decides), and which part of them."""

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
