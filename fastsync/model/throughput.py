"""Throughput of tables: what a table has, and the rates at which a run may use it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PATIENCE = 20.0
"""Seconds that the work between two looks at an interrupt is to take at most, as far as limits go."""
FEWEST = 20
"""Items that are worked on together at least, whatever the limits: pages of fewer cost more than they spare."""
SLOWEST = 0.001
"""Units per second at least: with less, a page of 1 MB would be waited for longer than a system's clocks go."""


@dataclass(frozen=True)
class Throughput:
    """What a table takes of reads, or of writes, in units per second, as DescribeTable tells it; None: it does not."""

    provisioned: float | None = None
    on_demand_maximum: float | None = None
    warm: float | None = None

    @property
    def known(self) -> tuple[float, str] | None:
        """The first of them that is told, and what it is called."""
        named = (
            (self.provisioned, "provisioned capacity"),
            (self.on_demand_maximum, "on-demand maximum"),
            (self.warm, "warm throughput"),
        )
        return next(((units, name) for units, name in named if units is not None), None)


@dataclass(frozen=True)
class Capacity:
    """The throughput of a table in both directions."""

    reads: Throughput
    writes: Throughput


UNKNOWN = Capacity(Throughput(), Throughput())
"""The capacity of a table that reports none."""


@dataclass(frozen=True)
class Rate:
    """A limit in force: capacity units per second, and where that number comes from."""

    units: float
    origin: str = "as given"


@dataclass(frozen=True)
class Pace:
    """How fast one table may be read and written; None where that is not limited."""

    reads: Rate | None = None
    writes: Rate | None = None


UNLIMITED = Pace()
"""As fast as can be."""


def limit_items(rates: Iterable[Rate | None], most: int | None) -> int | None:
    """Return how many items may be worked on together where each costs a unit at all of these rates, `most` at most."""
    limited = [max(FEWEST, int(rate.units * PATIENCE)) for rate in rates if rate is not None]
    return min(limited if most is None else [*limited, most], default=None)
