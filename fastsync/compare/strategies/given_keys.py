"""Read the keys that a run was given, and nothing else: whole keys by look-ups, partition keys by Query.

Both sides are read strongly consistently, the slaves first and then the master: so a whole key needs no second reading,
and a guarded write never sets a slave back. Two Queries side by side cannot read each item in that order, so what looks
different under a partition key is read again by its key.

Of an export the items of given keys were kept by a pass over its files: whole keys are looked up there. Items under a
partition key were divided, those of live tables too, and are compared as the strategy partition does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from types import MappingProxyType
from typing import NamedTuple, Protocol

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Pairs, PairsPage, Strategy
from fastsync.compare.strategies.export_keys import ExportReader
from fastsync.compare.strategies.merge import Merge
from fastsync.compare.strategies.partition import Partition
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key, KeyChunk
from fastsync.model.messages.tasks import SegmentTask

FIRST = 50
"""Keys that are under way while nothing is known of their items: 20 MB of each table at most. Later there are as many
as have been answered already, at most, so that no sudden change of sizes meets more than that."""
MOST = 500
"""Keys in a page at most: what one message tells the parent, and what is done again where a worker dies."""
PAGE_BYTES = 2 << 20
"""Bytes of a table's items in one page, should all be as large as the largest so far."""
AHEAD_BYTES = 6 << 20
"""Bytes of a table's items in all pages under way, likewise."""
NONE_FOUND: Mapping[int, Mapping[Key, Raw]] = MappingProxyType({})
"""What slaves have answered before they have."""


def choose_key_strategy(
    task: SegmentTask, master: BatchReader, readers: Mapping[int, BatchReader], scans: Executor, chosen: Filter
) -> Strategy:
    """Return what reads the keys of a task; see workers.segment.MakeStrategy."""
    if task.chunk is None:
        raise ValueError("a task without keys")
    if task.chunk.partition is not None:
        read = PartitionRead if task.terms.spool is None else Partition
        return read(task, master, readers, scans, chosen)
    tables = {slave: _open_reader(task, task.chunk, slave + 1, reader) for slave, reader in readers.items()}
    return KeyLookup(task, task.chunk, _open_reader(task, task.chunk, 0, master), tables, chosen)


class ComingItems(Protocol):
    """Items that were looked up: `arrived` once nobody has to wait for them."""

    @property
    def arrived(self) -> bool:
        """Whether they are there."""

    def wait_by_key(self) -> Mapping[Key, Raw]:
        """Wait for them; keys of items that do not exist are left out. Raises IncompleteError."""


class ItemReader(Protocol):
    """Looks keys up in one table: a BatchReader where that is live, else an ExportReader."""

    client: Client

    @property
    def is_hungry(self) -> bool:
        """Whether it could look up more keys at once than it was given."""

    def look_up(self, keys: Sequence[Key]) -> ComingItems:
        """Start looking keys up."""


def _open_reader(task: SegmentTask, chunk: KeyChunk, table: int, reader: BatchReader) -> ItemReader:
    if reader.client.side.is_export:
        return ExportReader(task, chunk, table, reader.client)
    return reader


def _is_damaged(reader: ItemReader) -> bool:
    """Return whether nothing is known of what a table lacks."""
    return isinstance(reader, ExportReader) and reader.damaged


class PartitionRead(Merge):
    """Read the items under one partition key on all sides, in the order of the sort key."""

    def pages(self) -> Iterator[PairsPage]:
        """Yield pairs page by page, and at the end the slaves where neither side has an item."""
        master = 0
        scanned = dict.fromkeys(self._readers, 0)
        for page in super().pages():
            master += page.scanned
            for slave, count in page.slave_scanned.items():
                scanned[slave] += count
            yield page
        if master or self._task.resume:
            return
        yield PairsPage([], absent={slave: 1 for slave in self._readers if not scanned[slave]})


class _Page(NamedTuple):
    """Keys that are looked up together: the answers of slaves and, once these have come, of the master."""

    keys: Sequence[Key]
    slaves: Mapping[int, ComingItems]
    found: Mapping[int, Mapping[Key, Raw]] = NONE_FOUND
    lost: Sequence[tuple[int, IncompleteError]] = ()
    master: ComingItems | None = None

    @property
    def has_arrived(self) -> bool:
        """Whether all slaves have answered, so that nobody has to wait for them."""
        return all(coming.arrived for coming in self.slaves.values())


