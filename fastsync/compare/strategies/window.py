"""Buffer the pages of one table until their items are matched, bounded in bytes.

Pages enter at one end, as the scan returns them, and leave at the other in the same order: so the pages that have left
are always the beginning of the segment, and a key says where it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import product, takewhile

from fastsync.aws.client import Client
from fastsync.aws.scan import Scan
from fastsync.compare.pairs import Pairs
from fastsync.compare.strategies.circles import Circles
from fastsync.compare.strategies.walk import Unmatched, match_in_order
from fastsync.model.keys import Key
from fastsync.model.page import LateKeys, Page

WINDOW = 4 << 20
"""Bytes of a table's buffered pages; two pages may be buffered in any case, however large they are."""
FEW = 0.25
"""The share of a page that may have no match without a reason: looking it up costs less than lookup does."""
PER_ITEM = 300
"""Bytes that a buffered item takes beside its raw JSON: its key, and its entries in lists and dictionaries."""


@dataclass(slots=True)
class BufferedPage:
    """A page in a window, from `begin` to `end` in bytes of the segment so far.

    `unmatched` are its items without a match, by slave (in a slave's page: only its own). `matched` are the pairs of a
    master's page; `last_partner` is the number of the last page of the master that holds partners of a slave's page.
    """

    page: Page
    number: int
    begin: int
    end: int
    unmatched: dict[int, Unmatched]
    matched: list[Pairs] = field(default_factory=list)
    last_partner: int = 0

    def add_pairs(self, other: BufferedPage, pairs: Pairs) -> None:
        """Take in the pairs of this master's page with a slave's."""
        self.matched.append(pairs)
        other.last_partner = max(other.last_partner, self.number)

    def mostly_unmatched(self, slave: int) -> bool:
        """Return whether so many items have no match that the other table's pages cannot be in the same order."""
        return len(self.unmatched[slave].skipped) > FEW * len(self.page.items)


def match_pages(
    masters: Sequence[BufferedPage], slaves: Sequence[BufferedPage], slave: int
) -> Iterator[tuple[BufferedPage, BufferedPage, Pairs]]:
    """Match items in pages of the master and of a slave: in order first, then by their keys."""
    for mine, its in product(masters, slaves):
        one, other = mine.unmatched[slave], its.unmatched[slave]
        if one.left and other.left:
            met = match_in_order(one, other)
            if met[0]:
                yield mine, its, Pairs(slave, LateKeys(mine.page.reader, met[0]), *met)
    for here, there in ((masters, slaves), (slaves, masters)):
        if any(held.mostly_unmatched(slave) for held in here):
            for held in there:
                held.unmatched[slave].skip_rest()
    for mine, its in product(masters, slaves):
        one, other = mine.unmatched[slave], its.unmatched[slave]
        if (one.changed or other.changed) and (keys := list(one.skipped.keys() & other.skipped.keys())):
            yield mine, its, Pairs(slave, keys, list(map(one.skipped.pop, keys)), list(map(other.skipped.pop, keys)))
    for held in (*masters, *slaves):
        held.unmatched[slave].changed = False


class Stream:
    """The pages of a table's segment; the next one is always in flight. `start` is b"" or the key to continue from."""

    def __init__(self, client: Client, part: Scan, start: bytes, pool: Executor):
        self._client = client
        self._part = part
        self._pool = pool
        self._circles = Circles(client)
        self._request_page(start)

    def next_page(self) -> Page:
        """Wait for the next page; raise RequestFailed."""
        page = self._coming.result()
        if page.next_key:
            self._circles.check(page.next_key)
            self._request_page(page.next_key)
        return page

    def _request_page(self, start: bytes) -> None:
        self._coming = self._pool.submit(self._client.scan_page, self._part, start)


class Window:
    """The buffered pages of one table, on its way through a segment.

    `resume_key` is the last key of the pages that have left, None at the end of the segment; `released` is their
    number. `stream` is None where the scan has ended.
    """

    def __init__(self, stream: Stream | None, start: bytes | None, slaves: Iterable[int]):
        self.stream = stream
        self.resume_key = start
        self.released = 0
        self.end = 0
        self.pages: deque[BufferedPage] = deque()
        self._matched_up_to = dict.fromkeys(slaves, 0)

    def read_page(self) -> BufferedPage:
        """Read the next page; raise RequestFailed."""
        assert self.stream is not None
        page = self.stream.next_page()
        if not page.next_key:
            self.stream = None
        begin, number = self.end, self.released + len(self.pages) + 1
        self.end += page.size + PER_ITEM * len(page.items)
        self.pages.append(
            BufferedPage(page, number, begin, self.end, {slave: Unmatched(page) for slave in self._matched_up_to})
        )
        return self.pages[-1]

    def release_oldest(self) -> BufferedPage:
        """Remove the oldest page and return it, whether its items are matched or not."""
        held = self.pages.popleft()
        self.released += 1
        self.resume_key = held.page.next_key or None
        return held

    def note_match(self, slave: int, held: BufferedPage) -> None:
        """Note that a page had a match."""
        self._matched_up_to[slave] = max(self._matched_up_to[slave], held.end)

    def bytes_since_match(self, slave: int) -> int:
        """Return the bytes read since the last page that had a match."""
        return self.end - self._matched_up_to[slave]

    def unmatched_of_oldest(self, slave: int) -> tuple[Collection[Key], Collection[Key]]:
        """Split the oldest page's unmatched keys into those that later matches have overtaken, and all others.

        As far as orders agree, the former will not be matched any more.
        """
        held = self.pages[0]
        waiting = held.unmatched[slave].skip_rest()
        if self._matched_up_to[slave] > held.end:
            return waiting, ()
        if self._matched_up_to[slave] < held.end:
            return (), waiting
        to_come = list(takewhile(waiting.__contains__, reversed(held.page.keys)))
        return list(waiting)[: -len(to_come) or None], to_come

    def unmatched_of_newest(self, slave: int) -> Collection[Key]:
        """Return the unmatched keys of the newest page."""
        if not self.pages:
            return ()
        return self.pages[-1].unmatched[slave].skip_rest()

    @property
    def is_full(self) -> bool:
        """Return whether the oldest page has to leave before another one is read."""
        return len(self.pages) > 1 and self.end - self.pages[0].begin > WINDOW
