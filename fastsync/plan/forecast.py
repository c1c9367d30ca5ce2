"""Forecast the units that each strategy takes, from the tables' descriptions alone.

Assumed is that all items of a table have its average size, and that the tables differ by as many items as their counts
do. The service refreshes counts and sizes about every six hours (API reference, DescribeTable).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.model.capacity import PAGE_BYTES, count_read_units, count_scan_units, count_write_units
from fastsync.model.settings import LACKING_SAMPLE, STRATEGIES, Judging, Reading, Repairing, StrategyName
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
    """The units that one strategy will take: of the master, and of each slave in order.

    `rechecks` is the part of the read units for reading items again that are missing or extra by the counts.
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
    """The number of items of a table, and the bytes of each."""

    items: float
    each: float

    @property
    def bytes(self) -> float:
        """All items together."""
        return self.items * self.each


@dataclass(frozen=True)
class KeyCounts:
    """How many keys are looked up on the master, and on each slave."""

    master: int
    slaves: tuple[int, ...]


@dataclass(frozen=True)
class Workload:
    """The settings that decide the cost of a run."""

    reading: Reading
    judging: Judging
    repairing: Repairing
    plan: Plan


def forecast_strategies(
    master: Table, slaves: Sequence[Table], work: Workload, *, silent_are_empty: bool = False
) -> tuple[Forecast, ...]:
    """Forecast every strategy; nothing where no table tells its size. For `silent_are_empty` see `presume_sizes`."""
    sizes = presume_sizes([master, *slaves], silent_are_empty=silent_are_empty)
    if not sizes:
        return ()
    return tuple(_forecast_strategy(strategy, sizes, work) for strategy in STRATEGIES)


def forecast_partition(master: Table, slaves: Sequence[Table], work: Workload) -> tuple[Forecast, ...]:
    """Forecast a run with exports, on which nothing is consumed; nothing where no table tells its size."""
    sizes = presume_sizes([master, *slaves])
    if not sizes:
        return ()
    own = Units() if master.ref.is_export else Units(_scan_cost(sizes[0], work))
    units, rechecks = [], Units()
    for slave, size in zip(slaves, sizes[1:], strict=True):
        on_master, on_slave = _Pair(sizes[0], size, work).differences_cost()
        on_slave = Units() if slave.ref.is_export else on_slave
        on_master = Units() if master.ref.is_export else on_master
        own += on_master
        rechecks += on_master + on_slave
        units.append(on_slave if slave.ref.is_export else on_slave + Units(_scan_cost(size, work)))
    return (Forecast(StrategyName.PARTITION, own, tuple(units), rechecks=rechecks.read),)


def forecast_keys(master: Table, slaves: Sequence[Table], wanted: KeyCounts, judging: Judging) -> Forecast:
    """Forecast looking keys up, all of which exist on both sides and agree; nothing is consumed on an export."""
    readings = 2 if judging.recheck else 1
    units = [
        Units()
        if table.ref.is_export
        else Units(count * readings * count_read_units(table.item_bytes or GUESSED_SIZE, consistent=True))
        for table, count in zip((master, *slaves), (wanted.master, *wanted.slaves), strict=True)
    ]
    return Forecast(StrategyName.KEYS, units[0], tuple(units[1:]))


def presume_sizes(tables: Sequence[Table], *, silent_are_empty: bool = False) -> list[Size]:
    """Return the tables' sizes, the master's first; a table that reports none is taken to be as large as the others.

    With `silent_are_empty` a slave that reports none is taken to be empty. A new table reports no size for six hours.
    Returns nothing where no table reports one.
    """
    largest = max((table.item_count for table in tables), default=0)
    if not largest:
        return []
    known_bytes = [table.item_bytes for table in tables if table.item_bytes is not None]
    usual_bytes = next(iter(known_bytes), float(GUESSED_SIZE))
    usual_count = tables[0].item_count or largest
    of_silent = 0 if silent_are_empty else usual_count
    counts = [usual_count, *(table.item_count or of_silent for table in tables[1:])]
    return [Size(count, table.item_bytes or usual_bytes) for count, table in zip(counts, tables, strict=True)]


def _forecast_strategy(strategy: StrategyName, sizes: Sequence[Size], work: Workload) -> Forecast:
    master, *slaves = sizes
    of_master, of_slaves, rechecks = Units(_scan_cost(master, work)), [], Units()
    for slave in slaves:
        pair = _Pair(master, slave, work)
        on_master, on_slave = pair.strategy_cost(strategy)
        again_on_master, again_on_slave = pair.differences_cost()
        of_master += on_master + again_on_master
        of_slaves.append(on_slave + again_on_slave)
        rechecks += again_on_master + again_on_slave
    share = work.plan.share
    return Forecast(
        strategy, of_master * share, tuple(units * share for units in of_slaves), rechecks=rechecks.read * share
    )


@dataclass(frozen=True)
class _Pair:
    """The master and one slave. Each method returns units of the master, beside its scan, and of the slave."""

    master: Size
    slave: Size
    work: Workload

    def strategy_cost(self, strategy: StrategyName) -> tuple[Units, Units]:
        if strategy == StrategyName.MERGE:
            return Units(), Units(_scan_cost(self.slave, self.work))
        return self.lookup_cost()

    def lookup_cost(self) -> tuple[Units, Units]:
        consistent = self.work.reading.consistent
        both, missing, extra = self.both, self.missing, self.extra
        nothing = count_read_units(0, consistent)
        absent = self.sampled if self.work.judging.recheck and not both else missing
        slave = both * count_read_units(self.slave.each, consistent) + absent * nothing
        if not self.work.repairing.find_extras:
            return Units(), Units(slave)
        master = both * count_read_units(self.master.each, consistent) + extra * nothing
        return Units(master), Units(slave + _scan_cost(self.slave, self.work))

    def differences_cost(self) -> tuple[Units, Units]:
        """Read missing and extra items again, consistently, and write or delete them where the flags allow it."""
        repairing = self.work.repairing
        extras = self.extra * repairing.find_extras
        deletes = extras * repairing.delete_extra
        missing_reads = self.missing * self.work.judging.recheck
        extra_reads = extras * self.work.judging.recheck + deletes
        nothing = count_read_units(0, consistent=True)
        master_item = count_read_units(self.master.each, consistent=True)
        slave_item = count_read_units(self.slave.each, consistent=True)
        master = missing_reads * master_item + extra_reads * nothing
        slave = missing_reads * nothing + extra_reads * slave_item
        writes = self.missing * repairing.write_missing
        written = writes * count_write_units(self.master.each) + deletes * count_write_units(self.slave.each)
        return Units(master), Units(slave, written)

    @property
    def sampled(self) -> float:
        """How many items of the master are looked up on an empty slave before they are read again."""
        per_page = max(1.0, PAGE_BYTES / max(1.0, self.master.each))
        return self.missing * min(1.0, LACKING_SAMPLE / per_page)

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
    """Return the units of scanning a table. Pages end at 1 MB, at the limit of items, and at the end of a segment."""
    segments = work.plan.total
    pages = [1, math.ceil(size.bytes / segments / PAGE_BYTES)]
    if work.reading.scan_limit is not None:
        pages.append(math.ceil(size.items / segments / work.reading.scan_limit))
    return count_scan_units(size.bytes, segments * max(pages), work.reading.consistent)
