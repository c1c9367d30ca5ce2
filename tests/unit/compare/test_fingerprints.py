"""Fingerprints find partners, and never decide: items that were made to share one are compared all the same."""

from __future__ import annotations

import pytest
from msgspec import Raw

from fastsync.model.digest import digest_items
from fastsync.model.keys import KeyReader
from fastsync.model.table import KeySchema
from tests.unit.fake_tables import Played, hold, run

SCHEMA = KeySchema("id", "S")
READER = KeyReader(SCHEMA)


def made(key: bytes, first: bytes, second: bytes) -> Raw:
    """Make an item that has one fingerprint for all `first` and `second` of the same sum; see test_digest."""
    item = bytearray(b'{"id":{"S":"%s"},"v":{"S":"' % key + b"x" * 1300 + b'"}}')
    item[392:400] = first + b"mm\xc3\x81:&L"
    item[840:848] = second + b"mmm\xcd\xb4Y1"
    return Raw(bytes(item))


PAIRS = {
    "of one key": ([made(b"a", b"m", b"m")], [made(b"a", b"p", b"j")]),
    "among equal ones": (
        [made(b"a", b"m", b"m"), made(b"b", b"m", b"m")],
        [made(b"a", b"p", b"j"), made(b"b", b"m", b"m")],
    ),
}


@pytest.mark.parametrize("recheck", [True, False])
@pytest.mark.parametrize("strategy", ["lookup", "merge"])
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_items_that_share_a_fingerprint(pairs: tuple[list[Raw], list[Raw]], strategy: str, recheck: bool) -> None:
    """A difference between such items is found by both strategies, read again or not."""
    assert digest_items(pairs[0][:1]) == digest_items(pairs[1][:1])
    tables = [
        Played(name, SCHEMA, {READER.read_key(item): item for item in items})
        for name, items in zip(("m", "s"), pairs, strict=True)
    ]
    came = run(tables, strategy=strategy, recheck=recheck)
    hold(came, tables)
    assert came.tallies[1].differing == 1
