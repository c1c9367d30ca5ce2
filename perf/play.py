"""A run over large tables, played through on paper: how long it takes, what it costs, and what holds it up.

Workers take segments in the order of the plan. Each reads as fast as its CPU and the round trips allow; partitions and
tables serve so many units a second and no more, shared by the workers that read there. Between two ends of segments
nothing changes, so time leaps from one to the next.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from fastsync.aws.lookups.in_flight import MOST
from fastsync.config.slicing import Slicing
from fastsync.model.capacity import LIST_PRICES, PAGE_BYTES, PARTITION_READS, count_read_units, count_scan_units
from fastsync.model.settings import MAX_BATCH_KEYS
from fastsync.plan.segments import Plan

GB = 10**9
PARTITION_BYTES = 10 * GB
"""Bytes that one partition holds at most (developer guide, "Partitions and data distribution")."""
TABLE_UNITS = 40_000.0
"""Read units a second of one table, as long as nobody asks for more (default quota)."""
NEW_TABLE_UNITS = 12_000.0
"""Read units a second that an on-demand table has partitions for from its first day on."""
CPU = {"lookup": 8e-6, "merge": 5e-6}
"""Seconds of CPU per item pair; what this machine measures stands in perf/README.md."""
PAGE = 0.1
"""Seconds from asking for a page of 1 MB to having it: assumed, and to be measured in one's own region."""
LOOK_UP = 0.04
"""Seconds of a look-up of a hundred keys, likewise."""


@dataclass(frozen=True)
class Run:
    """A run to be played through: tables of `items` items of `size` bytes, and who reads them, and how fast.

    `segments` None: as the plan has it; `cores` None: one for each worker. `page` and `look_up` are round trips in
    seconds, `cpu` seconds per item, `start` seconds before the first page. `partition_units` and `table_units` are read
    units a second, of which `saved` seconds are saved up while nobody asks: not by the service, whose partitions never
    serve more than their rate, but by the benchmark server and by --max-read-units.
    """

    items: int
    strategy: str
    workers: int
    size: int = 400
    segments: int | None = None
    cores: int | None = None
    cpu: float | None = None
    page: float = PAGE
    look_up: float = LOOK_UP
    start: float = 1.0
    partitions: int | None = None
    partition_units: float = PARTITION_READS
    table_units: float = TABLE_UNITS
    saved: float = 0.0

    @property
    def bytes(self) -> int:
        """The size of each table."""
        return self.items * self.size

    @property
    def places(self) -> int:
        """The number of partitions: by size, and by what a table is made for."""
        return self.partitions or max(math.ceil(self.bytes / PARTITION_BYTES), int(NEW_TABLE_UNITS / PARTITION_READS))

    @property
    def units(self) -> tuple[float, float]:
        """The read units that master and slave cost."""
        scan = count_scan_units(self.bytes, math.ceil(self.bytes / PAGE_BYTES))
        return scan, scan if self.strategy == "merge" else self.items * count_read_units(self.size)

    @property
    def usd(self) -> float:
        """The list price of those, on demand."""
        return LIST_PRICES.money(sum(self.units), 0)

    def alone(self) -> tuple[float, str]:
        """Give the items a second of a worker that nobody holds up, and what bounds it."""
        share = 1.0 if self.cores is None else min(1.0, self.cores / self.workers)
        rates = [(share / (self.cpu or CPU[self.strategy]), "CPU"), (PAGE_BYTES / self.size / self.page, "latency")]
        if self.strategy == "lookup":
            rates.append((MOST * MAX_BATCH_KEYS / self.look_up, "latency"))
        return min(rates)


@dataclass(frozen=True)
class Played:
    """What a run came to: seconds, and what the workers' time was bounded by, in shares of it."""

    seconds: float
    shares: dict[str, float]

    @property
    def bound(self) -> str:
        """What bounded most of the time."""
        return max(self.shares, key=lambda reason: self.shares[reason])


@dataclass
class _Slice:
    """What is left of one segment in one partition, in items."""

    partition: int
    left: float


@dataclass
class _Bucket:
    """Units that a partition or table serves: `rate` a second, and what it has saved up to `most`."""

    rate: float
    most: float
    left: float

    @classmethod
    def full(cls, rate: float, saved: float) -> _Bucket:
        most = rate * saved if saved else 0.0
        return cls(rate, most, most)

    def flow(self, asked: float) -> float:
        """Give the units a second that are served of those asked for."""
        return asked if self.left else min(asked, self.rate)

    def lasts(self, flow: float) -> float:
        """Give the seconds until what was saved is used up."""
        return self.left / (flow - self.rate) if self.left and flow > self.rate else math.inf

    def go_on(self, seconds: float, flow: float) -> None:
        """Let time pass."""
        if self.most:
            left = min(self.most, self.left - seconds * (flow - self.rate))
            self.left = left if left > 1e-9 * self.most else 0.0


def play(run: Run) -> Played:
    """Play a run through."""
    plan = Plan.of(Slicing(run.workers, run.segments), run.bytes)
    segments = (_slices(run, number, plan.total) for number in plan.numbers)
    alone, reason = run.alone()
    per_item = max(run.units) / run.items
    partitions = [_Bucket.full(run.partition_units, run.saved) for _ in range(run.places)]
    table = _Bucket.full(run.table_units, run.saved)
    work = [segment for _, segment in zip(range(run.workers), segments, strict=False)]
    busy = [next(segment) for segment in work]
    now, spent = 0.0, defaultdict[str, float](float)
    while busy:
        readers = Counter(each.partition for each in busy)
        flows = {place: partitions[place].flow(alone * per_item * count) for place, count in readers.items()}
        asked = sum(flows.values())
        granted = table.flow(asked) / asked
        rates = {place: flows[place] * granted / per_item / count for place, count in readers.items()}
        ends = [each.left / rates[each.partition] for each in busy]
        ends += [partitions[place].lasts(flow * granted) for place, flow in flows.items()]
        step = min(*ends, table.lasts(asked))
        now += step
        spent["last segments"] += step * (run.workers - len(busy))
        for at, each in enumerate(busy):
            held = flows[each.partition] < alone * per_item * readers[each.partition] * (1 - 1e-9)
            spent["table limit" if granted < 1 else "partitions" if held else reason] += step
            each.left -= step * rates[each.partition]
            if each.left < 1e-6 * run.items / plan.total:
                busy[at] = _following(work, at, segments)
        if run.saved:
            table.go_on(step, asked * granted)
            for place, partition in enumerate(partitions):
                partition.go_on(step, flows.get(place, 0.0) * granted)
        kept = [at for at, each in enumerate(busy) if each is not _NOTHING]
        work, busy = [work[at] for at in kept], [busy[at] for at in kept]
    total = sum(spent.values())
    return Played(run.start + now, {why: seconds / total for why, seconds in spent.items()})


_NOTHING = _Slice(-1, math.inf)


def _following(work: list[Iterator[_Slice]], place: int, segments: Iterator[Iterator[_Slice]]) -> _Slice:
    """Give a worker's next slice: of its segment, else of the next one, else none."""
    while (following := next(work[place], None)) is None:
        if (segment := next(segments, None)) is None:
            return _NOTHING
        work[place] = segment
    return following


def _slices(run: Run, number: int, total: int) -> Iterator[_Slice]:
    """Yield the parts of a segment that lie in one partition each: both are slices of the same hashes."""
    places, low, high = run.places, number / total, (number + 1) / total
    for place in range(int(low * places + 1e-9), places):
        share = min(high, (place + 1) / places) - max(low, place / places)
        if share <= 1e-12:
            return
        yield _Slice(place, share * run.items)
