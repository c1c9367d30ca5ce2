"""Keys by the slaves that they are wanted for: each once, whatever they are added for, in little memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from fastsync.plan.keys.groups import KeyGroups

KEYS = 50_000
BYTES_PER_KEY = 100
"""Bytes that a key of 33 takes at most while keys are grouped; as objects in a dictionary it takes more than 300."""


def make_key(number: int) -> bytes:
    """Return a key in canonical form."""
    return b'{"id":{"S":"item-%010d"}}' % number


@pytest.mark.parametrize("seed", range(5))
def test_every_key_once_for_all_its_slaves(seed: int) -> None:
    """Keys that are added for several slaves, or twice, come in one chunk, with their last line for each slave."""
    chance = random.Random(seed)
    count = chance.choice([1, 999, 1000, 5000])
    added = [(1 << chance.randrange(3), chance.randrange(count)) for _ in range(2 * count)]
    groups = KeyGroups(len(added))
    wanted: dict[bytes, int] = {}
    lines: dict[tuple[int, bytes], tuple[int, int]] = {}
    for place, (slave, number) in enumerate(added, start=1):
        key = make_key(number)
        groups.add_key(slave, key, (place, 10))
        wanted[key] = wanted.get(key, 0) | slave
        lines[slave, key] = (place, 10)
    groups.merge(None)
    found: dict[bytes, int] = {}
    for slaves, number in list(groups.counts.items()):
        total = 0
        for keys, spans in groups.take_chunks(slaves, 100, 2000):
            assert 0 < len(keys) <= 100
            assert sum(spans[1::2]) <= 2000 + 30
            pairs = zip(spans[::2], spans[1::2], strict=True)
            for key in keys:
                assert key not in found
                found[key] = slaves
                total += 1
                for place in range(3):
                    if slaves >> place & 1:
                        assert next(pairs) == lines[1 << place, key]
            assert next(pairs, None) is None
        assert total == number
    assert found == wanted


def test_covered_keys_are_left_out() -> None:
    """A key that is covered by its partition key is in no chunk."""
    groups = KeyGroups(4)
    for number in range(4):
        groups.add_key(3, make_key(number))
    groups.merge(lambda key: key in (make_key(1), make_key(3)))
    assert [list(keys) for keys, _ in groups.take_chunks(3, 10, 10)] == [[make_key(0), make_key(2)]]


def test_few_keys_stay_in_their_order() -> None:
    """A few keys are compared in the order in which they were given."""
    groups = KeyGroups(5)
    for number in (3, 1, 4, 1, 5):
        groups.add_key(1, make_key(number))
    groups.merge(None)
    assert [key for keys, _ in groups.take_chunks(1, 10, 10) for key in keys] == list(map(make_key, (3, 1, 4, 5)))


def test_keys_take_little_more_than_their_text() -> None:
    """Grouping keys takes a bounded number of bytes for each, at its peak too."""
    tracemalloc.start()
    try:
        groups = KeyGroups(KEYS)
        for number in range(KEYS):
            groups.add_key(1, make_key(number))
        groups.merge(None)
        chunks = [b",".join(keys) for keys, _ in groups.take_chunks(1, 10_000, 1)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(chunks) == 5
    assert peak / KEYS < BYTES_PER_KEY
