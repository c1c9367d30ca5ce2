"""Items, time and differences by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastsync.model.difference import Tally
from fastsync.model.messages.events import Event, PageDone, SegmentEnd, SlaveLost, TaskDone
from fastsync.model.messages.tasks import AnyTask, SegmentTask
from fastsync.plan.segments import Plan
from fastsync.run.sampling import Counts, Interval, estimate_total


@dataclass
class OpenSegment:
    """A segment that has not come to its end for these slaves: items scanned of the master, what was found so far."""

    scanned: int = 0
    found: dict[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentTotalsState:
    """What a resumed run must know: segments that are open, and the counts of the others, by slave."""

    segments: dict[int, OpenSegment]
    counts: dict[str, Counts]


@dataclass(frozen=True)
class Extreme:
    """The segment that has most of something: its number, how much, and how many times the average that is."""

    number: int
    amount: float
    times_average: float


class _Amounts:
    """Amounts by segment, of which the sum and the largest one are kept."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._largest = (-1, 0.0)

    def add_segment(self, number: int, amount: float) -> None:
        """Take in the amount of one more segment."""
        self._count += 1
        self._sum += amount
        if amount > self._largest[1]:
            self._largest = (number, amount)

    def largest(self) -> Extreme:
        """Return the segment with the largest amount; 0 times the average where there is nothing to compare."""
        number, amount = self._largest
        if self._count < 2 or not self._sum:
            return Extreme(number, amount, 0.0)
        return Extreme(number, amount, amount * self._count / self._sum)


class SegmentTotals:
    """Count by segment what the tasks of a run bring, for slaves of these names.

    A segment counts once it has come to its end.
    """

    def __init__(self, slaves: Sequence[str]):
        self._names = tuple(slaves)
        self._open: dict[int, OpenSegment] = {}
        self._lost: dict[int, set[str]] = {}
        self._counts = {name: Counts() for name in slaves}
        self._items = _Amounts()
        self._seconds = _Amounts()

    def totals(self) -> SegmentTotalsState:
        """Return what is known so far."""
        return SegmentTotalsState(self._open, self._counts)

    def resume_from(self, totals: SegmentTotalsState) -> None:
        """Begin with what an earlier run knew."""
        self._open = dict(totals.segments)
        self._counts |= totals.counts

    def add_event(self, task: AnyTask, event: Event) -> SegmentEnd | None:
        """Count one event of a task; return its segment where that has come to its end. Chunks of keys are none."""
        if not isinstance(task, SegmentTask) or task.chunk is not None:
            return None
        segment = self._open_segment(task)
        match event:
            case PageDone():
                self._add_page(segment, task, event)
            case SlaveLost():
                self._lost.setdefault(task.number, set()).add(self._names[event.slave])
            case TaskDone():
                return self._close_segment(segment, task, event.seconds)
        return None

    def _open_segment(self, task: SegmentTask) -> OpenSegment:
        segment = self._open.setdefault(task.number, OpenSegment())
        for place in task.covered:
            segment.found.setdefault(self._names[place], Tally())
        return segment

    def _add_page(self, segment: OpenSegment, task: SegmentTask, page: PageDone) -> None:
        segment.scanned += page.master.scanned
        for place in task.covered:
            segment.found[self._names[place]] += page.tallies[place]
        for extra in page.extras:
            segment.found[extra.slave].extra += 1

    def _close_segment(self, segment: OpenSegment, task: SegmentTask, seconds: float) -> SegmentEnd:
        """Count a segment for the slaves that it was compared with to its end; others catch up in another run."""
        lost = self._lost.pop(task.number, set())
        names = [self._names[place] for place in task.covered]
        found = {name: segment.found.pop(name) for name in names if name not in lost}
        for name, tally in found.items():
            self._counts[name].add_segment(tally.differences)
        if not segment.found:
            del self._open[task.number]
        if task.counts:
            self._items.add_segment(task.number, segment.scanned)
            self._seconds.add_segment(task.number, seconds)
        return SegmentEnd(task.number, segment.scanned, seconds, found)

    @property
    def done(self) -> int:
        """How many segments have come to their end, on some slave at least."""
        return max((counts.segments for counts in self._counts.values()), default=0)

    @property
    def largest(self) -> Extreme:
        """The segment with most items."""
        return self._items.largest()

    @property
    def slowest(self) -> Extreme:
        """The segment that took longest, by its seconds."""
        return self._seconds.largest()

    def estimates(self, plan: Plan) -> dict[str, Interval | None]:
        """Return the estimated differences in all segments, by slave; None where no segment was compared."""
        return {name: estimate_total(self._counts[name], plan.total) for name in self._names}
