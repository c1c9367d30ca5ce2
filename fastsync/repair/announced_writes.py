"""Writes as a worker announces them before it sends the first: where it dies, another attempt recognises them.

A request that was sent may arrive long after its worker is gone. The parent only keeps announcements until the page is
on record, so to it they are bytes: some 300 for each write, and the item where it is small.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.model.difference import Difference
from fastsync.model.digest import item_digest

SMALL = 1 << 10
"""Bytes of an item up to which it is announced itself: its digest costs more than all else that is done to write it."""


class Left(NamedTuple):
    """The item that a write leaves: itself (DynamoDB JSON), its digest where it is not small, neither for a delete."""

    item: bytes | None = None
    digest: bytes | None = None

    @classmethod
    def of(cls, after: Raw | None) -> Left:
        """Return what is kept of an item."""
        if after is None:
            return cls()
        if len(after) <= SMALL:
            return cls(item=bytes(after))
        return cls(digest=digest_item(after))

    def is_digest(self, digest: bytes | None) -> bool:
        """Return whether this is the item with a digest, or whether there is none on either side."""
        if self.item is None:
            return self.digest == digest
        return digest is not None and digest_item(self.item) == digest


class Announced(NamedTuple):
    """One write: its key (DynamoDB JSON), what it leaves, and the difference that it repairs.

    The difference is what is reported once the write is known to have arrived.
    """

    key: bytes
    left: Left
    difference: Difference


def digest_item(item: bytes | Raw) -> bytes:
    """Return the digest of an item by which its writes are recognised."""
    return item_digest(msgspec.json.decode(item, type=dict[str, Raw]))


def pack(writes: Sequence[Announced]) -> bytes:
    """Return announced writes as bytes."""
    return pickle.dumps(writes)


def unpack(packed: Iterable[bytes]) -> list[Announced]:
    """Return the writes of several announcements, in their order."""
    return [write for each in packed for write in pickle.loads(each)]
