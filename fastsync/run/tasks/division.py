"""What is done before parts are compared: every table is divided into parts, and exports are searched for repeats."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.messages.tasks import DivideTask, RepeatsTask, SpoolTask
from fastsync.model.messages.terms import Terms
from fastsync.run.tasks.source import RESTARTS
from fastsync.spool.table import SpooledTable


@dataclass(frozen=True)
class Division:
    """What is to be divided into `parts` parts: of each table, the master first, its files, or None for a segment.

    Where keys were given, a tuple of partition keys stands in the place of a segment.
    """

    terms: Terms
    sources: Sequence[Sequence[Any]]
    parts: int

    def rounds(self) -> Iterator[SpoolTasks]:
        """Yield what is to be done, round by round: each is over before the next one begins.

        So everything of an export is known to be whole, or not, before anything of it is compared.
        """
        yield SpoolTasks(self._division())
        yield SpoolTasks(self._searches())

    def find_lost(self) -> frozenset[str]:
        """Name the slaves that cannot be compared, since they or the master could not be read."""
        names = frozenset(self.terms.names[1:])
        if not self._is_whole(0):
            return names
        return frozenset(name for number, name in enumerate(self.terms.names) if number and not self._is_whole(number))

    @property
    def holds_items(self) -> bool:
        """Whether the master, an export, holds an item that would be compared, though perhaps under no given key."""
        return SpooledTable(self.terms.spool or "", 0).holds_items

    @property
    def damaged(self) -> bool:
        """Whether damage was found: what parts that are done have told of it is not all that there is to tell."""
        return any(SpooledTable(self.terms.spool or "", number).damaged for number in range(len(self.sources)))

    def _is_whole(self, number: int) -> bool:
        return SpooledTable(self.terms.spool or "", number).is_whole

    def _division(self) -> Iterator[SpoolTask]:
        """Yield what is read, exports first: how their items are written says how much is done to live tables'."""
        exports_first = sorted(range(len(self.sources)), key=lambda table: not self.terms.tables[table].is_export)
        for table in exports_first:
            sources = self.sources[table]
            done = SpooledTable(self.terms.spool or "", table).find_done()  # by the run that this one resumes
            for number, source in enumerate(sources):
                if number in done:
                    continue
                task = DivideTask(self.terms, table, number, len(sources), self.parts)
                yield replace(task, under=source) if isinstance(source, tuple) else replace(task, file=source)

    def _searches(self) -> Iterator[SpoolTask]:
        for number, side in enumerate(self.terms.tables):
            if side.is_export and self._is_whole(number):
                yield from (RepeatsTask(self.terms, number, part, self.parts) for part in range(self.parts))


class SpoolTasks:
    """Hand out tasks that ready the spool; see TaskSource. Each is done as a whole or not at all."""

    def __init__(self, tasks: Iterable[SpoolTask]):
        self._tasks = iter(tasks)
        self._retried: deque[SpoolTask] = deque()
        self._deaths: Counter[tuple[int, ...]] = Counter()

    def __iter__(self) -> Iterator[SpoolTask]:
        return self

    def __next__(self) -> SpoolTask:
        return self._retried.popleft() if self._retried else next(self._tasks)

    def advance(self, task: SpoolTask, page: PageDone) -> None:
        """Do nothing: a page only tells what was consumed."""

    def split_page(self, task: SpoolTask, page: PageDone) -> tuple[PageDone, PageDone | None]:
        """Return the page whole."""
        return page, None

    def lose_slave(self, task: SpoolTask, slave: int) -> None:
        """Do nothing: a task that loses its table fails."""

    def finish(self, task: SpoolTask) -> None:
        """Do nothing: the spool tells which tasks are done."""

    def retry(self, task: SpoolTask, ahead: tuple[bytes, ...]) -> bool:
        """Put a task back whose worker died; return False where that was tried often enough."""
        self._deaths[task.id] += 1
        if self._deaths[task.id] > RESTARTS:
            return False
        self._retried.append(task)
        return True

    def is_done(self, task: SpoolTask) -> bool:
        """Return False: only its end says that a task is done."""
        return False

    def leave(self, task: SpoolTask, failure: TaskFailed | None) -> None:
        """Do nothing: the spool tells which tasks are not done."""
