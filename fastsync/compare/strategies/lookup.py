"""Scan the master and look every key up on every slave; for extras, scan each slave and look up on the master.

Requests overlap: while one page is compared, the look-ups of the next ones are in flight on all slaves and the page
after those is being scanned. Slaves do not wait for each other: as long as one has nothing to do, another page is
started for all, up to `AHEAD` bytes of them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.aws.lookups.coming_answers import Answers
from fastsync.aws.scan import Scan
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Pairs, PairsPage
from fastsync.compare.strategies.circles import Circles
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.page import Page
from fastsync.model.settings import LACKING_SAMPLE

AHEAD = 6 << 20
"""Bytes of scanned pages whose look-ups are in flight or done; their counterparts take as much again on each slave."""
FEWEST_AHEAD = 2
"""Pages in flight at least, so that the last look-ups of one overlap with the first of the next."""

MASTER_NAME = ""
"""The name of the master in a resume point; slaves have their own."""


class LookedUp(NamedTuple):
    """A page, or a part of one, and the answers to come for its keys."""

    part: Page
    answers: Answers


class Lookup:
    """Match the items of one segment by looking up keys. `readers` are those of the covered slaves.

    What `chosen` leaves out of a scan is not looked up.
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
        self._master = master
        self._readers = dict(readers)
        self._scans = scans
        self._left = _scans_left(task)
        self._lacking = {slave for slave, reader in readers.items() if not reader.client.side.table.item_count}

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
        self._readers.pop(slave, None)

    def pages(self) -> Iterator[PairsPage]:
        """Yield the segment's pairs: first those of the master's items, then the items that only a slave has."""
        slaves = {str(side): slave for slave, side in enumerate(self._task.terms.slaves)}
        while self._left:
            name, start = self._left[0]
            if name == MASTER_NAME:
                yield from self._scan_master(start.encode())
            elif slaves.get(name) in self._readers:
                yield from self._scan_slave(slaves[name], start.encode())
            self._left = self._left[1:]

    def _scan_master(self, start: bytes) -> Iterator[PairsPage]:
        scanned = scan_pages(self._master.client, self._scan_part(), start, self._scans)
        pages = map(self._filter.filter_scan, scanned)
        for page, looked_up in look_up_pages(pages, self._readers, self._choose_part):
            if not self._readers:
                return
            yield self._pair_page(page, looked_up)

    def _choose_part(self, slave: int, page: Page) -> Page:
        """Return the part of a page that is looked up on a slave at once.

        What a slave lacks is read again, strongly consistently, whatever a look-up says. So where it lacks most, only
        enough is looked up to see whether it still does, and that reading is the look-up of the rest.
        """
        if slave in self._lacking and self._task.terms.judging.recheck:
            return page.first(LACKING_SAMPLE)
        return page

    def _pair_page(self, page: Page, looked_up: Mapping[int, LookedUp]) -> PairsPage:
        pairs: list[Pairs] = []
        lost = []
        for slave, (part, coming) in looked_up.items():
            if slave not in self._readers:
                continue
            try:
                found = coming.wait_for_partners(part)
            except IncompleteError as error:
                self.drop_slave(slave)
                lost.append((slave, error))
            else:
                pairs += _pair_parts(slave, page, part, found)
                self._note_lacking(slave, found)
        return PairsPage(
            pairs,
            scanned=page.scanned,
            filtered={each.slave: page.left_out for each in pairs},
            unevaluated={each.slave: page.unevaluated for each in pairs},
            lost=lost,
            resume=self._resume_after(page),
        )

    def _note_lacking(self, slave: int, found: Sequence[Raw | None]) -> None:
        """Learn from a look-up whether a slave lacks most of what is looked up now."""
        if not found:
            return
        if 2 * sum(each is None for each in found) > len(found):
            self._lacking.add(slave)
        else:
            self._lacking.discard(slave)

    def _scan_slave(self, slave: int, start: bytes) -> Iterator[PairsPage]:
        client = self._readers[slave].client
        keys_only = self._task.terms.judging.recheck and self._filter.reads_only(client.side.table.keys.names)
        scanned = scan_pages(client, self._scan_part(keys_only=keys_only), start, self._scans)
        pages = map(self._filter.filter_scan, scanned)
        found = look_up_pages(pages, {slave: self._master}, keys_only=True)
        while slave in self._readers:
            try:
                following = next(found, None)
            except IncompleteError as error:
                yield PairsPage([], lost=[(slave, error)])
                return
            if following is None:
                return
            page, looked_up = following
            extras = _pair_extras(slave, page, looked_up[slave].answers.wait_by_key())
            yield PairsPage(
                [extras],
                slave_scanned={slave: page.scanned},
                resume=self._resume_after(page),
            )

    def _resume_after(self, page: Page) -> bytes:
        """Return the scans that are left after a page of the first of them."""
        (name, _), *left = self._left
        if page.next_key:
            left.insert(0, (name, page.next_key.decode()))
        return json.dumps(left).encode()

    def _scan_part(self, keys_only: bool = False) -> Scan:
        return select_part(self._task, keys_only=keys_only, checked=True)


