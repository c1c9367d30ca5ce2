"""Forecast the units that each strategy takes, from the tables' descriptions alone.

Assumed is that all items of a table have its average size, and that the tables differ by as many items as their counts
do. The service refreshes counts and sizes about every six hours (API reference, DescribeTable).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.model.capacity import PAGE_BYTES, count_read_units, count_scan_units, count_write_units
from fastsync.model.settings import STRATEGIES, Judging, Reading, Repairing, StrategyName
from fastsync.model.table import Table
from fastsync.plan.segments import Plan

GUESSED_SIZE = 400
"""Bytes of an item where counts are known, but no size."""


@dataclass(frozen=True)
class Units:
    """Read and write units of one table."""

    read: float = 0.0
    write: float = 0.0

    def __add__(self, other: Units) -> Units:
        return Units(self.read + other.read, self.write + other.write)

    def __mul__(self, factor: float) -> Units:
        return Units(self.read * factor, self.write * factor)


@dataclass(frozen=True)
class Forecast:
    """What one strategy will take: of the master, and of each slave in order.

    `rechecks` are those of the read units that go into reading again what is missing or extra by the counts.
    """

    strategy: StrategyName
    master: Units
    slaves: tuple[Units, ...]
    rechecks: float = 0.0

    @property
    def total(self) -> Units:
        """All tables together."""
        return sum(self.slaves, self.master)


@dataclass(frozen=True)
class Size:
    """So many items of so many bytes each."""

    items: float
    each: float

    @property
    def bytes(self) -> float:
        """All items together."""
        return self.items * self.each


@dataclass(frozen=True)
class Workload:
    """What of a run decides what it costs."""

    reading: Reading
    judging: Judging
    repairing: Repairing
    plan: Plan


def forecast_strategies(master: Table, slaves: Sequence[Table], work: Workload) -> tuple[Forecast, ...]:
    """Forecast every strategy; nothing where no table tells its size."""
    sizes = presume_sizes([master, *slaves])
    if not sizes:
        return ()
    return tuple(_forecast_strategy(strategy, sizes, work) for strategy in STRATEGIES)


def presume_sizes(tables: Sequence[Table]) -> list[Size]:
    """Return the tables' sizes, and those of the others where one tells none: a new table does not for six hours.

    The first is the master. Gives nothing where no table tells its size.
    """
    told = [table for table in tables if table.item_count]
    if not told:
        return []
    sized = [table.size_bytes / table.item_count for table in told if table.size_bytes] or [float(GUESSED_SIZE)]
    largest = max(table.item_count for table in told)
    presumable = tables[0].item_count or largest
    return [
        Size(
            table.item_count or presumable,
            table.size_bytes / table.item_count if table.item_count and table.size_bytes else sized[0],
        )
        for table in tables
    ]


def _forecast_strategy(strategy: StrategyName, sizes: Sequence[Size], work: Workload) -> Forecast:
    master, *slaves = sizes
    first, parts, rechecks = Units(_scan_cost(master, work)), [], Units()
    for slave in slaves:
        pair = _Pair(master, slave, work)
        on_master, on_slave = pair.merge_cost() if strategy == StrategyName.MERGE else pair.lookup_cost()
        again_on_master, again_on_slave = pair.differences_cost()
        first += on_master + again_on_master
        parts.append(on_slave + again_on_slave)
        rechecks += again_on_master + again_on_slave
    share = work.plan.share
    return Forecast(strategy, first * share, tuple(part * share for part in parts), rechecks.read * share)


@dataclass(frozen=True)
class _Pair:
    """The master and one slave. Each method gives units of the master, beside its scan, and of the slave."""

    master: Size
    slave: Size
    work: Workload

    def lookup_cost(self) -> tuple[Units, Units]:
        consistent = self.work.reading.consistent
        both, missing, extra = self.both, self.missing, self.extra
        nothing = count_read_units(0, consistent)
        slave = both * count_read_units(self.slave.each, consistent) + missing * nothing
        if not self.work.repairing.find_extras:
            return Units(), Units(slave)
        master = both * count_read_units(self.master.each, consistent) + extra * nothing
        return Units(master), Units(slave + _scan_cost(self.slave, self.work))

    def merge_cost(self) -> tuple[Units, Units]:
        return Units(), Units(_scan_cost(self.slave, self.work))

    def differences_cost(self) -> tuple[Units, Units]:
        """What is missing or extra is read again, consistently, and written or deleted where the flags say so."""
        repairing, times = self.work.repairing, int(self.work.judging.recheck)
        extras = self.extra if repairing.find_extras else 0
        deletes = extras if repairing.delete_extra else 0
        nothing, here, there = (
            count_read_units(size, consistent=True) for size in (0, self.master.each, self.slave.each)
        )
        master = self.missing * times * here + (extras * times + deletes) * nothing
        slave = self.missing * times * nothing + (extras * times + deletes) * there
        written = self.missing * count_write_units(self.master.each) if repairing.write_missing else 0.0
        return Units(master), Units(slave, written + deletes * count_write_units(self.slave.each))

    @property
    def both(self) -> float:
        return min(self.master.items, self.slave.items)

    @property
    def missing(self) -> float:
        return max(0.0, self.master.items - self.slave.items)

    @property
    def extra(self) -> float:
        return max(0.0, self.slave.items - self.master.items)


def _scan_cost(size: Size, work: Workload) -> float:
    """Scan a whole table: pages end at 1 MB, at the limit of items, and at the end of each segment."""
    segments = work.plan.total
    pages = [1, math.ceil(size.bytes / segments / PAGE_BYTES)]
    if work.reading.scan_limit is not None:
        pages.append(math.ceil(size.items / segments / work.reading.scan_limit))
    return count_scan_units(size.bytes, segments * max(pages), work.reading.consistent)
