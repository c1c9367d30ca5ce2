"""What is left to compare: each segment from its resume point, for the slaves that still need it.

A segment that was begun is a leg of its own; those that were not are stretches of the plan's order. A slave that is
lost on the way gets a leg of its own, which catches up from the last page that it had, in another run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from fastsync.model.events import SegmentTask, Terms
from fastsync.plan.segments import Plan
from fastsync.repair.undo_log import undo_log_size

RESTARTS = 3
"""How often in a row a task is retried whose worker died before it made progress."""


@dataclass(frozen=True)
class StartedSegment:
    """A segment that was begun, and goes on from `resume` for some slaves; see SegmentTask for `counts`.

    `log` is the size that the undo log had then: lines of its next pages come behind. None: nothing was begun.
    """

    segment: int
    slaves: tuple[str, ...]
    counts: bool = True
    resume: bytes = b""
    log: int | None = None


@dataclass(frozen=True)
class PendingSegments:
    """Segments that were not begun for some slaves: those from `place` on in the plan's order."""

    place: int
    slaves: tuple[str, ...]
    counts: bool = True


@dataclass(frozen=True)
class Backlog:
    """All that is left of a job."""

    legs: tuple[StartedSegment, ...]
    stretches: tuple[PendingSegments, ...]

    @classmethod
    def whole(cls, fit: Sequence[str], unfit: Sequence[str]) -> Backlog:
        """Return what is left of a job that has not begun; slaves that cannot be compared yet catch up later."""
        pending = (PendingSegments(0, tuple(fit)), PendingSegments(0, tuple(unfit), counts=False))
        return cls((), tuple(each for each in pending if each.slaves))


class Agenda:
    """Hand out what is left as tasks, one by one, and know at any time what is left then.

    `repeated`: pages are or were compared again, since an earlier run or a worker ended before they were on record.
    """

    def __init__(
        self, terms: Terms, plan: Plan, left: Backlog, start_key: bytes | None = None, log_from: int | None = None
    ):
        self._terms = terms
        self._log_from = log_from
        self._log_size = self._undo_log_size()
        self._plan = plan
        self._start_key = start_key
        self._names = tuple(map(str, terms.slaves))
        self._open: dict[tuple[int, ...], StartedSegment] = {}
        self._deaths: Counter[int] = Counter()
        self._ahead: dict[tuple[int, tuple[str, ...]], tuple[bytes, ...]] = {}
        self.repeated = log_from is not None
        started, parked_started = _split_by_fitness(left.legs, self._names)
        pending, parked_pending = _split_by_fitness(left.stretches, self._names)
        self._legs = deque(started)
        self._stretches = deque(each for each in pending if each.place < len(plan.numbers))
        self._parked = parked_started
        self._later = [each for each in parked_pending if each.place < len(plan.numbers)]

    def __iter__(self) -> Iterator[SegmentTask]:
        return self

    def __next__(self) -> SegmentTask:
        """Return the next task; after the last one there may be another yet, where a worker dies."""
        if self._legs:
            return self._open_task(self._legs.popleft())
        if not self._stretches:
            raise StopIteration
        pending = self._stretches.popleft()
        if pending.place + 1 < len(self._plan.numbers):
            self._stretches.appendleft(replace(pending, place=pending.place + 1))
        return self._open_task(StartedSegment(self._plan.numbers[pending.place], pending.slaves, pending.counts))

    def _open_task(self, started: StartedSegment) -> SegmentTask:
        places = tuple(self._names.index(name) for name in started.slaves)
        start = None if started.resume else self._start_key
        log = self._log_from if started.log is None else started.log
        recall = (
            None if log is None else (log, self._undo_log_size() if self._deaths[started.segment] else self._log_size)
        )
        task = SegmentTask(
            self._terms, started.segment, self._plan.total, start, started.resume, places, started.counts, recall
        )
        task = replace(task, ahead=self._ahead.pop((started.segment, started.slaves), ()))
        self._open[task.id] = replace(started, log=self._undo_log_size() if log is None else log)
        return task

    def _undo_log_size(self) -> int:
        return undo_log_size(self._terms.repairing.undo_log)

    def lost_slaves(self, task: SegmentTask) -> Mapping[int, str]:
        """Return the slaves that a task began with and has lost: places and names."""
        started = self._open[task.id]
        return {place: self._names[place] for place in task.slaves if self._names[place] not in started.slaves}

    def advance(self, task: SegmentTask, resume: bytes, log: int) -> None:
        """Note that all that a task brought so far is on record, and where it would go on.

        An attempt that was killed may have been pages ahead: as long as the task lasts, its lines are not behind `log`.
        """
        log = log if task.undo_span is None else min(log, task.undo_span[0])
        self._open[task.id] = replace(self._open[task.id], resume=resume, log=log)
        del self._deaths[task.number]

    def lose_slave(self, task: SegmentTask, slave: int) -> None:
        """Note that a task goes on without a slave; the last one that is lost takes the master's items along."""
        started = self._open[task.id]
        name = self._names[slave]
        if name in started.slaves:
            others = tuple(each for each in started.slaves if each != name)
            self._parked.append(replace(started, slaves=(name,), counts=started.counts and not others))
            self._open[task.id] = replace(started, slaves=others)

    def finish(self, task: SegmentTask) -> None:
        """Note that a task has come to its end."""
        del self._open[task.id]

    def leave(self, task: SegmentTask) -> None:
        """Leave the rest of a task to another run."""
        started = self._open.pop(task.id)
        if started.slaves:
            self._parked.append(started)

    def retry(self, task: SegmentTask, ahead: tuple[bytes, ...] = ()) -> bool:
        """Put a task back whose worker died; False where that was tried often enough.

        `ahead` are the writes that this attempt had announced; those of attempts before it are kept too.
        """
        self._deaths[task.number] += 1
        self.repeated = True
        if self._deaths[task.number] > RESTARTS:
            return False
        started = self._open.pop(task.id)
        if started.slaves:
            self._legs.appendleft(started)
            self._ahead[started.segment, started.slaves] = (*task.ahead, *ahead)
        return True

    def backlog(self) -> Backlog:
        """Return all that is left, what is at work from its last page on record."""
        at_work = (started for started in self._open.values() if started.slaves)
        return Backlog((*at_work, *self._legs, *self._parked), (*self._stretches, *self._later))

    def log_from(self) -> int:
        """Return the size of the undo log behind which all lines stand of pages that are not on record."""
        left = self.backlog()
        begun = [started.log for started in left.legs if started.log is not None]
        if left.stretches and self._log_from is not None:  # some were begun by the run before, after its checkpoint
            begun.append(self._log_from)
        return min([self._undo_log_size(), *begun])

    def has_left(self, slave: str) -> bool:
        """Return whether a slave is not compared to its end."""
        left = self.backlog()
        return any(slave in started.slaves for started in left.legs) or any(
            slave in part.slaves for part in left.stretches
        )


def _ticket(task: SegmentTask) -> tuple[int, tuple[int, ...]]:
    return task.number, task.slaves


_Part = TypeVar("_Part", StartedSegment, PendingSegments)


def _split_by_fitness(parts: Sequence[_Part], fit: Sequence[str]) -> tuple[list[_Part], list[_Part]]:
    """Divide each part between the slaves that can be compared now and the others, who catch up later."""
    now, later = [], []
    for part in parts:
        here = tuple(name for name in part.slaves if name in fit)
        missing = tuple(name for name in part.slaves if name not in fit)
        if here:
            now.append(replace(part, slaves=here))
        if missing:
            later.append(replace(part, slaves=missing, counts=part.counts and not here))
    return now, later