def select_part(task: SegmentTask, *, keys_only: bool = False, checked: bool = False) -> Scan:
    """Return the slice of a table that a task reads: its segment, or the items under its partition key."""
    partition = None if task.chunk is None else task.chunk.partition
    return Scan(task.number, task.total, keys_only, checked, partition)


def scan_pages(client: Client, part: Scan, start: bytes, pool: Executor) -> Iterator[Page]:
    """Yield the pages of a segment; the next one is fetched while one is worked on."""
    coming = pool.submit(client.scan_page, part, start)
    circles = Circles(client)
    while True:
        page = coming.result()
        if not page.next_key:
            yield page
            return
        circles.check(page.next_key)
        coming = pool.submit(client.scan_page, part, page.next_key)
        yield page


def look_up_pages(
    pages: Iterable[Page],
    readers: Mapping[int, BatchReader],
    choose_part: Callable[[int, Page], Page] = lambda _, page: page,
    *,
    keys_only: bool = False,
) -> Iterator[tuple[Page, Mapping[int, LookedUp]]]:
    """Start the look-ups of every page; yield pages in order, once they are answered or enough others are ahead.

    `choose_part` returns what of a page is looked up by a reader (its number).
    """
    ahead: deque[tuple[Page, Mapping[int, LookedUp]]] = deque()
    try:
        for page in pages:
            looked_up = {}
            for number, reader in readers.items():
                part = choose_part(number, page)
                looked_up[number] = LookedUp(part, reader.look_up(part.keys, keys_only=keys_only))
            ahead.append((page, looked_up))
            while ahead and (_all_arrived(ahead[0][1]) or _enough_ahead(ahead, readers)):
                yield ahead.popleft()
    except IncompleteError:  # pages that were scanned before it count
        yield from ahead
        raise
    yield from ahead


def _all_arrived(looked_up: Mapping[int, LookedUp]) -> bool:
    return all(each.answers.arrived for each in looked_up.values())


def _pair_parts(slave: int, page: Page, part: Page, found: Sequence[Raw | None]) -> Iterator[Pairs]:
    """Yield the pairs of what of a page was looked up, and of the rest, which is still to be."""
    yield Pairs(slave, part.keys, part.items, found)
    rest = page.items[len(part.items) :]
    if rest:
        yield Pairs(slave, page.keys[len(part.items) :], rest, [None] * len(rest), unseen=True)


def _enough_ahead(ahead: Sequence[tuple[Page, object]], readers: Mapping[int, BatchReader]) -> bool:
    if len(ahead) < FEWEST_AHEAD:
        return False
    return sum(page.size for page, _ in ahead) >= AHEAD or not any(reader.is_hungry for reader in readers.values())


def _scans_left(task: SegmentTask) -> Sequence[tuple[str, str]]:
    """Return the scans to do: a slave's name, or MASTER_NAME, and the key (DynamoDB JSON) to begin after, or ""."""
    if task.resume:
        return [(name, start) for name, start in json.loads(task.resume)]
    scans = [(MASTER_NAME, (task.start_key or b"").decode())]
    if task.terms.repairing.find_extras:
        scans += ((str(task.terms.slaves[slave]), "") for slave in task.covered)
    return scans


def _pair_extras(slave: int, page: Page, known: dict[Key, Raw]) -> Pairs:
    extras = {key: item for key, item in zip(page.keys, page.items, strict=True) if key not in known}
    return Pairs(slave, list(extras), [None] * len(extras), list(extras.values()))
