"""Batch writes: when a batch that comes back whole is given up, against a table that is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, cast

import pytest

from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.client import Client
from fastsync.aws.writes.batch_write import BatchWriter, KeyedItem
from fastsync.model.settings import Retrying

ROUNDS = 10
"""Requests after which the item that is held back is taken."""


class Here(Executor):
    """Do everything at once, in this thread."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*given, **named))
        return done


class Table:
    """Hold one item back for ROUNDS requests; whoever waits has the writer write something else, where `busy`."""

    side = "us-east-1:played"
    retrying = Retrying(2, 0.0)

    def __init__(self, busy: bool):
        self.transport = self
        self.writes = Budget(PrivateCell())
        self.writer = BatchWriter(cast(Client, cast(Any, self)), Here())
        self._busy = busy
        self._held = 0

    def writes_at_once(self, most: int) -> int:
        return most

    def batch_write_all(self, batches: Sequence[Sequence[bytes]], _: Executor) -> list[Sequence[bytes]]:
        return [self.batch_write(items) for items in batches]

    def batch_write(self, items: Sequence[bytes]) -> Sequence[bytes]:
        if b"held" not in items or self._held == ROUNDS:
            self.writes.note_answer()
            return []
        self._held += 1
        return items

    def sleep(self, _: float) -> None:
        if self._busy:
            assert self.writer.write_items([_item(b"other")]) == [None]


def _item(text: bytes) -> KeyedItem:
    return text, text


@pytest.mark.parametrize("busy", [True, False])
def test_a_batch_is_given_up_only_at_a_standstill(busy: bool) -> None:
    """A batch that comes back more often than --max-retries allows is given up, but not while others are taken."""
    (error,) = Table(busy).writer.write_items([_item(b"held")])
    assert error is None if busy else error is not None and "3 times in a row" in error
