"""Scan the same segment of all tables side by side, and match items by key.

That costs a tenth of looking up items of 400 B. The order of items affects speed only: items wait for their partners in
a window of bounded size, and those that leave it unmatched are looked up on the other side before they count. Pages
leave as a whole, in the order of their scan; when a page of the master leaves, all its items have verdicts.

`turns` decides which table is read next. Where it finds that the tables' orders disagree, the segment continues as
lookup.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from itertools import chain

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Pairs, PairsPage
from fastsync.compare.strategies.lookup import MASTER_NAME, Lookup, select_part
from fastsync.compare.strategies.turns import Turns
from fastsync.compare.strategies.window import BufferedPage, Stream, Window, match_pages
from fastsync.errors import IncompleteError
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.page import ItemWithoutKey


class Merge:
    """Match the items of one segment as scans return them. `readers` are those of the covered slaves.

    What `chosen` leaves out is matched all the same, since both scans bring it, but is not looked up.
    """

    def __init__(
        self,
        task: SegmentTask,
        master: BatchReader,
        readers: Mapping[int, BatchReader],
        scans: Executor,
        chosen: Filter,
    ):
        self._task = task
        self._filter = chosen
        self._reader = master
        self._readers = dict(readers)
        self._scans = scans
        self._names = {slave: str(task.terms.slaves[slave]) for slave in readers}
        self._extras = task.terms.repairing.find_extras
        self._lookup: Lookup | None = None

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
        self._readers.pop(slave, None)
        if self._lookup is not None:
            self._lookup.drop_slave(slave)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the segment's pairs, each page of the master or of a slave as it leaves its window."""
        point = json.loads(self._task.resume or "null")
        if not isinstance(point, list):
            yield from map(self._filter.filter_page, self._scan_side_by_side(point))
            if self._turns.disagreeing is None:
                return
            point = self._scans_left()
            yield PairsPage([], resume=json.dumps(point).encode(), disagreeing=self._turns.disagreeing)
            del self._master, self._slaves, self._turns  # and with them the pages that they buffer
        task = replace(self._task, resume=json.dumps(point).encode())
        self._lookup = Lookup(task, self._reader, self._readers, self._scans, self._filter)
        yield from self._lookup.pages()

    def _scan_side_by_side(self, point: Mapping[str, str] | None) -> Iterator[PairsPage]:
        """Scan side by side from a resume point.

        Most keys are not read, since bytes agree. Once an item turns out to have no key, start again from the last
        resume point, and read the keys of every page as it arrives: a damaged page is then requested again.
        """
        for checked in (False, True):
            self._open_windows(point, checked)
            try:
                for page in chain(self._scan_in_turns(), self._release_all()):
                    yield page
                    if page.resume:
                        point = json.loads(page.resume)
                return
            except ItemWithoutKey:
                if checked:
                    raise

    def _open_windows(self, point: Mapping[str, str] | None, checked: bool) -> None:
        """Begin, or continue from a point: each table's last key that is done; a table that is done has none."""
        self._checked = checked
        starts = point
        if starts is None:
            starts = dict.fromkeys((MASTER_NAME, *self._names.values()), "")
        self._master = self._make_window(self._reader, starts.get(MASTER_NAME), list(self._readers))
        self._slaves = {
            slave: self._make_window(reader, starts.get(self._names[slave]), [slave])
            for slave, reader in self._readers.items()
        }
        self._turns = Turns(self._master, self._slaves, self._extras, resumed=point is not None)

    def _make_window(self, reader: BatchReader, start: str | None, slaves: list[int]) -> Window:
        if start is None:
            return Window(None, None, slaves)
        part = select_part(self._task, checked=self._checked)
        stream = Stream(reader.client, part, start.encode(), self._scans)
        return Window(stream, start.encode(), slaves)

    def _scan_in_turns(self) -> Iterator[PairsPage]:
        while self._readers:
            slave = self._turns.next_slave(self._reader, self._readers)
            if slave is not None:
                yield from self._read_slave(slave)
            elif self._master.stream is None or self._turns.disagreeing is not None:
                return
            else:
                yield from self._read_master()

    def _read_master(self) -> Iterator[PairsPage]:
        while self._master.is_full:
            yield self._release_master_page()
        self._master.read_page()
        for slave in self._readers:
            self._match_pages(slave)
        yield from self._release_matched()

    def _read_slave(self, slave: int) -> Iterator[PairsPage]:
        window = self._slaves[slave]
        while window.is_full and slave in self._readers:
            yield self._release_slave_page(slave)
        if slave not in self._readers:
            return
        try:
            window.read_page()
        except IncompleteError as error:
            self.drop_slave(slave)
            yield PairsPage([], lost=[(slave, error)])
            return
        self._match_pages(slave)
        yield from self._release_matched()

    def _match_pages(self, slave: int) -> None:
        window = self._slaves[slave]
        for mine, its, pairs in match_pages(self._master.pages, window.pages, slave):
            mine.add_pairs(its, pairs)
            self._master.note_match(slave, mine)
            window.note_match(slave, its)

    def _release_matched(self) -> Iterator[PairsPage]:
        """Yield pages that are matched completely, a slave's only after the master's pages that hold its partners."""
        while self._readers and self._master.pages and not self._is_waiting(self._master.pages[0]):
            yield self._release_master_page()
        for slave in list(self._readers):
            window = self._slaves[slave]
            while slave in self._readers and window.pages and self._is_done(window.pages[0], slave):
                yield self._release_slave_page(slave)

    def _is_waiting(self, held: BufferedPage) -> bool:
        return any(held.unmatched[slave].any_left for slave in self._readers)

    def _is_done(self, held: BufferedPage, slave: int) -> bool:
        return not held.unmatched[slave].any_left and held.last_partner <= self._master.released

    def _release_all(self) -> Iterator[PairsPage]:
        for slave in self._readers:
            for held in self._slaves[slave].pages:
                held.unmatched[slave].skip_rest()
            self._match_pages(slave)
        while self._readers and self._master.pages:
            yield self._release_master_page()
        for slave in list(self._readers):
            while slave in self._readers and self._slaves[slave].pages:
                yield self._release_slave_page(slave)

    def _release_master_page(self) -> PairsPage:
        held = self._master.release_oldest()
        pairs = [each for each in held.matched if each.slave in self._readers]
        for slave in self._readers:
            rest = held.unmatched[slave]
            unmatched = [*rest.skip_rest().items(), *rest.repeated]
            keys, items = [key for key, _ in unmatched], [item for _, item in unmatched]
            pairs.append(Pairs(slave, keys, items, [None] * len(unmatched), unseen=True))
        return PairsPage(pairs, scanned=len(held.page.items), resume=self._resume_point())

    def _release_slave_page(self, slave: int) -> PairsPage:
        held = self._slaves[slave].release_oldest()
        counted = {slave: len(held.page.items)}
        if not self._extras:
            return PairsPage([], slave_scanned=counted, resume=self._resume_point())
        unmatched = held.unmatched[slave].skip_rest()
        pairs = Pairs(slave, list(unmatched), [None] * len(unmatched), list(unmatched.values()), unseen=True)
        return PairsPage([pairs], slave_scanned=counted, resume=self._resume_point())

    def _resume_point(self) -> bytes:
        cuts = {
            MASTER_NAME: self._master.resume_key,
            **{self._names[slave]: self._slaves[slave].resume_key for slave in self._readers},
        }
        return json.dumps({name: cut.decode() for name, cut in cuts.items() if cut is not None}).encode()

    def _scans_left(self) -> list[tuple[str, str]]:
        """Return the scans that are left, in the format of lookup's resume points."""
        point = json.loads(self._resume_point())
        return [(name, start) for name, start in point.items() if name == MASTER_NAME or self._extras]
