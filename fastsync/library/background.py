"""Work in a thread that hands over one thing after the other, as an iterator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
BUFFERED = 100
"""Things that may wait for whoever iterates: a difference may hold two items of 400 KB."""
LOOK_EVERY = 0.2
"""Seconds between two looks at whether the other side is still there."""


@dataclass(frozen=True)
class _Returned(Generic[R]):
    """The work has ended, and this is what it returned."""

    result: R


@dataclass(frozen=True)
class _Raised:
    """The work has ended by this error."""

    error: BaseException


def iterate_over(work: Callable[[Callable[[T], object]], R], cancel: Callable[[], object]) -> Generator[T, None, R]:
    """Do `work` in a thread, and yield what it hands over by the function that it is called with.

    Returns what `work` returns, and raises what it raises. Where nobody iterates to the end, `cancel` is called, and
    the generator closes once the work has ended.
    """
    queue: Queue[T | _Returned[R] | _Raised] = Queue(BUFFERED)
    thread = threading.Thread(target=_work_to_end, args=(work, queue), name="fastsync")
    thread.start()
    end: _Returned[R] | _Raised | None = None
    try:
        while end is None:
            each = queue.get()
            if isinstance(each, _Returned | _Raised):
                end = each
            else:
                yield each
    finally:
        if end is None:
            _cancel_work(thread, queue, cancel)
        thread.join()
    if isinstance(end, _Raised):
        raise end.error
    return end.result


def is_abandoned() -> bool:
    """Return whether the program has come to its end: nobody iterates any more."""
    return not threading.main_thread().is_alive()


def _work_to_end(work: Callable[[Callable[[T], object]], R], queue: Queue[T | _Returned[R] | _Raised]) -> None:
    def hand_over(each: T | _Returned[R] | _Raised) -> None:
        while not is_abandoned():
            with suppress(Full):
                queue.put(each, timeout=LOOK_EVERY)
                return

    try:
        hand_over(_Returned(work(hand_over)))
    except BaseException as error:
        hand_over(_Raised(error))


def _cancel_work(
    thread: threading.Thread, queue: Queue[T | _Returned[R] | _Raised], cancel: Callable[[], object]
) -> None:
    """Cancel the work until its thread has ended, and take away what it hands over meanwhile.

    Once is not enough: the work may not have begun.
    """
    while thread.is_alive():
        cancel()
        with suppress(Empty):
            queue.get(timeout=LOOK_EVERY)
