"""Every key answered: a table that is played by a script."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from msgspec import Raw

from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.client import BatchAnswer, Client
from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.aws.lookups.batch_size import BatchSize
from fastsync.errors import KeysUnanswered
from fastsync.model.keys import Key, KeyReader, encode_key
from fastsync.model.settings import Retrying
from fastsync.model.table import KeySchema

READER = KeyReader(KeySchema("id", "N"))
KEYS = [READER.read_key(b'{"id":{"N":"%d"}}' % number) for number in range(1000)]
Decide = Callable[[Sequence[Key]], int]


def item(key: Key) -> Raw:
    return Raw(encode_key(key))


class Transport:
    """Retries without waiting."""

    def __init__(self, max_retries: int):
        self.retrying = Retrying(max_retries, 0.001)
        self.slept: list[float] = []
        self.sleep = self.slept.append


class Table:
    """Answer BatchGetItem for even keys; leave as many keys over as `leave` says."""

    side = "us-east-1:played"
    keys = READER

    def __init__(self, leave: Decide, max_retries: int = 3):
        self.transport = Transport(max_retries)
        self.reads = Budget(PrivateCell())
        self.sizes: list[int] = []
        self._leave = leave

    def keys_at_once(self, most: int, _consistent: bool) -> int:
        return most

    def batch_get(
        self, keys: Sequence[Key], _consistent: bool, _keys_only: bool = False, _checked: bool = False
    ) -> BatchAnswer:
        self.sizes.append(len(keys))
        taken = len(keys) - self._leave(keys)
        if taken:
            self.reads.note_answer()
        found = [key for key in keys[:taken] if int(key.hash.N) % 2 == 0]
        return BatchAnswer(list(map(item, found)), list(reversed(keys[taken:])))


def read(table: Table, keys: Sequence[Key] = KEYS, limit: int = 100, threads: int = 8) -> dict[Key, Raw]:
    with ThreadPoolExecutor(threads) as pool:
        return BatchReader(cast(Client, cast(Any, table)), pool, limit).look_up(keys).wait_by_key()


LEAVES: dict[str, Callable[[random.Random], Decide]] = {
    "none": lambda _: lambda keys: 0,
    "all but one": lambda _: lambda keys: len(keys) - 1,
    "some": lambda chance: lambda keys: chance.randrange(len(keys)),
    "all in two rounds of three": lambda chance: lambda keys: len(keys) if chance.random() < 0.66 else 0,
}


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_every_key_is_answered(leave: Callable[[random.Random], Decide], limit: int) -> None:
    """However many keys come back unprocessed, every item that exists is found, and no request is too large."""
    table = Table(leave(random.Random(limit)), max_retries=60)
    found = read(table, limit=limit)
    assert found == {key: item(key) for key in KEYS if int(key.hash.N) % 2 == 0}
    assert max(table.sizes) <= limit


def test_no_progress_ends() -> None:
    """Where nothing is ever answered, it ends after `max_retries` and says on which table and key."""
    table = Table(len, max_retries=3)
    with pytest.raises(KeysUnanswered, match=r"us-east-1:played.*\{\"id\""):
        read(table, KEYS[:50], threads=1)
    assert len(table.sizes) <= 5


def test_duplicates_are_asked_for_once() -> None:
    """The service refuses a request that names a key twice, so none does."""
    table = Table(lambda keys: 0)
    read(table, KEYS[:10] * 3)
    assert sum(table.sizes) == 10


def test_size_shrinks_and_grows() -> None:
    """The batch halves when keys come back, not below ten unless answers are large, and grows back to its limit."""
    size = BatchSize(100)
    for _ in range(10):
        size.adapt(unprocessed=5)
    assert size.current == 10
    size.adapt(unprocessed=0)
    assert size.current == 20
    for _ in range(20):
        size.adapt(unprocessed=0)
    assert size.current == 100
    for _ in range(10):
        size.adapt(unprocessed=5, answer_bytes=1 << 20)
    assert size.current == 1
    size.adapt(unprocessed=1, answer_bytes=400)
    assert size.current == 1


@pytest.mark.parametrize("limit", [1, 5, 9, 10, 11, 25])
def test_a_limit_below_ten_is_kept_to(limit: int) -> None:
    """What is asked for is never exceeded, and batches that are smaller already do not shrink."""
    size = BatchSize(limit)
    for _ in range(10):
        size.adapt(unprocessed=1)
    assert size.current == min(limit, 10)
    size.adapt(unprocessed=0)
    assert size.current <= limit


def test_waits_grow_with_rounds() -> None:
    """Every answer with keys left over is followed by a pause."""
    table = Table(lambda keys: len(keys) - 1)
    read(table, KEYS[:20], threads=1)
    assert len(table.transport.slept) >= 3


@pytest.mark.parametrize("limit", [-1, 0, 101, 1000])
def test_a_limit_that_the_service_does_not_take_is_refused(limit: int) -> None:
    """A reader whose requests the service would reject cannot be made."""
    with pytest.raises(ValueError, match="1 to 100 keys"):
        read(Table(lambda keys: 0), limit=limit)
