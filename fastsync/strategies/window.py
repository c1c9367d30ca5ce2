"""Window: the pages of one table that wait for their partners of another, bounded in bytes.

Pages enter at one end, as the scan brings them, and leave at the other in the same order: so what has left is always
the beginning of the segment, and a key says where it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import takewhile

from msgspec import Raw

from fastsync.aws.client import Client, Page, Scan
from fastsync.keys import Key
from fastsync.pairs import Pairs

WINDOW = 4 << 20
"""Bytes that a table's waiting pages may weigh together; two pages may wait in any case, however heavy they are."""
PER_ITEM = 300
"""Bytes that an item in a window takes beside its raw JSON: its key, and its places in lists and dictionaries."""


@dataclass(slots=True)
class Held:
    """A page in a window, from `begin` to `end` in bytes of the segment so far.

    `waiting` are the items that have met no partner yet, by slave (of a slave's page: only its own). `met` are the
    pairs of a master's page; `partners` is the number of the last master's page that a slave's page has partners in.
    `doubles` are items whose key comes again in the same page, which no service should send.
    """

    page: Page
    number: int
    begin: int
    end: int
    waiting: dict[int, dict[Key, Raw]]
    doubles: list[tuple[Key, Raw]]
    met: list[Pairs] = field(default_factory=list)
    partners: int = 0

    def meet(self, other: Held, slave: int) -> bool:
        """Match the items of a master's page (this one) and of a slave's; say whether any have met."""
        mine, theirs = self.waiting[slave], other.waiting[slave]
        keys = list(mine.keys() & theirs.keys())
        if keys:
            self.met.append(Pairs(slave, keys, list(map(mine.pop, keys)), list(map(theirs.pop, keys))))
            other.partners = max(other.partners, self.number)
        return bool(keys)


class Stream:
    """The pages of a table's segment, the next one always on its way. `start` is b"" or the key to go on from."""

    def __init__(self, client: Client, part: Scan, start: bytes, pool: Executor):
        self._client = client
        self._part = part
        self._pool = pool
        self._ask(start)

    def next(self) -> Page:
        """Wait for the next page; raise RequestFailed."""
        page = self._coming.result()
        if page.next_key:
            self._ask(page.next_key)
        return page

    def _ask(self, start: bytes) -> None:
        self._coming = self._pool.submit(self._client.scan_page, self._part, start)


class Window:
    """One table on its way through a segment: what its scan has brought and what still waits.

    `cut` is the key behind what has left, None where everything has; `left` how many pages have. `stream` is None
    where the scan has come to its end.
    """

    def __init__(self, stream: Stream | None, start: bytes | None, slaves: Iterable[int]):
        self.stream = stream
        self.cut = start
        self.left = 0
        self.end = 0
        self.held: deque[Held] = deque()
        self._met = dict.fromkeys(slaves, 0)

    def read(self) -> Held:
        """Take in the next page; raise RequestFailed."""
        assert self.stream is not None
        page = self.stream.next()
        if not page.next_key:
            self.stream = None
        items = dict(zip(page.keys, page.items, strict=True))
        weight = sum(map(len, page.items)) + PER_ITEM * len(page.items)
        waiting = {slave: items.copy() for slave in self._met}
        number = self.left + len(self.held) + 1
        self.held.append(Held(page, number, self.end, self.end + weight, waiting, _doubles(page, items)))
        self.end += weight
        return self.held[-1]

    def leave(self) -> Held:
        """Let the oldest page go, whatever of it still waits."""
        held = self.held.popleft()
        self.left += 1
        self.cut = held.page.next_key or None
        return held

    def met(self, slave: int, held: Held) -> None:
        """Note that a page has met partners."""
        self._met[slave] = max(self._met[slave], held.end)

    def tail(self, slave: int) -> int:
        """Give the bytes of the pages that were read since the last one of which anything has met a partner."""
        return self.end - self._met[slave]

    def oldest(self, slave: int) -> tuple[Collection[Key], Collection[Key]]:
        """Give the keys of the oldest page that still wait: those that partners of later ones have passed, the others.

        As far as orders agree, a partner of the former will not come any more.
        """
        held = self.held[0]
        waiting = held.waiting[slave]
        if self._met[slave] > held.end:
            return waiting, ()
        if self._met[slave] < held.end:
            return (), waiting
        to_come = list(takewhile(waiting.__contains__, reversed(held.page.keys)))
        return list(waiting)[: -len(to_come) or None], to_come

    def newest(self, slave: int) -> Collection[Key]:
        """Give the keys of the newest page that still wait."""
        return self.held[-1].waiting[slave] if self.held else ()

    @property
    def full(self) -> bool:
        """Say whether the oldest page has to leave before another one may come in."""
        return len(self.held) > 1 and self.end - self.held[0].begin > WINDOW


def _doubles(page: Page, items: dict[Key, Raw]) -> list[tuple[Key, Raw]]:
    if len(items) == len(page.keys):
        return []
    last = {key: place for place, key in enumerate(page.keys)}
    return [(key, page.items[place]) for place, key in enumerate(page.keys) if last[key] != place]
