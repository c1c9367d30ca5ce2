"""Lookup: scan the master, look every key up on every slave; for extras, scan each slave and look up on the master.

Requests overlap: while one page is compared, the look-ups of the next are in flight on all slaves and the page after
that is being scanned. At most `PAGES_AHEAD` + 1 pages are in memory.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
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

MASTER = ""
"""What stands for the master among the names of tables in a resume point."""


class Lookup:
    """Bring the items of one segment together by looking up keys. `readers` are those of the covered slaves."""

    def __init__(self, task: SegmentTask, master: BatchReader, readers: Mapping[int, BatchReader], scans: Executor):
        self._task = task
        self._master = master
        self._readers = dict(readers)
        self._scans = scans
        self._left = _scans_left(task)

    def drop(self, slave: int) -> None:
        """Go on without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the segment's pairs: first the master's items, then what only a slave has."""
        places = {str(side): place for place, side in enumerate(self._task.terms.slaves)}
        while self._left:
            name, start = self._left[0]
            if name == MASTER:
                yield from self._compare(start.encode())
            elif (slave := places.get(name)) in self._readers and slave is not None:
                yield from self._extras(slave, start.encode())
            self._left = self._left[1:]

    def _compare(self, start: bytes) -> Iterator[PairsPage]:
        ahead: deque[tuple[Page, dict[int, Answers]]] = deque()
        for page in scan(self._master.client, self._slice(), start, self._scans):
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
        return PairsPage(pairs, len(page.items), None, lost, self._after(page))

    def _extras(self, slave: int, start: bytes) -> Iterator[PairsPage]:
        recheck = self._task.terms.judging.recheck
        pages = scan(self._readers[slave].client, self._slice(keys_only=recheck), start, self._scans)
        while True:
            try:
                page = next(pages, None)
            except IncompleteError as error:
                yield PairsPage([], lost=[(slave, error)])
                return
            if page is None:
                return
            known = self._master.read(page.keys, keys_only=True).result()
            counted = (slave, len(page.items))
            yield PairsPage([_unknown(slave, page, known)], slave_scanned=counted, resume=self._after(page))

    def _after(self, page: Page) -> bytes:
        """Say which scans are left after a page of the first of them."""
        name, _ = self._left[0]
        here = [(name, page.next_key.decode())] if page.next_key else []
        return json.dumps([*here, *self._left[1:]]).encode()

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


def _scans_left(task: SegmentTask) -> Sequence[tuple[str, str]]:
    """List the scans to be done: a slave's name, or MASTER, and the key (DynamoDB JSON) that it begins after, or ""."""
    if task.resume:
        return [(name, start) for name, start in json.loads(task.resume)]
    slaves = task.covered if task.terms.repairing.find_extras else ()
    first = (MASTER, (task.start_key or b"").decode())
    return [first, *((str(task.terms.slaves[slave]), "") for slave in slaves)]


def _unknown(slave: int, page: Page, known: dict[Key, Raw]) -> Pairs:
    only = [(key, item) for key, item in zip(page.keys, page.items, strict=True) if key not in known]
    return Pairs(slave, [key for key, _ in only], [None] * len(only), [item for _, item in only])
