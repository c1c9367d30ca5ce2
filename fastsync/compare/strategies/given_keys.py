"""Read the keys that a run was given, and nothing else: whole keys by look-ups, partition keys by Query.

Both sides are read strongly consistently, the slaves first and then the master: so a whole key needs no second reading,
and a guarded write never sets a slave back. Two Queries side by side cannot read each item in that order, so what looks
different under a partition key is read again by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor

from msgspec import Raw

from fastsync.aws.batch_get import Answers, BatchReader
from fastsync.compare.pairs import Pairs, PairsPage, Strategy
from fastsync.compare.strategies.merge import Merge
from fastsync.errors import IncompleteError
from fastsync.model.events import SegmentTask
from fastsync.model.keys import Key, KeyChunk

FIRST = 50
"""Keys in the first page, while nothing is known of their items: 20 MB of each table at most."""
MOST = 200
"""Keys in a page at most, so that even items that are all suddenly of 400 KB are within 100 MB of each table."""
PAGE_BYTES = 4 << 20
"""Bytes of a table's items in one page, as far as the items before are a guide."""


def choose_key_strategy(
    task: SegmentTask, master: BatchReader, readers: Mapping[int, BatchReader], scans: Executor
) -> Strategy:
    """Return what reads the keys of a task; see workers.segment.MakeStrategy."""
    if task.chunk is None:
        raise ValueError("a task without keys")
    if task.chunk.partition is not None:
        return PartitionRead(task, master, readers, scans)
    return KeyLookup(task, task.chunk, master, readers)


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


class KeyLookup:
    """Look whole keys up, page by page. While the master answers for one page, slaves do for the next one."""

    def __init__(self, task: SegmentTask, chunk: KeyChunk, master: BatchReader, readers: Mapping[int, BatchReader]):
        self._keys = [master.client.keys.read_key(key) for key in chunk.keys]
        self._done = int(task.resume or b"0")
        self._extras = task.terms.repairing.find_extras
        self._master = master
        self._readers = dict(readers)
        self._per_page = FIRST

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the pairs of all keys that either side holds."""
        coming = self._ask_slaves(self._done)
        while coming is not None and self._readers:
            keys, answers = coming
            found, lost = self._wait_for_slaves(answers)
            masters = self._master.look_up(keys)
            self._done += len(keys)
            coming = self._ask_slaves(self._done)
            yield self._pair_page(keys, masters.wait_by_key(), found)._replace(lost=lost)

    def _ask_slaves(self, start: int) -> tuple[Sequence[Key], Mapping[int, Answers]] | None:
        """Start the look-ups of the next page on all slaves; return None where no key is left."""
        keys = self._keys[start : start + self._per_page]
        if not keys:
            return None
        return keys, {slave: reader.look_up(keys) for slave, reader in self._readers.items()}

    def _wait_for_slaves(
        self, answers: Mapping[int, Answers]
    ) -> tuple[Mapping[int, Mapping[Key, Raw]], list[tuple[int, IncompleteError]]]:
        found: dict[int, Mapping[Key, Raw]] = {}
        lost: list[tuple[int, IncompleteError]] = []
        for slave, coming in answers.items():
            if slave not in self._readers:
                continue
            try:
                found[slave] = coming.wait_by_key()
            except IncompleteError as error:
                self.drop_slave(slave)
                lost.append((slave, error))
        return found, lost

    def _pair_page(
        self, keys: Sequence[Key], masters: Mapping[Key, Raw], found: Mapping[int, Mapping[Key, Raw]]
    ) -> PairsPage:
        self._learn_size(len(keys), [masters, *found.values()])
        pairs: list[Pairs] = []
        absent: dict[int, int] = {}
        only_here: dict[int, int] = {}
        both = [key for key in keys if key in masters]
        for slave, items in found.items():
            extras = [key for key in keys if key in items and key not in masters]
            pairs.append(Pairs(slave, both, [masters[key] for key in both], [items.get(key) for key in both]))
            absent[slave] = len(keys) - len(both) - len(extras)
            if self._extras:
                pairs.append(Pairs(slave, extras, [None] * len(extras), [items[key] for key in extras]))
            else:
                only_here[slave] = len(extras)
        return PairsPage(
            pairs,
            scanned=len(masters),
            slave_scanned={slave: len(items) for slave, items in found.items()},
            absent=absent,
            only_here=only_here,
            resume=b"%d" % self._done,
        )

    def _learn_size(self, keys: int, tables: Sequence[Mapping[Key, Raw]]) -> None:
        """Choose the number of keys in the page after the next one, so that its items take a few MB of each table."""
        largest = max(sum(map(len, items.values())) for items in tables)
        fitting = PAGE_BYTES * keys // max(1, largest)
        self._per_page = max(1, min(fitting, 2 * self._per_page, MOST))
