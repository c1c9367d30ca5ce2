"""Pairs of items, as strategies yield them, and the interface of a strategy. The absent side of a pair is None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast

from msgspec import Raw

from fastsync.errors import IncompleteError
from fastsync.model.keys import Key
from fastsync.model.page import LateKeys

Row = tuple[Key, Raw | None, Raw | None]
"""One pair: its key, the master's item and the slave's."""


class Pairs(NamedTuple):
    """The pairs of one slave on one page: keys, master items and slave items, at the same positions.

    Either all of them have a master's item, or none has. `unseen`: all of them lack the same side, because no scan has
    returned it; it is still to be looked up.
    """

    slave: int
    keys: Sequence[Key]
    master_items: Sequence[Raw | None]
    slave_items: Sequence[Raw | None]
    unseen: bool = False

    @property
    def of_master(self) -> bool:
        """Return whether the pairs have an item of the master."""
        return bool(self.master_items) and self.master_items[0] is not None

    @property
    def sure_items(self) -> Sequence[Raw]:
        """The items of the side that every pair has: the master's where there are any, else the slave's."""
        return cast(Sequence[Raw], self.master_items if self.of_master else self.slave_items)

    def select(self, mask: Sequence[bool | None]) -> Pairs:
        """Return some of the pairs; keys that nobody has read yet stay unread."""
        keys = self.keys.select(mask) if isinstance(self.keys, LateKeys) else list(compress(self.keys, mask))
        return self._replace(
            keys=keys,
            master_items=list(compress(self.master_items, mask)),
            slave_items=list(compress(self.slave_items, mask)),
        )

    def keys_at(self, places: Sequence[int]) -> Sequence[Key]:
        """Return the keys of the pairs at some places, read at once where nobody has read them yet."""
        if isinstance(self.keys, LateKeys):
            return self.keys.read_at(places)
        return [self.keys[place] for place in places]

    def rows(self) -> Iterator[Row]:
        """Yield the pairs one by one."""
        return zip(self.keys, self.master_items, self.slave_items, strict=True)

    def with_rows(self, rows: Sequence[Row]) -> Pairs:
        """Return other pairs of the same kind and slave."""
        return self._replace(
            keys=[key for key, _, _ in rows],
            master_items=[master for _, master, _ in rows],
            slave_items=[item for _, _, item in rows],
        )


class Suspect(NamedTuple):
    """A pair that looks different; the absent side is None.

    `stored` is the slave's item as it is stored: also where it has expired, so that `slave_item` is None. `unseen`: the
    absent side has not been looked at yet; that is the slave's where `slave_item` is None, else the master's.
    `attributes` names those that differ, sorted; () where a side is absent, or while nobody has compared the items.
    `filtered`: what was read again is left out of the comparison, see compare.filter.
    """

    slave: int
    key: Key
    master_item: Raw | None
    slave_item: Raw | None
    stored: Raw | None
    unseen: bool = False
    attributes: tuple[str, ...] = ()
    filtered: bool = False

    @property
    def awaits_slave(self) -> bool:
        """Return whether the slave's item is still to be looked up."""
        return self.unseen and self.slave_item is None

    @property
    def awaits_master(self) -> bool:
        """Return whether the master's item is still to be looked up."""
        return self.unseen and self.slave_item is not None


NOTHING: Mapping[int, int] = MappingProxyType({})
"""Counts by slave where there is nothing to count."""


class PairsPage(NamedTuple):
    """One page of work.

    pairs: the pairs of each slave.
    scanned: how many items of the master were scanned.
    filtered: how many of these are left out of the comparison with a slave, and are in no pair.
    unevaluated: for how many of these the expression could not be evaluated.
    slave_scanned: how many items of slaves were scanned.
    same: how many items of the master are known to be equal on a slave, beside those in `pairs`.
    absent, only_here: of keys that the run was given, how many neither side holds, and how many only a slave holds.
    lost: slaves that could not be read, with the errors.
    resume: where the segment continues after this page, in a format that only the strategy reads. A task that is made
        of it later, perhaps by another run and for fewer slaves, yields exactly what is left, nothing twice. It names
        slaves rather than numbering them, since their numbers may differ then. b"" where a segment cannot be resumed
        after this page: the page is then buffered, and the task is not stopped, until a later page has a resume point.
    disagreeing: a slave whose scan turned out to return items in another order than the master's.
    """

    pairs: Sequence[Pairs]
    scanned: int = 0
    filtered: Mapping[int, int] = NOTHING
    unevaluated: Mapping[int, int] = NOTHING
    slave_scanned: Mapping[int, int] = NOTHING
    same: Mapping[int, int] = NOTHING
    absent: Mapping[int, int] = NOTHING
    only_here: Mapping[int, int] = NOTHING
    lost: Sequence[tuple[int, IncompleteError]] = ()
    resume: bytes = b""
    disagreeing: int | None = None


class Strategy(Protocol):
    """A way to read one segment of the master and of the slaves that a task covers, from the task's `resume`."""

    def pages(self) -> Iterator[PairsPage]:
        """Yield pairs page by page; raise RequestFailed or KeysUnanswered where the master cannot be read."""

    def drop_slave(self, slave: int) -> None:
        """Continue without a slave that failed for good."""
