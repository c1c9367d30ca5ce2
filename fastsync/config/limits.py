"""Limits that flags set: capacity units per second for each table, and deletes per slave."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from fastsync.errors import ConfigError
from fastsync.model.capacity import LIST_PRICES, Spending
from fastsync.model.settings import LONGEST_LIMIT
from fastsync.model.throughput import SLOWEST, Capacity, Pace, Rate, Throughput
from fastsync.model.wording import quote

_UNITS = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_PERCENT = re.compile(_UNITS.pattern + "%")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)%")


@dataclass(frozen=True)
class Limit:
    """The limit of one flag: `units` per second, or `percent` of the table's capacity."""

    flag: str
    units: float | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, flag: str, given: object) -> Limit:
        """Parse a number of units per second above 0, or `P%` up to 100%; raise ConfigError on anything else."""
        text = given if isinstance(given, str) else _as_decimal(given)
        units, percent = _UNITS.fullmatch(text), _PERCENT.fullmatch(text)
        if units is not None and SLOWEST <= float(units[1]) < math.inf:
            return cls(flag, units=float(units[1]))
        if percent is not None and SLOWEST <= float(percent[1]) <= 100:
            return cls(flag, percent=float(percent[1]))
        raise ConfigError(
            f"{flag} takes a number of units per second from {SLOWEST} on, or a share of what the table has, such as "
            f"25%, not {quote(given)}"
        )

    def resolve(self, table: object, has: Throughput) -> Rate:
        """Return the rate for a table; raise ConfigError if it should be a share, and the table reports no capacity."""
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
    """The limits of a run, which hold for each table by itself; None where there is no limit."""

    reads: Limit | None = None
    writes: Limit | None = None

    def resolve(self, table: object, has: Capacity, written: bool) -> Pace:
        """Return the pace of a table. Its writes are limited only if it may be `written`. Raises ConfigError."""
        reads = writes = None
        if self.reads is not None:
            reads = self.reads.resolve(table, has.reads)
        if self.writes is not None and written:
            writes = self.writes.resolve(table, has.writes)
        return Pace(reads, writes)


def _as_decimal(given: object) -> str:
    """Return a number without an exponent; "" for anything else, and for a number with more digits than any limit."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return ""
    if not 0 < given < 1e15:
        return ""
    return f"{given:f}"


@dataclass(frozen=True)
class DeleteLimit:
    """At most `count` deletes per slave, or the exact `share` of the slave's items scanned."""

    count: int | None = None
    share: Fraction = Fraction(0)

    @classmethod
    def parse(cls, text: str) -> DeleteLimit:
        """Parse `N` or `P%` (also as `1e-3%`); raise ConfigError on anything else."""
        if len(text) <= LONGEST_LIMIT:
            percent = _SHARE.fullmatch(text)
            if re.fullmatch(r"[0-9]+", text):
                return cls(count=int(text))
            if percent is not None and Fraction(percent[1]) <= 100:
                return cls(share=Fraction(percent[1]) / 100)
        raise ConfigError(f"--max-deletes takes a number or a percentage from 0% to 100%, not {quote(text)}")

    def allowed_for(self, scanned: int) -> int:
        """Return how many deletes are allowed on a slave whose scan returned `scanned` items."""
        if self.count is not None:
            return self.count
        return int(scanned * self.share)


TRIFLE = 1e-9
"""A share that is more than what adding up in another order changes, and less than the smallest request."""


@dataclass(frozen=True)
class Excess:
    """What is beyond a limit of the whole run: the flag with its value, and how much there is, in words."""

    flag: str
    amount: str


@dataclass(frozen=True)
class RunLimits:
    """The limits of a whole run, its earlier parts included; None where there is no limit.

    It ends once it has found so many `differences`, or consumed more than so many `units`, reads and writes of all
    tables, or more than they may cost in US dollars (`usd`) at list price.
    """

    differences: int | None = None
    units: float | None = None
    usd: float | None = None

    @property
    def on_spending(self) -> bool:
        """Return whether what the run consumes is limited."""
        return self.units is not None or self.usd is not None

    def find_excess(self, read: float, write: float) -> Excess | None:
        """Return which limit so many read and write units are beyond, None where they are within all limits."""
        cost = LIST_PRICES.money(read, write)
        if self.units is not None and read + write > self.units:
            return Excess(f"--max-units {format_amount(self.units)}", f"{format_amount(read + write)} units")
        if self.usd is not None and cost > self.usd:
            return Excess(f"--max-cost {format_amount(self.usd)}", f"${format_amount(cost)} at list price")
        return None

    def left_after(self, read: float, write: float) -> Spending | None:
        """Return what may be consumed yet after so many units; None where that is not limited.

        It is a trifle more than the rest: whoever adds up in another order must not find it exceeded first.
        """
        if not self.on_spending:
            return None
        units = None if self.units is None else (self.units - read - write) * (1 + TRIFLE)
        usd = None if self.usd is None else (self.usd - LIST_PRICES.money(read, write)) * (1 + TRIFLE)
        return Spending(units, usd)

    def share_of(self, read: float, write: float) -> float:
        """Return which share of a limit so many units take: of the limit of which they take the largest one."""
        parts = [(read + write, self.units), (LIST_PRICES.money(read, write), self.usd)]
        return max((amount / limit if limit else math.inf for amount, limit in parts if limit is not None), default=0.0)


def format_amount(amount: float) -> str:
    """Return units or dollars in digits: two decimals, or, of less than 1, as many as show three digits."""
    decimals = 2
    if 0 < amount < 1:
        decimals = 2 - math.floor(math.log10(amount))
    digits = f"{amount:,.{decimals}f}"
    return digits.rstrip("0").rstrip(".")