class KeyLookup:
    """Look whole keys up, page by page: many pages at a time, on slaves and master, as long as these keep up."""

    def __init__(
        self,
        task: SegmentTask,
        chunk: KeyChunk,
        master: ItemReader,
        readers: Mapping[int, ItemReader],
        chosen: Filter,
    ):
        self._filter = chosen
        self._keys = master.client.keys.read_list(chunk.keys)
        self._done = self._asked = int(task.resume or b"0")
        self._begin = self._done
        self._extras = task.terms.repairing.find_extras
        self._master = master
        self._readers = dict(readers)
        self._damaged = {slave for slave, reader in readers.items() if _is_damaged(reader)}
        self._largest = 1
        limit = task.terms.reading.scan_limit
        self._is_limited = limit is not None
        self._most = MOST if limit is None else min(MOST, limit)

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the pairs of all keys that either side holds.

        The master is asked for a page once all slaves have answered for it.
        """
        asked: deque[_Page] = deque()
        answered: deque[_Page] = deque()
        self._ask_slaves(asked)
        while (asked or answered) and self._readers:
            while asked and (not answered or asked[0].has_arrived):
                answered.append(self._ask_master(asked.popleft()))
                self._ask_slaves(asked)
            yield self._filter.filter_page(self._finish_page(answered.popleft()))
            self._ask_slaves(asked)

    def _ask_slaves(self, asked: deque[_Page]) -> None:
        """Start the look-ups of as many pages as may be under way."""
        while self._asked < len(self._keys) and self._has_room(asked):
            keys = self._keys[self._asked : self._asked + self._choose_size()]
            self._asked += len(keys)
            asked.append(_Page(keys, {slave: reader.look_up(keys) for slave, reader in self._readers.items()}))

    def _has_room(self, asked: Sequence[_Page]) -> bool:
        """Return whether one more page may be under way: more than one while they fit and a slave could do more.

        Where a run must not do much at once, which makes its pages small, slaves answer one page at a time.
        """
        under_way = self._asked - self._done
        if not asked:
            return under_way <= self._count_fitting(AHEAD_BYTES)
        if self._is_limited or under_way >= min(self._count_fitting(AHEAD_BYTES), self._count_known()):
            return False
        return any(reader.is_hungry for reader in self._readers.values())

    def _choose_size(self) -> int:
        """Return how many keys the next page has: few while nothing is known of their items."""
        return max(1, min(self._count_fitting(PAGE_BYTES), self._count_known(), self._most))

    def _count_known(self) -> int:
        """Return how many keys may be under way, after as many as were answered."""
        return max(FIRST, self._done - self._begin)

    def _count_fitting(self, size: int) -> int:
        """Return how many items take so many bytes, should all be as large as the largest so far."""
        return size // self._largest

    def _ask_master(self, page: _Page) -> _Page:
        """Wait for the slaves' answers, and ask the master for the same keys."""
        found: dict[int, Mapping[Key, Raw]] = {}
        lost: list[tuple[int, IncompleteError]] = []
        for slave, coming in page.slaves.items():
            if slave not in self._readers:
                continue
            try:
                found[slave] = coming.wait_by_key()
            except IncompleteError as error:
                self.drop_slave(slave)
                lost.append((slave, error))
        return page._replace(found=found, lost=lost, master=self._master.look_up(page.keys))

    def _finish_page(self, page: _Page) -> PairsPage:
        """Wait for the master's answer, and pair the items."""
        masters: Mapping[Key, Raw] = {} if page.master is None else page.master.wait_by_key()
        keys = page.keys
        self._done += len(keys)
        for items in (masters, *page.found.values()):
            self._largest = max(self._largest, max(map(len, items.values()), default=0))
        pairs: list[Pairs] = []
        absent: dict[int, int] = {}
        only_here: dict[int, int] = {}
        both = [key for key in keys if key in masters]
        lacking = [] if len(both) == len(keys) else [key for key in keys if key not in masters]
        if _is_damaged(self._master):
            lacking = []
        for slave, items in page.found.items():
            extras = [key for key in lacking if key in items]
            known = [key for key in both if key in items] if slave in self._damaged else both
            pairs.append(Pairs(slave, known, [masters[key] for key in known], [items.get(key) for key in known]))
            absent[slave] = 0 if slave in self._damaged else len(lacking) - len(extras)
            if self._extras:
                pairs.append(Pairs(slave, extras, [None] * len(extras), [items[key] for key in extras]))
            else:
                only_here[slave] = sum(not self._filter.leaves_out(None, items[key]) for key in extras)
        return PairsPage(
            pairs,
            scanned=len(masters),
            slave_scanned={slave: len(items) for slave, items in page.found.items()},
            absent=absent,
            only_here=only_here,
            lost=page.lost,
            resume=b"%d" % self._done,
        )
