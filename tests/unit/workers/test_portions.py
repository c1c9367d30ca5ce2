"""Portions: a few MB of items at a time, whatever their size."""

from __future__ import annotations

import pytest

from fastsync.workers.portions import FIRST, MOST, PORTION_BYTES, Portions, by_bytes


@pytest.mark.parametrize("size", [1, 400, 4_000, 40_000, 400_000])
@pytest.mark.parametrize("count", [0, 1, FIRST - 1, FIRST, FIRST + 1, 999, 25_000])
def test_every_key_is_in_one_portion(count: int, size: int) -> None:
    """All keys come, in their order, in portions of as many as take about the bytes that are wanted."""
    portions = Portions(list(range(count)))
    taken: list[list[int]] = []
    for keys in portions:
        taken.append(list(keys))
        portions.learn(len(keys), len(keys) * size)
    assert [key for keys in taken for key in keys] == list(range(count))
    assert all(1 <= len(keys) <= MOST for keys in taken)
    assert all(len(keys) * size <= max(PORTION_BYTES, size) for keys in taken[1:])
    if size == 1:
        assert len(taken) <= 4 + count // MOST


def test_portions_grow_slowly_and_shrink_at_once() -> None:
    """After small items there are at most twice as many, after large ones as few as fit; nothing found is small."""
    portions = Portions(list(range(1000)))
    sizes = []
    for keys, size in zip(portions, (400, 400, 400, 400_000, 0, 10_000), strict=False):
        sizes.append(len(keys))
        portions.learn(len(keys), len(keys) * size)
    assert sizes == [25, 50, 100, 200, 5, 10]


@pytest.mark.parametrize("sizes", [[], [1], [5, 5], [9, 1, 10, 11, 3], [1] * 25, [100, 100]])
def test_lists_end_once_they_are_large(sizes: list[int]) -> None:
    """All items come in their order; a list ends with the item that makes it large enough."""
    lists = list(by_bytes(sizes, lambda size: size, 10))
    assert [size for each in lists for size in each] == sizes
    assert all(sum(each[:-1]) < 10 for each in lists)
    assert all(sum(each) >= 10 for each in lists[:-1])
