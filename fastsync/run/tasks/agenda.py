"""What is left to compare: each segment from its resume point, for the slaves that still need it.

A segment that was begun has its own entry; those that were not are what follows in the plan's order. A slave that is
lost on the way gets an entry of its own: another run catches up from the last page that the slave had.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from fastsync.model.keys import KeyChunk
from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.messages.terms import Terms
from fastsync.plan.segments import Plan
from fastsync.repair.undo_log import undo_log_size
from fastsync.run.tasks.source import RESTARTS


@dataclass(frozen=True)
class StartedSegment:
    """A segment that was begun, and is resumed at `resume` for some slaves; see SegmentTask for `counts`.

    `log` is the size that the undo log had then: lines of its next pages come behind. None: nothing was begun.
    """

    segment: int
    slaves: tuple[str, ...]
    counts: bool = True
    resume: bytes = b""
    log: int | None = None


@dataclass(frozen=True)
class PendingSegments:
    """Segments that were not begun for some slaves: those from index `place` on in the plan's order."""

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

    def has_left(self, slave: str) -> bool:
        """Return whether a slave is not compared to its end."""
        parts: tuple[StartedSegment | PendingSegments, ...] = (*self.legs, *self.stretches)
        return any(slave in part.slaves for part in parts)

    def count_segments(self, slaves: frozenset[str], plan: Plan) -> int:
        """Return how many segments are not compared to their end for some of these slaves."""
        begun = {leg.segment for leg in self.legs if not slaves.isdisjoint(leg.slaves)}
        places = [each.place for each in self.stretches if not slaves.isdisjoint(each.slaves)]
        return len(begun.union(plan.numbers[min(places) :] if places else ()))


