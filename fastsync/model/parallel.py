"""How many processes a machine has room for, and how many a run takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """No more than `most` processes, and why."""

    most: int
    reason: str


@dataclass(frozen=True)
class Room:
    """What a machine has: so many `cores`, for each of which `per_core` processes may be at work, and other bounds."""

    cores: int
    per_core: int
    bounds: tuple[Bound, ...] = ()
