"""Lookup: scan the master, look every key up on every slave; for extras, scan each slave and look up on the master.

Requests overlap: while one page is compared, the look-ups of the next are in flight on all slaves and the page after
that is being scanned. At most `PAGES_AHEAD` + 1 pages are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from msgspec import Raw

from fastsync.aws.client import Client, Page, Scan
from fastsync.batch import Answers, BatchReader
from fastsync.errors import IncompleteError
from fastsync.events import SegmentTask
from fastsync.keys import Key
from fastsync.pairs import Pairs, PairsPage

PAGES_AHEAD = 2
"""Pages whose look-ups are in flight or done, the one being compared included."""


class Lookup:
    """Bring the items of one segment together by looking up keys. `readers` are the slaves', in order."""

    def __init__(self, task: SegmentTask, master: BatchReader, readers: Sequence[BatchReader], scans: Executor):
        self._task = task
        self._master = master
        self._readers = dict(enumerate(readers))
        self._scans = scans

    def drop(self, slave: int) -> None:
        """Go on without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the segment's pairs: first the master's items, then what only a slave has."""
        yield from self._compare()
        if self._task.terms.repairing.find_extras:
            for slave in list(self._readers):
                if slave in self._readers:
                    yield from self._extras(slave)

    def _compare(self) -> Iterator[PairsPage]:
        ahead: deque[tuple[Page, dict[int, Answers]]] = deque()
        for page in scan(self._master.client, self._slice(), self._task.start_key or b"", self._scans):
            if not self._readers:
                return
            ahead.append((page, {slave: reader.read(page.keys) for slave, reader in self._readers.items()}))
            if len(ahead) == PAGES_AHEAD:
                yield self._matched(*ahead.popleft())
        while ahead:
            yield self._matched(*ahead.popleft())

    def _matched(self, page: Page, answers: dict[int, Answers]) -> PairsPage:
        pairs, lost = [], []
        for slave, coming in answers.items():
            if slave not in self._readers:
                continue
            try:
                found = coming.result()
            except IncompleteError as error:
                self.drop(slave)
                lost.append((slave, error))
            else:
                pairs.append(Pairs(slave, page.keys, page.items, list(map(found.get, page.keys))))
        return PairsPage(pairs, len(page.items), None, lost, page.next_key)

    def _extras(self, slave: int) -> Iterator[PairsPage]:
        recheck = self._task.terms.judging.recheck
        pages = scan(self._readers[slave].client, self._slice(keys_only=recheck), b"", self._scans)
        while True:
            try:
                page = next(pages, None)
            except IncompleteError as error:
                yield PairsPage([], lost=[(slave, error)])
                return
            if page is None:
                return
            known = self._master.read(page.keys, keys_only=True).result()
            yield PairsPage([_unknown(slave, page, known)], slave_scanned=(slave, len(page.items)))

    def _slice(self, keys_only: bool = False) -> Scan:
        return Scan(self._task.number, self._task.total, keys_only)


def scan(client: Client, part: Scan, start: bytes, pool: Executor) -> Iterator[Page]:
    """Yield the pages of a segment, each next one being fetched while its predecessor is worked on."""
    coming = pool.submit(client.scan_page, part, start)
    while True:
        page = coming.result()
        if not page.next_key:
            yield page
            return
        coming = pool.submit(client.scan_page, part, page.next_key)
        yield page


def _unknown(slave: int, page: Page, known: dict[Key, Raw]) -> Pairs:
    only = [(key, item) for key, item in zip(page.keys, page.items, strict=True) if key not in known]
    return Pairs(slave, [key for key, _ in only], [None] * len(only), [item for _, item in only])
