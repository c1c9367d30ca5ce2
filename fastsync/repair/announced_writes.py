"""Writes as a worker announces them before it sends the first: where it dies, another attempt recognises them.

A request that was sent may arrive long after its worker is gone. The parent only keeps announcements until the page is
on record, so to it they are bytes: some 300 for each write.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fastsync.model.difference import Difference


class Announced(NamedTuple):
    """One write: its key (DynamoDB JSON), the digest of the item that it leaves, and the difference that it repairs.

    `after` is None for a delete. The difference is what is reported once the write is known to have arrived.
    """

    key: bytes
    after: bytes | None
    difference: Difference


def pack(writes: Sequence[Announced]) -> bytes:
    """Return announced writes as bytes."""
    return pickle.dumps(writes)


def unpack(packed: Iterable[bytes]) -> list[Announced]:
    """Return the writes of several announcements, in their order."""
    return [write for each in packed for write in pickle.loads(each)]
