"""Hand out pending deletes slave by slave in chunks; each chunk is either done once or reported as not done."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice

from fastsync.model.difference import Difference, Effect, Tally
from fastsync.model.events import DeleteTask, Terms
from fastsync.model.throughput import limit_items
from fastsync.repair.undo_log import undo_log_size
from fastsync.run.tasks.agenda import RESTARTS
from fastsync.run.tasks.delete_guard import Refusal
from fastsync.run.tasks.waiting_extras import WaitingExtras

PER_TASK = 1000
"""Extras in one task of deletes."""
WITH_ITEMS = 50
"""... where their whole items are reported: some 20 MB of the largest ones, which wait for the task's end."""


@dataclass(frozen=True)
class Chunks:
    """Extras in one task of a slave's deletes, and the numbers of the tasks that are done."""

    size: int
    done: tuple[int, ...]


class Deletes:
    """Hand out the waiting extras of slaves as tasks, but for slaves that `refused` gives a reason against.

    `waiting` holds the extras by the slaves' names, `done` what an earlier run has done of them. `begun` says whether
    any task was handed out.
    """

    def __init__(
        self,
        terms: Terms,
        waiting: Mapping[str, WaitingExtras],
        done: Mapping[str, Chunks],
        log_from: int | None = None,
    ):
        self.place = {str(side): place for place, side in enumerate(terms.slaves)}
        self.refused: Mapping[str, Refusal | None] = {}
        self.begun = False
        self._terms = terms
        self.log_from = log_from
        self._log_size = None if log_from is None else self._undo_log_size()
        self._waiting = waiting
        self._done = {name: set(done[name].done) if name in done else set() for name in waiting}
        sizes = {name: _choose_size(terms, place) for name, place in self.place.items()}
        self._size = {name: done[name].size if name in done else sizes.get(name, PER_TASK) for name in waiting}
        self._failed: dict[tuple[int, ...], str] = {}
        self._retried: deque[DeleteTask] = deque()
        self._deaths: Counter[tuple[int, ...]] = Counter()
        self._tasks = chain.from_iterable(map(self._tasks_of, self.place))

    def __iter__(self) -> Iterator[DeleteTask]:
        return self

    def __next__(self) -> DeleteTask:
        """Return the next task; after the last one there may be another yet, where a worker dies."""
        return self._retried.popleft() if self._retried else next(self._tasks)

    def _tasks_of(self, name: str) -> Iterator[DeleteTask]:
        if self.refused.get(name) is not None:
            return
        for number, extras in self._waiting[name].read_chunks(self._size[name]):
            if number not in self._done[name]:
                keys = tuple(json.dumps(extra.key).encode() for extra in extras)
                yield self._hand_out(DeleteTask(self._terms, self.place[name], keys, number))

    def withheld(self, extra: Difference) -> bool:
        """Return whether an extra was refused because something failed, and not by a safety limit."""
        refusal = self.refused.get(extra.slave)
        return extra.action is Effect.REFUSED and refusal is not None and refusal.failed

    def _hand_out(self, task: DeleteTask) -> DeleteTask:
        """Note where lines of deletes begin in the undo log; those of an earlier attempt are to be recalled."""
        self.begun = True
        if self.log_from is None:
            self.log_from = self._undo_log_size()
        if self._deaths[task.id]:
            return replace(task, undo_span=(self.log_from, self._undo_log_size()))
        return task if self._log_size is None else replace(task, undo_span=(self.log_from, self._log_size))

    def _undo_log_size(self) -> int:
        return undo_log_size(self._terms.repairing.undo_log)

    def advance(self, task: DeleteTask) -> None:
        """Note that what came of a task's extras is on record."""
        self._done[self._slave_name(task)].add(task.number)

    def is_done(self, task: DeleteTask) -> bool:
        """Return whether what came of a task's extras is on record."""
        return task.number in self._done[self._slave_name(task)]

    def retry(self, task: DeleteTask, ahead: tuple[bytes, ...] = ()) -> bool:
        """Put a task back whose worker died; False where that was tried often enough, or is not needed.

        `ahead` are the deletes that this attempt had announced; those of attempts before it are kept too.
        """
        self._deaths[task.id] += 1
        if self.is_done(task) or self._deaths[task.id] > RESTARTS:
            return False
        self._retried.append(self._hand_out(replace(task, ahead=(*task.ahead, *ahead))))
        return True

    def set_failed(self, task: DeleteTask, error: str) -> None:
        """Note that a task failed: nothing is known of its extras, unless they are on record."""
        self._failed[task.id] = error

    def _slave_name(self, task: DeleteTask) -> str:
        return str(self._terms.slaves[task.slave])

    def done_chunks(self) -> dict[str, Chunks]:
        """Return what is done, by slave."""
        return {name: Chunks(self._size[name], tuple(sorted(done))) for name, done in self._done.items() if done}

    @property
    def some_left(self) -> bool:
        """Return whether extras are left that could yet be deleted."""
        return any(
            self.refused.get(name) is None and len(self._done[name]) * self._size[name] < waiting.count
            for name, waiting in self._waiting.items()
        )

    def not_deleted(self) -> Iterator[list[Difference]]:
        """Yield the extras that were not deleted, some at a time, with the reason; those of other runs' slaves wait."""
        for name, place in self.place.items():
            for number, extras in self._waiting[name].read_chunks(self._size[name]):
                if number not in self._done[name]:
                    failed = self._failed.get((place, number))
                    yield from self._portions(self.left_alone(extra, failed) for extra in extras)

    def _portions(self, extras: Iterator[Difference]) -> Iterator[list[Difference]]:
        """Divide extras; where each has its whole item in it, only a few are in memory at once."""
        most = WITH_ITEMS if self._terms.values else PER_TASK
        while portion := list(islice(extras, most)):
            yield portion

    def left_alone(self, extra: Difference, failed: str | None = None) -> Difference:
        """Return an extra that was not deleted, with the reason: its task failed, it was refused, or the run ended."""
        refusal = self.refused.get(extra.slave)
        if failed:
            return replace(extra, action=Effect.FAILED, error=failed)
        if refusal is not None:
            return replace(extra, action=Effect.REFUSED, error=refusal.reason)
        return replace(extra, action=Effect.NONE)

    def empty_tallies(self) -> tuple[Tally, ...]:
        """Return an empty tally for every slave."""
        return tuple(Tally() for _ in self.place)


def _choose_size(terms: Terms, slave: int) -> int:
    """Return the size of a slave's tasks: what the limits let one do while somebody waits for an interrupt."""
    pace = terms.slaves[slave].pace
    most = WITH_ITEMS if terms.values else PER_TASK
    return limit_items((terms.master.pace.reads, pace.reads, pace.writes), most) or most
