"""The interface of whatever hands out tasks of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.messages.tasks import AnyTask

T = TypeVar("T", bound=AnyTask)
RESTARTS = 3
"""How often in a row a task is retried whose worker died before it made progress."""


class TaskSource(Protocol[T]):
    """Hand out tasks one by one, and know what is left of each.

    A task ends with `finish` or `leave`, or is handed out again after `retry`.
    """

    def __iter__(self) -> Iterator[T]:
        """Return the source itself."""

    def __next__(self) -> T:
        """Return the next task. After StopIteration there may be another yet, where a worker dies."""

    def advance(self, task: T, page: PageDone) -> None:
        """Note that what a task brought up to this page is on record; the page has a resume point."""

    def split_page(self, task: T, page: PageDone) -> tuple[PageDone, PageDone | None]:
        """Divide a page into what counts and what concerns slaves that the task has lost, None where it has none."""

    def lose_slave(self, task: T, slave: int) -> None:
        """Note that a task continues without a slave (its index in the terms)."""

    def finish(self, task: T) -> None:
        """Note that a task has come to its end."""

    def retry(self, task: T, ahead: tuple[bytes, ...]) -> bool:
        """Put a task back whose worker died; return False where that was tried often enough, or it is done.

        `ahead` are the writes that this attempt had announced: the next one gets them, and those of attempts before.
        """

    def is_done(self, task: T) -> bool:
        """Return whether all that a task was to bring is on record, though it has not ended."""

    def leave(self, task: T, failure: TaskFailed | None) -> None:
        """Leave the rest of a task to another run. `failure` is the end of a task that failed."""
