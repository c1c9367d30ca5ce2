"""Work in a thread is an iterator: bounded, cancelled where nobody iterates any more, and it raises what it raises."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fastsync.library.background import BUFFERED, iterate_over


class Counting:
    """Hand over numbers until `most` are, or until it is cancelled."""

    def __init__(self, most: int):
        self.given = 0
        self.cancelled = threading.Event()
        self._most = most

    def work(self, hand_over: Callable[[int], object]) -> str:
        while self.given < self._most and not self.cancelled.is_set():
            hand_over(self.given)
            self.given += 1
        return "cancelled" if self.cancelled.is_set() else "done"


@pytest.mark.parametrize("most", [0, 1, 10 * BUFFERED])
def test_everything_comes_in_its_order(most: int) -> None:
    """All that is handed over is yielded, and the work is not cancelled."""
    counting = Counting(most)
    assert list(iterate_over(counting.work, counting.cancelled.set)) == list(range(most))
    assert not counting.cancelled.is_set()


def test_work_waits_for_its_reader() -> None:
    """No more than BUFFERED things wait, and one that is on its way."""
    counting = Counting(10 * BUFFERED)
    iterator = iterate_over(counting.work, counting.cancelled.set)
    for number in range(3):
        assert next(iterator) == number
        assert counting.given <= number + 2 + BUFFERED
    iterator.close()


@pytest.mark.parametrize("most", [1, 10, 10 * BUFFERED])
def test_leaving_cancels_the_work(most: int) -> None:
    """Where the reader leaves, the work is over, with its thread, before it goes on."""
    before = threading.active_count()
    counting = Counting(most)
    for _ in iterate_over(counting.work, counting.cancelled.set):
        break
    assert threading.active_count() == before
    assert counting.given <= most


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_the_work_raises_is_raised(error: BaseException) -> None:
    """After all that was handed over before it."""

    def work(hand_over: Callable[[int], object]) -> None:
        hand_over(1)
        raise error

    iterator = iterate_over(work, lambda: None)
    assert next(iterator) == 1
    with pytest.raises(type(error)) as caught:
        next(iterator)
    assert caught.value is error


def test_what_the_reader_raises_cancels_the_work() -> None:
    """An error in the loop ends the work as `break` does."""
    counting = Counting(10 * BUFFERED)
    iterator = iterate_over(counting.work, counting.cancelled.set)
    next(iterator)
    with pytest.raises(ValueError, match="mine"):
        iterator.throw(ValueError("mine"))
    assert counting.cancelled.is_set()
