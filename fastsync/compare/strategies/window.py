"""Window: the pages of one table that wait for their partners of another, bounded in bytes.

Pages enter at one end, as the scan brings them, and leave at the other in the same order: so what has left is always
the beginning of the segment, and a key says where it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import product, takewhile

from fastsync.aws.client import Client, Scan
from fastsync.compare.pairs import Pairs
from fastsync.compare.strategies.circles import Circles
from fastsync.compare.strategies.walk import Rest, walk
from fastsync.model.keys import Key
from fastsync.model.page import LateKeys, Page

WINDOW = 4 << 20
"""Bytes that a table's waiting pages may weigh together; two pages may wait in any case, however heavy they are."""
FEW = 0.25
"""The share of a page that may be alone unasked: looking that much up costs less than looking up everything."""
PER_ITEM = 300
"""Bytes that an item in a window takes beside its raw JSON: its key, and its places in lists and dictionaries."""


@dataclass(slots=True)
class Held:
    """A page in a window, from `begin` to `end` in bytes of the segment so far.

    `rests` are what has met no partner yet, by slave (of a slave's page: only its own). `met` are the pairs of a
    master's page; `partners` is the number of the last master's page that a slave's page has partners in.
    """

    page: Page
    number: int
    begin: int
    end: int
    rests: dict[int, Rest]
    met: list[Pairs] = field(default_factory=list)
    partners: int = 0

    def join(self, other: Held, pairs: Pairs) -> None:
        """Take in the pairs of this master's page with a slave's."""
        self.met.append(pairs)
        other.partners = max(other.partners, self.number)

    def is_loose(self, slave: int) -> bool:
        """Say whether so much is alone that the order of the other table's pages cannot be relied on."""
        return len(self.rests[slave].alone) > FEW * len(self.page.items)


def meetings(masters: Sequence[Held], slaves: Sequence[Held], slave: int) -> Iterator[tuple[Held, Held, Pairs]]:
    """Bring the partners in pages of the master and of a slave together: side by side first, then by their keys."""
    for mine, its in product(masters, slaves):
        one, other = mine.rests[slave], its.rests[slave]
        if one.left and other.left:
            met = walk(one, other)
            if met[0]:
                yield mine, its, Pairs(slave, LateKeys(mine.page.reader, met[0]), *met)
    for here, there in ((masters, slaves), (slaves, masters)):
        if any(held.is_loose(slave) for held in here):
            for held in there:
                held.rests[slave].all_alone()
    for mine, its in product(masters, slaves):
        one, other = mine.rests[slave], its.rests[slave]
        if (one.grown or other.grown) and (keys := list(one.alone.keys() & other.alone.keys())):
            yield mine, its, Pairs(slave, keys, list(map(one.alone.pop, keys)), list(map(other.alone.pop, keys)))
    for held in (*masters, *slaves):
        held.rests[slave].grown = False


class Stream:
    """The pages of a table's segment, the next one always on its way. `start` is b"" or the key to go on from."""

    def __init__(self, client: Client, part: Scan, start: bytes, pool: Executor):
        self._client = client
        self._part = part
        self._pool = pool
        self._circles = Circles(client)
        self._ask(start)

    def next(self) -> Page:
        """Wait for the next page; raise RequestFailed."""
        page = self._coming.result()
        if page.next_key:
            self._circles.check(page.next_key)
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
        begin, number = self.end, self.left + len(self.held) + 1
        self.end += page.size + PER_ITEM * len(page.items)
        self.held.append(Held(page, number, begin, self.end, {slave: Rest(page) for slave in self._met}))
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
        waiting = held.rests[slave].all_alone()
        if self._met[slave] > held.end:
            return waiting, ()
        if self._met[slave] < held.end:
            return (), waiting
        to_come = list(takewhile(waiting.__contains__, reversed(held.page.keys)))
        return list(waiting)[: -len(to_come) or None], to_come

    def newest(self, slave: int) -> Collection[Key]:
        """Give the keys of the newest page that still wait."""
        return self.held[-1].rests[slave].all_alone() if self.held else ()

    @property
    def full(self) -> bool:
        """Say whether the oldest page has to leave before another one may come in."""
        return len(self.held) > 1 and self.end - self.held[0].begin > WINDOW
