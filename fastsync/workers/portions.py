"""Portions: how many items are worked on at once, so that they take a few MB of memory whatever their size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from fastsync.compare.pairs import Suspect

T = TypeVar("T")

PORTION_BYTES = 2 << 20
"""Bytes of items in one portion. Writing it takes some times as much: conditions, undo lines, requests in flight."""
FIRST = 25
"""Items in the first portion, while nothing is known of their size: 10 MB at most."""
MOST = 200
"""Items in one portion at most, so that even those that are all suddenly of 400 KB are within 100 MB."""


def by_bytes(items: Iterable[T], size: Callable[[T], int], most: int = PORTION_BYTES) -> Iterator[list[T]]:
    """Yield items in lists that end once their sizes add up to `most` bytes."""
    portion: list[T] = []
    taken = 0
    for item in items:
        portion.append(item)
        taken += size(item)
        if taken >= most:
            yield portion
            portion, taken = [], 0
    if portion:
        yield portion


class Portions(Generic[T]):
    """Divide keys into portions by the sizes that the items of earlier ones turned out to have."""

    def __init__(self, keys: Sequence[T]):
        self._keys = keys
        self._next = FIRST

    def __iter__(self) -> Iterator[Sequence[T]]:
        """Yield portions of keys; call `learn` before the next one."""
        start = 0
        while start < len(self._keys):
            keys = self._keys[start : start + self._next]
            start += len(keys)
            yield keys

    def learn(self, items: int, size: int) -> None:
        """Choose the number of keys in the next portion, after so many items of `size` bytes in all."""
        fitting = PORTION_BYTES * items // max(1, size)
        self._next = max(1, min(fitting, 2 * self._next, MOST))


def known_bytes(suspect: Suspect) -> int:
    """Return the bytes of a suspect's items, as far as they were read."""
    return len(suspect.master_item or b"") + len(suspect.stored or b"")
