"""Walk: pages side by side lose nothing, double nothing, and pair only equal keys."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec import Raw

from fastsync.compare.strategies.walk import NEAR, Unmatched, match_in_order
from fastsync.errors import RequestFailed
from fastsync.model.keys import KeyReader
from fastsync.model.page import LateKeys, Page
from fastsync.model.table import KeySchema

READER = KeyReader(KeySchema("id", "N"), "local:t")
Items = list[tuple[int, str]]


def _raw(number: int, value: str) -> Raw:
    return Raw(b'{"id":{"N":"%d"},"v":{"S":"%s"}}' % (number, value.encode()))


def _rest(items: Items) -> Unmatched:
    return Unmatched(Page([_raw(*each) for each in items], b"", READER))


def _keys(items: object) -> list[int]:
    return [int(key.hash.N) for key in LateKeys(READER, list(items))]  # type: ignore[call-overload]


@st.composite
def pages(draw: st.DrawFn) -> tuple[Items, Items]:
    """Draw two pages: what one lacks, has more, has otherwise, in another order or twice."""
    numbers = list(range(draw(st.integers(0, 120))))
    chance = draw(st.randoms(use_true_random=False))
    share, change, moved = (draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])) for _ in range(3))
    one = [(number, "v") for number in numbers if chance.random() >= share / 2]
    other = [(number, "w" if chance.random() < change else "v") for number in numbers if chance.random() >= share / 2]
    for _ in range(int(moved * 5)):
        chance.shuffle(other) if moved == 1.0 else other.insert(0, (1000 + len(other), "v"))
    if one and chance.random() < 0.5:
        one.insert(chance.randrange(len(one)), chance.choice(one))
    return one, other


@settings(deadline=None, derandomize=True, database=None, max_examples=120)
@given(both=pages())
def test_nothing_is_lost(both: tuple[Items, Items]) -> None:
    """Every item of both pages meets its partner, is alone, or was not looked at: one of these, once."""
    mine, its = map(_rest, both)
    masters, slaves = match_in_order(mine, its)
    assert _keys(masters) == _keys(slaves)
    assert not (mine.left and its.left)
    for rest, met, items in ((mine, masters, both[0]), (its, slaves, both[1])):
        alone = [*rest.skipped.values(), *(item for _, item in rest.repeated)]
        later = rest.page.items[rest.start :]
        assert Counter(map(bytes, [*met, *alone, *later])) == Counter(bytes(_raw(*each)) for each in items)
        assert [key for key, item in rest.skipped.items() if READER.read_key(item) != key] == []


@pytest.mark.parametrize("gap", [1, NEAR - 1, NEAR, 3 * NEAR])
@pytest.mark.parametrize("value", ["v", "w"])
def test_a_gap_is_crossed(gap: int, value: str) -> None:
    """However many items one page lacks in one place, and whether the others differ, all others meet."""
    whole = [(number, "v") for number in range(200)]
    fewer = [(number, value) for number in range(200) if not 50 <= number < 50 + gap]
    for one, other in ((whole, fewer), (fewer, whole)):
        mine, its = _rest(one), _rest(other)
        masters, slaves = match_in_order(mine, its)
        assert len(masters) == len(slaves) == 200 - gap
        assert len(mine.skipped) + len(its.skipped) == gap


def test_keys_are_not_read_where_bytes_agree() -> None:
    """Of pages that agree no key is read, and of others only those around what does not."""
    items = [(number, "v") for number in range(500)]
    mine, its = _rest(items), _rest([*items[:100], *items[101:]])
    match_in_order(mine, its)
    assert not mine.page.keys_read
    assert not its.page.keys_read


def test_an_item_without_its_key() -> None:
    """An item that lacks its key is told as a failure of the table, when its key is first needed."""
    page = Page([Raw(b'{"v":{"S":"x"}}')], b"", READER)
    with pytest.raises(RequestFailed, match=r"local:t: an answer holds an item without its key"):
        page.key_at(0)
