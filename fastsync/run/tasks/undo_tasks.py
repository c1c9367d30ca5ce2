"""What is left of an undo: the items of an undo log, one slave's after the other's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.messages.tasks import UndoTask
from fastsync.model.messages.terms import UndoTerms
from fastsync.repair.undo_index import Index
from fastsync.run.tasks.source import RESTARTS

ITEMS_PER_TASK = 1000
BYTES_PER_TASK = 64 << 20
"""Bytes of lines in one task, so that a few large items are divided among the processes too."""


class UndoTasks:
    """Hand out the items of an undo log as tasks; see TaskSource. Nothing of an undo is left to another run."""

    def __init__(self, terms: UndoTerms, index: Index):
        self._terms = terms
        self._index = index
        self._refused: set[int] = set()
        self._retried: deque[UndoTask] = deque()
        self._deaths: Counter[tuple[int, ...]] = Counter()
        self._open: dict[tuple[int, ...], UndoTask] = {}
        self._tasks = chain.from_iterable(map(self._make_tasks, range(len(terms.slaves))))

    def __iter__(self) -> Iterator[UndoTask]:
        return self

    def __next__(self) -> UndoTask:
        task = self._retried.popleft() if self._retried else next(self._tasks)
        self._open[task.id] = task
        return task

    def _make_tasks(self, slave: int) -> Iterator[UndoTask]:
        lines: list[tuple[int, ...]] = []
        size = number = 0
        for item in self._index.items(str(self._terms.slaves[slave])):
            if slave in self._refused:
                return
            lines.append(item.offsets)
            size += item.size
            if len(lines) == ITEMS_PER_TASK or size >= BYTES_PER_TASK:
                yield UndoTask(self._terms, slave, lines=tuple(lines), number=number)
                lines, size, number = [], 0, number + 1
        if lines:
            yield UndoTask(self._terms, slave, lines=tuple(lines), number=number)

    def advance(self, task: UndoTask, page: PageDone) -> None:
        """Note which of a task's items are reported: they need not be restored again."""
        self._open[task.id] = replace(task, start=int(page.resume), ahead=())
        del self._deaths[task.id]

    def split_page(self, task: UndoTask, page: PageDone) -> tuple[PageDone, PageDone | None]:
        """Return the page whole: a task that loses its slave fails."""
        return page, None

    def lose_slave(self, task: UndoTask, slave: int) -> None:
        """Do nothing: a task that loses its slave fails."""

    def finish(self, task: UndoTask) -> None:
        """Note that a task has come to its end."""
        del self._open[task.id]

    def retry(self, task: UndoTask, ahead: tuple[bytes, ...]) -> bool:
        """Put a task back whose worker died; return False where that was tried often enough."""
        self._deaths[task.id] += 1
        if self._deaths[task.id] > RESTARTS:
            return False
        left = self._open.pop(task.id)
        self._retried.append(replace(left, ahead=(*left.ahead, *ahead)))
        return True

    def is_done(self, task: UndoTask) -> bool:
        """Return False: only its end says that a task has no more pages."""
        return False

    def leave(self, task: UndoTask, failure: TaskFailed | None) -> None:
        """Hand out nothing more of a slave that refuses every request."""
        del self._open[task.id]
        if failure is not None and failure.refused:
            self._refused.add(task.slave)
