"""Limits that flags set: capacity units per second for each table, and deletes per slave."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from fastsync.errors import ConfigError
from fastsync.model.settings import LONGEST_LIMIT
from fastsync.model.throughput import SLOWEST, Capacity, Pace, Rate, Throughput
from fastsync.model.wording import quote

_NUMBER = r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+"


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

    def resolve(self, table: object, has: Throughput) -> Rate:
        """Return the rate for a table; raise ConfigError where a share is asked for and it tells no capacity."""
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

    def resolve(self, table: object, has: Capacity, written: bool) -> Pace:
        """Return the pace of a table, for writes too where it is one that may be `written`; raise ConfigError."""
        reads = None if self.reads is None else self.reads.resolve(table, has.reads)
        writes = None if self.writes is None or not written else self.writes.resolve(table, has.writes)
        return Pace(reads, writes)


def _decimal(given: object) -> str:
    """Write a number without an exponent; what is no number, or has more digits than any limit, as nothing."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e15:
        return ""
    return f"{given:f}"


@dataclass(frozen=True)
class DeleteLimit:
    """At most `count` deletes per slave, or the exact `share` of the slave's items scanned."""

    count: int | None = None
    share: Fraction = Fraction(0)

    @classmethod
    def parse(cls, text: str) -> DeleteLimit:
        """Read `N` or `P%` (also as `1e-3%`); raise ConfigError on anything else."""
        if len(text) <= LONGEST_LIMIT:
            if re.fullmatch(r"[0-9]+", text):
                return cls(count=int(text))
            percent = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)%", text)
            if percent and Fraction(percent[1]) <= 100:
                return cls(share=Fraction(percent[1]) / 100)
        raise ConfigError(f"--max-deletes takes a number or a percentage from 0% to 100%, not {quote(text)}")

    def allowed_for(self, scanned: int) -> int:
        """Return the number of deletes allowed on a slave of which `scanned` items were scanned."""
        return self.count if self.count is not None else int(scanned * self.share)
