"""Throughput of tables: what a table has, and the rates at which a run may use it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PATIENCE = 20.0
"""Seconds that work may take at most, by the limits, between two checks for an interrupt."""
FEWEST = 20
"""Items in a page at least, whatever the limits: smaller pages cost more than they save."""
SLOWEST = 0.001
"""Units per second at least: with fewer, a page of 1 MB would take longer than the system's clocks can count."""


@dataclass(frozen=True)
class Throughput:
    """The reads, or the writes, that a table takes, in units per second; None where DescribeTable reports nothing."""

    provisioned: float | None = None
    on_demand_maximum: float | None = None
    warm: float | None = None

    @property
    def known(self) -> tuple[float, str] | None:
        """The first of them that is known, and its name; None where none is."""
        named = (
            (self.provisioned, "provisioned capacity"),
            (self.on_demand_maximum, "on-demand maximum"),
            (self.warm, "warm throughput"),
        )
        for units, name in named:
            if units is not None:
                return units, name
        return None


@dataclass(frozen=True)
class Capacity:
    """The throughput of a table in both directions."""

    reads: Throughput
    writes: Throughput


UNKNOWN = Capacity(Throughput(), Throughput())
"""The capacity of a table that reports none."""


@dataclass(frozen=True)
class Rate:
    """A limit in force: capacity units per second, and the origin of that number."""

    units: float
    origin: str = "as given"


@dataclass(frozen=True)
class Pace:
    """How fast one table may be read and written; None where that is not limited."""

    reads: Rate | None = None
    writes: Rate | None = None


UNLIMITED = Pace()
"""As fast as possible."""


def limit_items(rates: Iterable[Rate | None], most: int | None) -> int | None:
    """Return how many items a page may hold, `most` at most, where each item costs a unit at all of these rates."""
    limited = [max(FEWEST, int(rate.units * PATIENCE)) for rate in rates if rate is not None]
    if most is not None:
        limited.append(most)
    return min(limited, default=None)
