"""Hand out waiting extras slave by slave, in chunks; each chunk is either deleted once or reported as not deleted."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from fastsync.model.difference import Difference, Effect, Tally
from fastsync.model.keys import ReviewedLine
from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.messages.tasks import DeleteTask
from fastsync.model.messages.terms import Terms
from fastsync.model.throughput import limit_items
from fastsync.repair.replicas import explain_protection
from fastsync.repair.undo_log import undo_log_size
from fastsync.run.tasks.delete_guard import Refusal
from fastsync.run.tasks.source import RESTARTS
from fastsync.run.tasks.waiting_extras import WaitingExtras

PER_TASK = 1000
"""Extras in one task of deletes."""
PER_LIMITED_TASK = 25
"""... where what the run consumes is limited: a task that is under way is finished."""
WITH_ITEMS = 50
"""... where their whole items are reported: some 20 MB of the largest ones, which wait for the task's end."""


SelectReviewed = Callable[[int, Iterable[bytes]], tuple[ReviewedLine, ...] | None]
"""Return the lines of a report about keys (DynamoDB JSON) of a slave (its index), where items must be as these tell."""


def select_nothing(_slave: int, _keys: Iterable[bytes]) -> None:
    """Return None: no report was given."""


@dataclass(frozen=True)
class Chunks:
    """Extras in one task of a slave's deletes, and the numbers of the tasks that are done."""

    size: int
    done: tuple[int, ...]


