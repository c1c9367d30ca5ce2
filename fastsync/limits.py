"""Limits: how many capacity units a second a run may use of each table, as a number or as a share of what it has."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from fastsync.errors import ConfigError
from fastsync.wording import quote

PATIENCE = 20.0
"""Seconds that the work between two looks at an interrupt is to take at most, as far as limits go."""
FEWEST = 20
"""Items that are worked on together at least, whatever the limits: pages of fewer cost more than they spare."""
_NUMBER = r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
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
"""What a table has that tells nothing."""


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


@dataclass(frozen=True)
class Limit:
    """What one flag says: `units` per second, or `percent` of what the table has."""

    flag: str
    units: float | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, flag: str, given: object) -> Limit:
        """Read a number of units per second above 0, or `P%` up to 100%; raise ConfigError on anything else."""
        text = given if isinstance(given, str) else _decimal(given)
        if not isinstance(given, bool) and re.fullmatch(f"({_NUMBER})%?", text):
            value = float(text.rstrip("%"))
            if text.endswith("%") and SLOWEST <= value <= 100:
                return cls(flag, percent=value)
            if not text.endswith("%") and SLOWEST <= value < math.inf:
                return cls(flag, units=value)
        raise ConfigError(
            f"{flag} takes a number of units per second from {SLOWEST} on, or a share of what the table has, such as "
            f"25%, not {quote(given)}"
        )

    def rate(self, table: object, has: Throughput) -> Rate:
        """Give the rate for a table; raise ConfigError where a share is asked for and it tells no capacity."""
        if self.units is not None:
            return Rate(self.units)
        share = self.percent or 0.0
        if has.known is None:
            raise ConfigError(
                f"{self.flag} {share:g}%: {table} tells neither provisioned capacity nor an on-demand maximum nor warm "
                f"throughput, so there is nothing to take a share of; give {self.flag} a number of units per second"
            )
        units, name = has.known
        return Rate(max(SLOWEST, units * share / 100), f"{share:g}% of its {name} of {units:,.0f}")


@dataclass(frozen=True)
class Limits:
    """The limits of a run, for each table apart; None where there is none."""

    reads: Limit | None = None
    writes: Limit | None = None

    def pace(self, table: object, has: Capacity, written: bool) -> Pace:
        """Give the pace of a table, for writes too where it is one that may be `written`; raise ConfigError."""
        reads = None if self.reads is None else self.reads.rate(table, has.reads)
        writes = None if self.writes is None or not written else self.writes.rate(table, has.writes)
        return Pace(reads, writes)


def _decimal(given: object) -> str:
    """Write a number without an exponent; what is no number, or has more digits than any limit, as nothing."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e15:
        return ""
    return f"{given:f}"


def at_once(rates: Iterable[Rate | None], most: int | None) -> int | None:
    """Give how many items may be worked on together where each costs a unit at all of these rates, `most` at most."""
    limited = [max(FEWEST, int(rate.units * PATIENCE)) for rate in rates if rate is not None]
    return min(limited if most is None else [*limited, most], default=None)