class Agenda:
    """Hand out what is left as tasks; see TaskSource.

    `undo_offset` is the size of the undo log behind which an earlier run may have left lines of pages that are not on
    record; None where the job has not begun. `repeated`: pages are or were compared again, since an earlier run or a
    worker ended before they were on record. Where keys were given, `open_chunk` returns those that stand for a segment,
    given by its number.
    """

    def __init__(
        self,
        terms: Terms,
        plan: Plan,
        left: Backlog,
        *,
        start_key: bytes | None = None,
        undo_offset: int | None = None,
        open_chunk: Callable[[int], KeyChunk] | None = None,
    ):
        self._open_chunk = open_chunk
        self.repeated = undo_offset is not None
        self._terms = terms
        self._plan = plan
        self._start_key = start_key
        self._undo_offset = undo_offset
        self._undo_size_at_start = self._undo_log_size()
        self._names = tuple(map(str, terms.slaves))
        self._open: dict[tuple[int, ...], StartedSegment] = {}
        self._deaths: Counter[int] = Counter()
        self._ahead: dict[tuple[int, tuple[str, ...]], tuple[bytes, ...]] = {}
        pending = [each for each in left.stretches if each.place < len(plan.numbers)]
        self._started = deque(_select_now(left.legs, self._names))
        self._pending = deque(_select_now(pending, self._names))
        self._started_later = _select_later(left.legs, self._names)
        self._pending_later = _select_later(pending, self._names)

    def __iter__(self) -> Iterator[SegmentTask]:
        return self

    def __next__(self) -> SegmentTask:
        if self._started:
            return self._open_task(self._started.popleft())
        if not self._pending:
            raise StopIteration
        pending = self._pending.popleft()
        if pending.place + 1 < len(self._plan.numbers):
            self._pending.appendleft(replace(pending, place=pending.place + 1))
        return self._open_task(StartedSegment(self._plan.numbers[pending.place], pending.slaves, pending.counts))

    def leave_slaves(self, names: frozenset[str]) -> None:
        """Leave slaves of these names, for which nothing has begun, to another run."""
        fit = [name for name in self._names if name not in names]
        started, pending = list(self._started), list(self._pending)
        self._started = deque(_select_now(started, fit))
        self._pending = deque(_select_now(pending, fit))
        self._started_later += _select_later(started, fit)
        self._pending_later += _select_later(pending, fit)

    def _open_task(self, started: StartedSegment) -> SegmentTask:
        task = SegmentTask(
            self._terms,
            number=started.segment,
            total=self._plan.total,
            start_key=None if started.resume else self._start_key,
            resume=started.resume,
            slaves=tuple(map(self._names.index, started.slaves)),
            counts=started.counts,
            undo_span=self._find_undo_span(started),
            ahead=self._ahead.pop((started.segment, started.slaves), ()),
            chunk=None if self._open_chunk is None else self._open_chunk(started.segment),
        )
        log = self._undo_log_size() if task.undo_span is None else task.undo_span[0]
        self._open[task.id] = replace(started, log=log)
        return task

    def _find_undo_span(self, started: StartedSegment) -> tuple[int, int] | None:
        """Return the part of the undo log in which earlier attempts may have left lines, None where there were none."""
        begin = self._undo_offset if started.log is None else started.log
        if begin is None:
            return None
        if self._deaths[started.segment]:
            return begin, self._undo_log_size()
        return begin, self._undo_size_at_start

    def _undo_log_size(self) -> int:
        return undo_log_size(self._terms.repairing.undo_log)

    def advance(self, task: SegmentTask, page: PageDone) -> None:
        """Note that what a task brought up to this page is on record.

        An attempt that was killed may have been pages ahead: as long as the task lasts, its lines may be looked for.
        """
        log = page.undo_offset
        if task.undo_span is not None:
            log = min(log, task.undo_span[0])
        self._open[task.id] = replace(self._open[task.id], resume=page.resume, log=log)
        del self._deaths[task.number]

    def lose_slave(self, task: SegmentTask, slave: int) -> None:
        """Note that a task continues without a slave; the last one that is lost takes the master's items along."""
        started = self._open[task.id]
        name = self._names[slave]
        if name in started.slaves:
            others = tuple(each for each in started.slaves if each != name)
            self._started_later.append(replace(started, slaves=(name,), counts=started.counts and not others))
            self._open[task.id] = replace(started, slaves=others)

    def lost_slaves(self, task: SegmentTask) -> Mapping[int, str]:
        """Return the slaves that a task began with and has lost: index → name."""
        kept = self._open[task.id].slaves
        return {slave: self._names[slave] for slave in task.slaves if self._names[slave] not in kept}

    def split_page(self, task: SegmentTask, page: PageDone) -> tuple[PageDone, PageDone | None]:
        """Divide a page into what counts and what concerns slaves that the task has lost, None where it has none."""
        if len(self._open[task.id].slaves) == len(task.slaves):
            return page, None
        lost = self.lost_slaves(task)
        return page.split(lost, all_lost=len(lost) == len(task.covered))

    def finish(self, task: SegmentTask) -> None:
        """Note that a task has come to its end."""
        del self._open[task.id]

    def leave(self, task: SegmentTask, failure: TaskFailed | None = None) -> None:
        """Leave the rest of a task to another run."""
        started = self._open.pop(task.id)
        if started.slaves:
            self._started_later.append(started)

    def retry(self, task: SegmentTask, ahead: tuple[bytes, ...] = ()) -> bool:
        """Put a task back whose worker died; return False where that was tried often enough."""
        self._deaths[task.number] += 1
        self.repeated = True
        if self._deaths[task.number] > RESTARTS:
            return False
        started = self._open.pop(task.id)
        if started.slaves:
            self._started.appendleft(started)
            self._ahead[started.segment, started.slaves] = (*task.ahead, *ahead)
        return True

    def is_done(self, task: SegmentTask) -> bool:
        """Return False: only its end says that a segment has no more pages."""
        return False

    def backlog(self) -> Backlog:
        """Return all that is left; segments at work count from their last page on record."""
        at_work = (started for started in self._open.values() if started.slaves)
        return Backlog((*at_work, *self._started, *self._started_later), (*self._pending, *self._pending_later))

    def undo_offset(self) -> int:
        """Return the size of the undo log behind which all lines stand of pages that are not on record."""
        left = self.backlog()
        offsets = [started.log for started in left.legs if started.log is not None]
        if left.stretches and self._undo_offset is not None:  # the run before may have begun some after its checkpoint
            offsets.append(self._undo_offset)
        return min([self._undo_log_size(), *offsets])


_Part = TypeVar("_Part", StartedSegment, PendingSegments)


def _select_now(parts: Sequence[_Part], fit: Sequence[str]) -> list[_Part]:
    """Return the parts for the slaves that can be compared now."""
    selected = [replace(part, slaves=tuple(name for name in part.slaves if name in fit)) for part in parts]
    return [part for part in selected if part.slaves]


def _select_later(parts: Sequence[_Part], fit: Sequence[str]) -> list[_Part]:
    """Return the parts for the other slaves, which catch up in another run.

    They count the master's items only where no slave does so now.
    """
    selected = []
    for part in parts:
        others = tuple(name for name in part.slaves if name not in fit)
        if others:
            selected.append(replace(part, slaves=others, counts=part.counts and others == part.slaves))
    return selected
