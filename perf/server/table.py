"""A table of the benchmark server: items as bytes, the order of its scan, what it was asked for, what it allows."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

PARTITION_UNITS = 3000.0
"""Read units that one partition serves in a second (developer guide, "Partitions and data distribution")."""


class Allowance:
    """Read units a second that partitions serve; each saves up one second's worth."""

    def __init__(self, rate: float, partitions: int, items: int):
        self._rate = rate
        self._partitions = partitions
        self._items = max(1, items)
        self._left = [rate] * partitions
        self._since = [time.monotonic()] * partitions

    def grants(self, place: int, units: float) -> bool:
        """Serve so many units at a place of the scan, or say no. Debt is allowed: a page costs what it costs."""
        part = place * self._partitions // self._items
        now = time.monotonic()
        self._left[part] = min(self._rate, self._left[part] + (now - self._since[part]) * self._rate)
        self._since[part] = now
        if self._left[part] <= 0:
            return False
        self._left[part] -= units
        return True


@dataclass
class Table:
    """`items` by their number, None where absent; `order` has the numbers as a scan brings them, `places` the reverse.

    Both are None where a scan goes by number. `size` is that of an item in bytes by the service's rules.
    """

    name: str
    items: list[bytes | None]
    size: int
    latency: float
    order: Sequence[int] | None = None
    places: Sequence[int] | None = None
    allowance: Allowance | None = None
    units: float = 0.0
    write_units: float = 0.0
    requests: int = 0
    throttled: int = 0
    written: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    gzipped: dict[int, bytes] = field(default_factory=dict)
    pages: dict[tuple[int, int, float], tuple[bytes, int, float]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Count the items that are there."""
        return len(self.items) - self.items.count(None)

    def place(self, number: int) -> int:
        """Say where in the scan an item stands."""
        return number if self.places is None else self.places[number]

    def slice(self, low: int, high: int) -> list[bytes]:
        """Give what is there of a slice of the scan."""
        found = self.items[low:high] if self.order is None else [self.items[number] for number in self.order[low:high]]
        return [item for item in found if item is not None]

    def last(self, high: int) -> int:
        """Give the number of the last item before a place."""
        return high - 1 if self.order is None else self.order[high - 1]

    def grants(self, place: int, units: float) -> bool:
        """Serve units where the partition has them left."""
        granted = self.allowance is None or self.allowance.grants(place, units)
        self.throttled += not granted
        return granted

    def packed(self, crc: int, answer: bytes) -> bytes:
        """Give an answer as gzip; it is kept, since packing takes longer than all else."""
        if crc not in self.gzipped:
            self.gzipped[crc] = zlib.compress(answer, 1, 16 + zlib.MAX_WBITS)
        return self.gzipped[crc]

    def usage(self) -> dict[str, float]:
        """Tell what the table was asked for."""
        told = ("units", "write_units", "requests", "throttled", "written", "most_in_flight")
        return {name: getattr(self, name) for name in told}
