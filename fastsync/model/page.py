"""One page of a scan. Items stay raw; keys are decoded on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import compress
from typing import overload

import msgspec
from msgspec import Raw

from fastsync.errors import RequestFailed
from fastsync.model.digest import digest_items
from fastsync.model.keys import Key, KeyReader


class ItemWithoutKey(RequestFailed):
    """An answer holds an item without its key, or with one of another type."""


class Page:
    """Raw items in the order of the scan, and the key to continue from, b"" at the end of the segment.

    `size` is the bytes of the answer, `keys` are those of the items where they have been read already. `left_out` is
    how many items of the answer are not in the page; for `unevaluated` of them --where could not be evaluated.
    """

    def __init__(
        self,
        items: Sequence[Raw],
        next_key: bytes,
        reader: KeyReader,
        size: int = 0,
        keys: Sequence[Key] | None = None,
        *,
        left_out: int = 0,
        unevaluated: int = 0,
    ):
        self.items = items
        self.next_key = next_key
        self.size = size
        self.reader = reader
        self.left_out = left_out
        self.unevaluated = unevaluated
        self._keys = keys

    @property
    def scanned(self) -> int:
        """The number of items in the answer."""
        return len(self.items) + self.left_out

    def select(self, mask: Sequence[bool | None], left_out: int, unevaluated: int) -> Page:
        """Return a page of some items only; see the constructor."""
        if not left_out:
            return self
        return Page(
            list(compress(self.items, mask)),
            self.next_key,
            self.reader,
            self.size,
            None if self._keys is None else list(compress(self._keys, mask)),
            left_out=left_out,
            unevaluated=unevaluated,
        )

    def first(self, count: int) -> Page:
        """Return a page of the first items only."""
        if len(self.items) <= count:
            return self
        keys = None if self._keys is None else self._keys[:count]
        return Page(self.items[:count], self.next_key, self.reader, self.size, keys)

    @property
    def keys(self) -> Sequence[Key]:
        """The items' keys, all of them; raise ItemWithoutKey where an item has none."""
        if self._keys is None:
            self._keys = read_keys(self.reader, self.items)
        return self._keys

    @cached_property
    def fingerprints(self) -> Sequence[bytes]:
        """The digests of the items' bytes."""
        return digest_items(self.items)

    @property
    def keys_read(self) -> bool:
        """Return whether the keys have been read already."""
        return self._keys is not None

    def key_at(self, place: int) -> Key:
        """Return the key of one item."""
        if self._keys is not None:
            return self._keys[place]
        return read_keys(self.reader, (self.items[place],))[0]


class LateKeys(Sequence[Key]):
    """Keys that are read when they are first used: where the bytes of both sides agree, never."""

    def __init__(self, reader: KeyReader, items: Sequence[Raw]):
        self._reader = reader
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def select(self, mask: Sequence[bool | None]) -> LateKeys:
        """Return the keys of some items only."""
        return LateKeys(self._reader, list(compress(self._items, mask)))

    def read_at(self, places: Iterable[int]) -> Sequence[Key]:
        """Return the keys of the items at some places."""
        return read_keys(self._reader, [self._items[place] for place in places])

    def __iter__(self) -> Iterator[Key]:
        return iter(read_keys(self._reader, self._items))

    @overload
    def __getitem__(self, place: int) -> Key: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Key]: ...

    def __getitem__(self, place: int | slice) -> Key | Sequence[Key]:
        if isinstance(place, slice):
            return LateKeys(self._reader, self._items[place])
        return read_keys(self._reader, (self._items[place],))[0]


def read_keys(reader: KeyReader, items: Iterable[Raw]) -> Sequence[Key]:
    """Read keys, 0.5 µs each; raise ItemWithoutKey where an item has none, or one of another type."""
    try:
        return reader.read_keys(items)
    except msgspec.DecodeError as error:
        raise ItemWithoutKey(f"{reader.whose}: an answer holds an item without its key: {error}") from None
