"""What a worker announces of its writes, so that another one recognises them."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from fastsync.model.difference import Difference, Verdict
from fastsync.repair.announced_writes import SMALL, Announced, Left, digest_item, pack, unpack


def spell(padding: int, *, version: str = "1", turned: bool = False) -> Raw:
    """Spell an item with a text of a length, in one of two orders of its attributes and of its set."""
    parts = [("id", {"S": "a"}), ("n", {"N": version}), ("tags", {"SS": ["x", "y"]}), ("pad", {"S": "p" * padding})]
    if turned:
        parts = [(name, {"SS": ["y", "x"]} if name == "tags" else value) for name, value in reversed(parts)]
    return Raw(json.dumps(dict(parts)).encode())


@pytest.mark.parametrize("padding", [0, SMALL, 100_000])
def test_the_item_of_a_write_is_recognised(padding: int) -> None:
    """The slave's item is recognised in whatever order the service returns it, and any other item is not."""
    written = Announced(b"{}", Left.of(spell(padding)), Difference("s", Verdict.MISSING, {"id": {"S": "a"}}))
    (left,) = (write.left for write in unpack([pack([written])]))
    assert left.is_digest(digest_item(spell(padding, turned=True)))
    assert left.is_digest(digest_item(spell(padding, version="1.0")))
    assert not left.is_digest(digest_item(spell(padding, version="2")))
    assert not left.is_digest(None)


def test_a_delete_is_recognised() -> None:
    """A delete leaves no item, and only that is recognised."""
    assert Left.of(None).is_digest(None)
    assert not Left.of(None).is_digest(digest_item(spell(0)))


def test_large_items_are_not_kept_whole() -> None:
    """What the parent keeps of a write is bounded, however large the item."""
    difference = Difference("s", Verdict.MISSING, {"id": {"S": "a"}})
    assert len(pack([Announced(b"{}", Left.of(spell(400_000)), difference)])) < 2 * SMALL
