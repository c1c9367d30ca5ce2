"""Compare one part of the spool: the items of all tables whose keys fell into it, with two equal digests or read again.

Tables were divided by their keys before. Of an export the spool holds whole items, which do not change; of a live table
it holds keys and digests. Equal digests need no second look. For all others the items of live tables are read by key:
those of slaves when suspects are confirmed, the master's here.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import chain, compress
from operator import ne

from msgspec import Raw

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Pairs, PairsPage
from fastsync.compare.screen import Screen
from fastsync.compare.strategies.spooled_side import SpooledSide
from fastsync.errors import IncompleteError
from fastsync.model.messages.tasks import SegmentTask
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.part_files import LEFT_OUT, UNEVALUATED, count_shares

PAGE_ROWS = 1000
"""Items in one page at most."""
PAGE_BYTES = 4 << 20
"""Bytes of items in one page, as far as the average is a guide."""
MARKS = (LEFT_OUT, UNEVALUATED)
MASTER_NAME = ""
"""The name of the master in a resume point; slaves have their own."""

Left = Sequence[tuple[str, str]]
"""What is left of a part: the master's items, then what only each slave has; and the packed key (hex) that is done."""


class Partition:
    """Compare the part whose number is the task's, or what a part holds of the partition key that a task was given.

    `readers` are those of the covered slaves.

    What --where leaves out was marked when tables were divided; items that are read now pass `chosen` again.
    """

    def __init__(
        self,
        task: SegmentTask,
        master: BatchReader,
        readers: Mapping[int, BatchReader],
        scans: Executor,
        chosen: Filter,
    ):
        del scans  # nothing is scanned any more
        self._filter = chosen
        if task.terms.spool is None:
            raise ValueError("a task without a spool")
        self._task = task
        self._readers = dict(readers)
        self._packer = KeyPacker(task.terms.master.table.keys)
        self._screen = Screen(task.terms)
        # equal items pass through all stages where some may have expired, or have been written before they were scanned
        self._pairs_equal = any(side.table.ttl is not None for side in task.terms.tables)
        self._pairs_equal |= bool(task.ahead) or task.undo_span is not None
        self._master = SpooledSide(task, 0, master)
        self._slaves = {slave: SpooledSide(task, slave + 1, reader) for slave, reader in readers.items()}
        self._left: Left = self._all_left()
        if task.resume:
            self._left = [(name, start) for name, start in json.loads(task.resume)]

    def _all_left(self) -> Left:
        names = [MASTER_NAME]
        if self._task.terms.repairing.find_extras and not self._master.damaged:
            names += (self._name(slave) for slave in self._task.covered)
        return [(name, "") for name in names]

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the pairs of the master's items that look different, then the items that only a slave has."""
        tables = (self._master, *self._slaves.values())
        shares = count_shares(table.part for table in tables)
        found: Counter[SpooledSide] = Counter()
        for share in range(shares):
            for table in tables:
                table.load(share, shares)
                found[table] += table.rows
            scanned = {slave: table.rows for slave, table in self._slaves.items()}
            first = PairsPage([], slave_scanned=scanned, resume=json.dumps(self._left).encode())
            pages = self._compare_share()
            for page in pages if self._task.resume or not any(scanned.values()) else chain([first], pages):
                # a resume point stands for all keys before it, which is true of the last share only
                yield page if shares == 1 else page._replace(resume=b"")
        if self._task.chunk is not None and not self._task.resume:
            yield PairsPage([], absent=self._find_absent(found))

    def _find_absent(self, found: Mapping[SpooledSide, int]) -> Mapping[int, int]:
        """Return the slaves where neither side has an item under the partition key."""
        if found[self._master] or self._master.damaged:
            return {}
        return {slave: 1 for slave, table in self._slaves.items() if not (found[table] or table.damaged)}

    def _compare_share(self) -> Iterator[PairsPage]:
        left = list(self._left)
        slaves = {self._name(slave): slave for slave in self._slaves}
        while left:
            name, start = left.pop(0)
            if name == MASTER_NAME:
                pages = self._compare_masters(bytes.fromhex(start))
            elif slaves.get(name) in self._readers:
                pages = self._find_extras(slaves[name], bytes.fromhex(start))
            else:
                continue
            for last, page in pages:
                yield page._replace(resume=json.dumps([(name, last.hex()), *left]).encode())

    def _name(self, slave: int) -> str:
        return str(self._task.terms.slaves[slave])

    def _compare_masters(self, start: bytes) -> Iterator[tuple[bytes, PairsPage]]:
        """Yield pages of the master's items, each with its last key."""
        for packed in _cut(self._master.digests, start, self._page_rows()):
            if not self._readers:
                return
            yield packed[-1], self._pair_chosen(packed)

    def _pair_chosen(self, packed: Sequence[bytes]) -> PairsPage:
        """Return a page of those of the master's items that are compared; all of them are counted."""
        if not self._filter.active:
            return self._pair_masters(packed)
        marks = [self._master.digests[key] for key in packed]
        unevaluated = marks.count(UNEVALUATED)
        filtered = marks.count(LEFT_OUT) + unevaluated
        page = self._pair_masters([key for key, mark in zip(packed, marks, strict=True) if mark not in MARKS])
        if not filtered:
            return page
        return page._replace(
            scanned=page.scanned + filtered,
            filtered={slave: page.filtered.get(slave, 0) + filtered for slave in self._readers},
            unevaluated={slave: page.unevaluated.get(slave, 0) + unevaluated for slave in self._readers},
        )

    def _pair_masters(self, packed: Sequence[bytes]) -> PairsPage:
        differing = {slave: self._find_unequal(packed, self._slaves[slave]) for slave in self._readers}
        wanted = sorted(set().union(*differing.values()))
        masters = self._master.read_items(wanted, self._packer)
        gone = set(wanted) - masters.keys()  # deleted since the scan: no item of the master any more
        suspected: list[Pairs] = []
        others_equal: list[Pairs] = []
        same: dict[int, int] = {}
        for slave, unequal in differing.items():
            table = self._slaves[slave]
            suspects = [key for key in unequal if key not in gone]
            suspected.append(self._pair_suspects(slave, suspects, masters))
            others = gone.union(unequal)
            if self._pairs_equal:
                equal = [key for key in packed if key not in others and table.may_tell(key)]
                others_equal.append(self._pair_equal(slave, equal))
            else:
                same[slave] = table.count_told(packed) - table.count_told(others)
        page = PairsPage(suspected, scanned=len(packed) - len(gone), same=same)
        page = self._filter.filter_page(page)
        return page._replace(pairs=[*page.pairs, *others_equal])

    def _find_unequal(self, packed: Sequence[bytes], table: SpooledSide) -> list[bytes]:
        mine, theirs = map(self._master.digests.get, packed), map(table.digests.get, packed)
        unequal = [key for key in compress(packed, map(ne, mine, theirs)) if table.may_tell(key)]
        if not self._screen.has_forms or (table.is_export and self._master.is_export):
            return unequal
        both = [key for key in unequal if key in table.digests]
        forms: dict[bytes, bytes] = {}
        # exports last: their items are digested now, and only where the other side has something to compare with
        first, last = sorted((self._master, table), key=lambda each: each.is_export)
        for key, form in zip(both, first.read_forms(both, self._screen), strict=True):
            if form is not None:
                forms[key] = form
        others = last.read_forms(list(forms), self._screen)
        respelled = {key for key, other in zip(forms, others, strict=True) if forms[key] == other}
        return [key for key in unequal if key not in respelled]

    def _pair_suspects(self, slave: int, packed: Sequence[bytes], masters: Mapping[bytes, Raw]) -> Pairs:
        """Return pairs that look different. The items of a live slave are still to be looked up."""
        table, items = self._slaves[slave], [masters[key] for key in packed]
        keys = self._packer.unpack(packed)
        if not table.is_export:
            return Pairs(slave, keys, items, [None] * len(keys), unseen=True)
        stored = table.read_items([key for key in packed if key in table.digests], self._packer)
        return Pairs(slave, keys, items, [stored.get(key) for key in packed])

    def _pair_equal(self, slave: int, packed: Sequence[bytes]) -> Pairs:
        """Return pairs of equal items."""
        kept = self._master if self._master.is_export else self._slaves[slave]
        items = kept.read_kept(packed, self._packer)
        return Pairs(slave, self._packer.unpack(packed), items, items)

    def _find_extras(self, slave: int, start: bytes) -> Iterator[tuple[bytes, PairsPage]]:
        """Yield pages of what only a slave has, each with its last key."""
        table = self._slaves[slave]
        only_here = [
            key for key in table.digests.keys() - self._master.digests.keys() if table.digests[key] not in MARKS
        ]
        for packed in _cut(only_here, start, self._page_rows()):
            if slave not in self._readers:
                return
            try:
                pairs = self._pair_extras(slave, packed)
            except IncompleteError as error:
                yield packed[-1], PairsPage([], lost=[(slave, error)])
                return
            yield packed[-1], PairsPage([pairs])

    def _pair_extras(self, slave: int, packed: Sequence[bytes]) -> Pairs:
        """Return the items that only a slave has: of a live one their keys, where they are read again anyway."""
        table = self._slaves[slave]
        if table.is_export or not (self._task.terms.judging.recheck or self._task.chunk):
            found = table.read_items(packed, self._packer)
            packed = [key for key in packed if key in found]
            items = [found[key] for key in packed]
        else:
            items = table.read_kept(packed, self._packer)
        return Pairs(slave, self._packer.unpack(packed), [None] * len(packed), items)

    def _page_rows(self) -> int:
        """Return how many items may be in a page."""
        average = max(table.average_bytes for table in (self._master, *self._slaves.values()))
        return max(1, min(PAGE_ROWS, round(PAGE_BYTES / max(1.0, average))))


def _cut(keys: Iterable[bytes], start: bytes, most: int) -> Iterator[list[bytes]]:
    """Yield the keys behind `start` in order, so many at once."""
    ordered = sorted(keys)
    begin = bisect_right(ordered, start) if start else 0
    for at in range(begin, len(ordered), most):
        yield ordered[at : at + most]