class Deletes:
    """Hand out the waiting extras of slaves as tasks, but for slaves that `refused` has a reason for; see TaskSource.

    `waiting` holds the extras by the slaves' names, `done` the chunks that an earlier run has deleted, `most` is the
    most that one task has of them. `index` is that of each slave in the terms. `begun` says whether any task was handed
    out. `undo_offset` is the size of the undo log behind which lines of deletes may stand, None where there are none
    yet.
    """

    def __init__(
        self,
        terms: Terms,
        waiting: Mapping[str, WaitingExtras],
        done: Mapping[str, Chunks],
        undo_offset: int | None = None,
        select_reviewed: SelectReviewed = select_nothing,
        *,
        most: int = PER_TASK,
    ):
        self._select_reviewed = select_reviewed
        self.index = {str(side): slave for slave, side in enumerate(terms.slaves)}
        self.refused: Mapping[str, Refusal | None] = _find_protected(terms)
        self.begun = False
        self.undo_offset = undo_offset
        self._terms = terms
        self._undo_size_at_start = None if undo_offset is None else self._undo_log_size()
        self._waiting = waiting
        self._size = {name: min(most, _choose_size(terms, slave)) for name, slave in self.index.items()}
        self._done: dict[str, set[int]] = {name: set() for name in waiting}
        for name, chunks in done.items():
            self._size[name] = chunks.size
            self._done[name] = set(chunks.done)
        self._failed: dict[tuple[int, ...], str] = {}
        self._retried: deque[DeleteTask] = deque()
        self._deaths: Counter[tuple[int, ...]] = Counter()
        self._tasks = chain.from_iterable(map(self._make_tasks, self.index))

    def __iter__(self) -> Iterator[DeleteTask]:
        return self

    def __next__(self) -> DeleteTask:
        if self._retried:
            return self._retried.popleft()
        return next(self._tasks)

    def _make_tasks(self, name: str) -> Iterator[DeleteTask]:
        if self.refused.get(name) is not None:
            return
        for number, extras in self._chunks_left(name):
            keys = tuple(json.dumps(extra.key).encode() for extra in extras)
            slave = self.index[name]
            reviewed = self._select_reviewed(slave, keys)
            yield self._hand_out(DeleteTask(self._terms, slave, keys, number, reviewed=reviewed))

    def _chunks_left(self, name: str) -> Iterator[tuple[int, Iterator[Difference]]]:
        """Yield the chunks of a slave that are not done, each with its number."""
        for number, extras in self._waiting[name].read_chunks(self._size[name]):
            if number not in self._done[name]:
                yield number, extras

    def _hand_out(self, task: DeleteTask) -> DeleteTask:
        """Note where lines of deletes begin in the undo log, and where earlier attempts may have left some."""
        self.begun = True
        if self.undo_offset is None:
            self.undo_offset = self._undo_log_size()
        if self._deaths[task.id]:
            return replace(task, undo_span=(self.undo_offset, self._undo_log_size()))
        if self._undo_size_at_start is not None:
            return replace(task, undo_span=(self.undo_offset, self._undo_size_at_start))
        return task

    def _undo_log_size(self) -> int:
        return undo_log_size(self._terms.repairing.undo_log)

    def advance(self, task: DeleteTask, page: PageDone) -> None:
        """Note that what came of a task's extras is on record."""
        self._done[self._slave_name(task)].add(task.number)

    def is_done(self, task: DeleteTask) -> bool:
        """Return whether what came of a task's extras is on record."""
        return task.number in self._done[self._slave_name(task)]

    def split_page(self, task: DeleteTask, page: PageDone) -> tuple[PageDone, PageDone | None]:
        """Return the page whole: a task that loses its slave fails."""
        return page, None

    def lose_slave(self, task: DeleteTask, slave: int) -> None:
        """Do nothing: a task that loses its slave fails."""

    def finish(self, task: DeleteTask) -> None:
        """Do nothing: the task's one page says what is done."""

    def leave(self, task: DeleteTask, failure: TaskFailed | None = None) -> None:
        """Note the error of a task that failed: nothing is known of its extras, unless they are on record."""
        if failure is not None:
            self._failed[task.id] = failure.error

    def retry(self, task: DeleteTask, ahead: tuple[bytes, ...] = ()) -> bool:
        """Put a task back whose worker died; return False where that was tried often enough, or it is done."""
        self._deaths[task.id] += 1
        if self.is_done(task) or self._deaths[task.id] > RESTARTS:
            return False
        self._retried.append(self._hand_out(replace(task, ahead=(*task.ahead, *ahead))))
        return True

    def _slave_name(self, task: DeleteTask) -> str:
        return str(self._terms.slaves[task.slave])

    def done_chunks(self) -> dict[str, Chunks]:
        """Return what is done, by slave."""
        return {name: Chunks(self._size[name], tuple(sorted(done))) for name, done in self._done.items() if done}

    @property
    def some_left(self) -> bool:
        """Return whether extras are left that could yet be deleted."""
        return any(map(self.count_left, self._waiting))

    def count_left(self, name: str) -> int:
        """Return how many extras of a slave are left that could yet be deleted."""
        if self.refused.get(name) is not None:
            return 0
        count, size = self._waiting[name].count, self._size.get(name, PER_TASK)
        return count - sum(min(size, count - number * size) for number in self._done[name])

    def not_deleted(self) -> Iterator[PageDone]:
        """Yield the extras that were not deleted, some at a time, with the reason; those of other runs' slaves wait."""
        for name, slave in self.index.items():
            for number, extras in self._chunks_left(name):
                error = self._failed.get((slave, number))
                for some in self._divide(self._explain_left(extra, error) for extra in extras):
                    yield self._count(PageDone(Tally(), tuple(Tally() for _ in self.index)), some)

    def explain_extras(self, page: PageDone) -> PageDone:
        """Return a page in which its extras are differences that were not deleted."""
        return self._count(replace(page, extras=()), [self._explain_left(extra) for extra in page.extras])

    def _divide(self, extras: Iterator[Difference]) -> Iterator[list[Difference]]:
        """Yield extras some at a time; where each has its whole item in it, only a few are in memory at once."""
        most = _most_in_memory(self._terms)
        some = list(islice(extras, most))
        while some:
            yield some
            some = list(islice(extras, most))

    def _explain_left(self, extra: Difference, error: str | None = None) -> Difference:
        """Return an extra that was not deleted, with the reason: the error of its task, a refusal, or none."""
        if error:
            return replace(extra, action=Effect.FAILED, error=error)
        refusal = self.refused.get(extra.slave)
        if refusal is not None:
            return replace(extra, action=Effect.REFUSED, error=refusal.reason)
        return replace(extra, action=Effect.NONE)

    def _count(self, page: PageDone, extras: Sequence[Difference]) -> PageDone:
        """Return a page with extras that were not deleted, counted. Withheld are those refused for a failure."""
        for extra in extras:
            tally = page.tallies[self.index[extra.slave]]
            tally.count_difference(extra)
            refusal = self.refused.get(extra.slave)
            if extra.action is Effect.REFUSED and refusal is not None and refusal.failed:
                tally.withheld += 1
        return replace(page, differences=(*page.differences, *extras))


def _find_protected(terms: Terms) -> Mapping[str, Refusal | None]:
    """Return the refusals that are known from the beginning: of slaves that nothing may be written to."""
    reasons = {str(side): explain_protection(side, terms.repairing) for side in terms.slaves}
    return {name: Refusal(reason) for name, reason in reasons.items() if reason is not None}


def _most_in_memory(terms: Terms) -> int:
    return WITH_ITEMS if terms.values else PER_TASK


def _choose_size(terms: Terms, slave: int) -> int:
    """Return the size of a slave's tasks: what the limits let one do while somebody waits for an interrupt."""
    most, pace = _most_in_memory(terms), terms.slaves[slave].pace
    return limit_items((terms.master.pace.reads, pace.reads, pace.writes), most) or most
