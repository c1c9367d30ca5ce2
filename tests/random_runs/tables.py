"""A table of the scripted server: items by key, in an order of its own, in pages and segments as Scan brings them.

A place in the order follows from the key alone, so that a scan can go on behind a key that is gone by now. Keys that
are in `ghosts` are evaluated like others, and bring no item: that makes pages that are empty, and yet not the last.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b
from typing import Any, NamedTuple

from tests.e2e import canonical
from tests.tables import Item, Keys

HASHES = 1 << 64
STALE = 0.3
"""Seconds for which a read that is not consistent may bring what was there before (facts: usually under a second)."""
NEARLY = 0.15
"""Share of the partitions that have another place, where two orders are nearly equal."""

KeyForm = Hashable
"""A key in a form that is equal for equal keys."""


@dataclass(frozen=True)
class Order:
    """The order of a table: `shared` is the salt of all tables of a run, `own` that of this one."""

    kind: str
    shared: int
    own: int

    def place(self, key: Item, names: Sequence[str]) -> tuple[int, Any]:
        """Give a key's place: by the partition's hash, then by sort key."""
        partition = canonical.value(key[names[0]])
        sort = _sortable(key[names[1]]) if len(names) > 1 else 0
        if self.kind == "scrambled":
            return _hash(self.own, partition, sort), 0
        other = self.kind == "other" or (self.kind == "nearly" and _hash(self.own, partition) < NEARLY * HASHES)
        return _hash(self.own if other else self.shared, partition, "place"), sort


class Slice(NamedTuple):
    """What of a table is scanned: segment `number` of `total`, at most `most` keys, behind `start`."""

    number: int
    total: int
    most: int
    start: Item | None


@dataclass
class Page:
    """Items of a page, the key of the last one evaluated, and whether that was the last of the segment."""

    items: list[Item]
    last: Item | None
    at_end: bool


@dataclass
class Table:
    """One table. Not safe for threads: the scene's lock guards it."""

    name: str
    region: str
    keys: Keys
    order: Order
    ttl: str | None = None
    ghosts: Collection[Item] = ()
    items: dict[KeyForm, Item] = field(default_factory=dict)
    read_units: float = 0.0
    write_units: float = 0.0
    _before: dict[KeyForm, tuple[float, Item | None]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the key's attributes."""
        return [name for name, _ in self.keys]

    def __str__(self) -> str:
        return f"{self.region}:{self.name}"

    def key_of(self, item: Item) -> Item:
        """Take the key out of an item."""
        return {name: item[name] for name in self.names}

    def form(self, item: Item) -> KeyForm:
        """Give the form of an item's key."""
        return canonical.item(self.key_of(item))

    def fill(self, items: Collection[Item]) -> None:
        """Put the items that are there at the beginning."""
        self.items = {self.form(item): item for item in items}

    def set(self, form: KeyForm, item: Item | None) -> None:
        """Put or delete one item."""
        self._before[form] = (time.monotonic(), self.items.get(form))
        if item is None:
            self.items.pop(form, None)
        else:
            self.items[form] = item

    def seen(self, form: KeyForm, stale: bool) -> Item | None:
        """Read one item, as it was a moment ago where that is `stale`."""
        changed, before = self._before.get(form, (0.0, None))
        if stale and time.monotonic() - changed < STALE:
            return before
        return self.items.get(form)

    def forget(self) -> None:
        """Let every read see what is there now."""
        self._before.clear()

    def page(self, part: Slice, stale: Collection[KeyForm]) -> Page:
        """Read a page of a segment; the keys in `stale` are seen as they were a moment ago."""
        names = self.names
        forms = {form: item for form in {*self.items, *stale} if (item := self.seen(form, form in stale))}
        ghosts = [ghost for ghost in self.ghosts if canonical.item(ghost) not in self.items]
        behind = None if part.start is None else self.order.place(part.start, names)
        there = sorted(
            ((self.order.place(each, names), number, each) for number, each in enumerate([*forms.values(), *ghosts])),
            key=lambda entry: entry[:2],
        )
        mine = [
            (place, each)
            for place, _, each in there
            if self._segment(place, part.total) == part.number and (behind is None or place > behind)
        ]
        taken = mine[: part.most]
        found = [each for _, each in taken if canonical.item(self.key_of(each)) in forms]
        return Page(found, self.key_of(taken[-1][1]) if taken else None, len(taken) == len(mine))

    def segment_of(self, key: Item, total: int) -> int:
        """Say in which segment a key is."""
        return self._segment(self.order.place(key, self.names), total)

    def changed_lately(self) -> list[KeyForm]:
        """Name the keys of which a read that is not consistent may see what was there before."""
        now = time.monotonic()
        return [form for form, (changed, _) in self._before.items() if now - changed < STALE]

    @staticmethod
    def _segment(place: tuple[int, Any], total: int) -> int:
        return place[0] * total // HASHES


def sizes(items: Collection[Mapping[str, Any]]) -> int:
    """Estimate the bytes of items; the service's own rules do not matter here."""
    return sum(len(str(item)) for item in items)


def _hash(*parts: object) -> int:
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest())


def _sortable(typed: Item) -> Any:
    ((kind, inner),) = typed.items()
    if kind == "S":
        return inner.encode()
    return Fraction(inner) if kind == "N" else b64decode(inner)
