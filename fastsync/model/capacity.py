"""Sizes of items, capacity units and list prices by the service's rules; arithmetic only.

Sources: developer guide, "Item sizes and formats" and "Read and write operations"; API reference, Scan, BatchGetItem.
Held against what two servers report as consumed, see tests/functional/test_capacity.py.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

READ_UNIT = 4096
"""Bytes that one read unit reads with strong consistency."""
WRITE_UNIT = 1024
"""Bytes that one write unit writes."""
PAGE_BYTES = 1 << 20
"""Item bytes after which the service ends a page of a Scan."""
PARTITION_READS = 3000
"""Read units per second that one partition serves at most, in either capacity mode."""
PARTITION_WRITES = 1000
"""Write units per second that one partition takes at most."""


def count_read_units(size: float, consistent: bool = False) -> float:
    """Return the units of reading `size` bytes in one piece: a page of a Scan, or one item of a look-up.

    A page is charged by the sum of its items, a look-up item by item. A missing item costs as much as the smallest one.
    """
    units = max(1, _round_up(size, READ_UNIT))
    if consistent:
        return float(units)
    return units / 2


def count_scan_units(size: float, requests: int, consistent: bool = False) -> float:
    """Return the units of scanning `size` bytes in this number of requests of equal size."""
    return requests * count_read_units(size / requests, consistent)


def count_write_units(size: float, replaced: float = 0) -> float:
    """Return the units of writing or deleting one item, by the larger of its sizes before and after, in bytes.

    A failed condition costs as much. Indexes add their own.
    """
    return float(max(1, _round_up(max(size, replaced), WRITE_UNIT)))


@dataclass(frozen=True)
class Prices:
    """A price list: USD per million request units, of tables in on-demand mode, of the standard table class."""

    region: str
    since: str
    reads: float
    writes: float

    def money(self, read: float, write: float) -> float:
        """Return the price in USD of read and write units."""
        return (read * self.reads + write * self.writes) / 1_000_000


LIST_PRICES = Prices("us-east-1", "2024-11-01", reads=0.125, writes=0.625)
"""The list price since the cut of November 2024; other regions, table classes and discounts differ."""


@dataclass(frozen=True)
class Spending:
    """What all tasks of a run may consume together: units, reads and writes, and their price in USD; None: no limit."""

    units: float | None = None
    usd: float | None = None

    def is_exceeded(self, read: float, write: float) -> bool:
        """Return whether so many read and write units are more."""
        if self.units is not None and read + write > self.units:
            return True
        return self.usd is not None and LIST_PRICES.money(read, write) > self.usd


def measure_item(item: Mapping[str, Any]) -> int:
    """Return the size in bytes of an item in DynamoDB JSON: names and values."""
    return sum(len(name.encode()) + _measure_value(value) for name, value in item.items())


def _measure_value(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return _measure_number(inner)
        case "B":
            return len(b64decode(inner))
        case "SS" | "NS" | "BS":
            return sum(_measure_value({kind[0]: member}) for member in inner)
        case "L":
            return 3 + sum(1 + _measure_value(member) for member in inner)
        case "M":
            return 3 + len(inner) + measure_item(inner)
    return 1  # BOOL and NULL


def _measure_number(text: str) -> int:
    """Count a byte for the number, one for each pair of digits left and right of the point, one for a minus sign."""
    sign, digits, exponent = Decimal(text).as_tuple()
    text = "".join(map(str, digits)) + "0" * (int(exponent) % 2)
    text = "0" * (len(text) % 2) + text
    pairs = [text[start : start + 2] for start in range(0, len(text), 2)]
    significant = [number for number, pair in enumerate(pairs) if pair != "00"]
    if not significant:
        return 1
    return 1 + significant[-1] - significant[0] + 1 + sign


def _round_up(size: float, unit: int) -> int:
    return -int(-size // unit)
