"""Items, time and differences by segment, and notes on segments that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastsync.model.difference import Tally
from fastsync.model.events import Event, PageDone, SegmentEnd, SegmentTask, SlaveLost, Task, TaskDone
from fastsync.plan.segments import Plan
from fastsync.run.sampling import Counts, estimate_total

UNEVEN = 2.0
"""Report a segment as skewed from this multiple of the average on..."""
MANY_ITEMS = 10_000
"""... if it has at least this many items..."""
LONG = 10.0
"""... or took at least this many seconds."""


@dataclass
class OpenSegment:
    """A segment that has not come to its end for these slaves: items scanned of the master, what was found so far."""

    scanned: int = 0
    found: dict[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentTotalsState:
    """What a run that goes on must know: segments that are open, and the counts of the others, by slave."""

    segments: dict[int, OpenSegment]
    counts: dict[str, Counts]


@dataclass(frozen=True)
class _Extreme:
    """The segment that has most of something, and how much."""

    number: int = -1
    much: float = 0.0


class SegmentTotals:
    """Listen to the tasks of a run on slaves of these names; a segment counts once it has come to its end."""

    def __init__(self, slaves: Sequence[str]):
        self._names = tuple(slaves)
        self._open: dict[int, OpenSegment] = {}
        self._lost: dict[int, set[str]] = {}
        self._counts = {name: Counts() for name in slaves}
        self._segments = self._items = 0
        self._seconds = 0.0
        self._largest = self._slowest = _Extreme()

    def totals(self) -> SegmentTotalsState:
        """Return what is known so far."""
        return SegmentTotalsState(self._open, self._counts)

    def resume_from(self, totals: SegmentTotalsState) -> None:
        """Begin with what an earlier run knew."""
        self._open = dict(totals.segments)
        self._counts |= totals.counts

    def add_event(self, task: Task, event: Event) -> SegmentEnd | None:
        """Take in one event of a task; give its segment where that has come to its end."""
        if not isinstance(task, SegmentTask):
            return None
        segment = self._open.setdefault(task.number, OpenSegment())
        for place in task.covered:
            segment.found.setdefault(self._names[place], Tally())
        match event:
            case PageDone():
                segment.scanned += event.master.scanned
                for place in task.covered:
                    segment.found[self._names[place]] += event.tallies[place]
                for extra in event.extras:
                    segment.found[extra.slave].extra += 1
            case SlaveLost():
                self._lost.setdefault(task.number, set()).add(self._names[event.slave])
            case TaskDone():
                return self._close_segment(task, event.seconds)
        return None

    def _close_segment(self, task: SegmentTask, seconds: float) -> SegmentEnd:
        """Count a segment for the slaves that it was compared with to its end; others catch up in another run."""
        segment, lost = self._open[task.number], self._lost.pop(task.number, set())
        names = [name for place in task.covered if (name := self._names[place]) not in lost]
        found = {name: segment.found.pop(name) for name in names}
        for name, tally in found.items():
            self._counts[name].add_segment(tally.differences)
        if not segment.found:
            del self._open[task.number]
        if task.counts:
            self._segments += 1
            self._items += segment.scanned
            self._seconds += seconds
            self._largest = max(self._largest, _Extreme(task.number, segment.scanned), key=lambda most: most.much)
            self._slowest = max(self._slowest, _Extreme(task.number, seconds), key=lambda most: most.much)
        return SegmentEnd(task.number, segment.scanned, seconds, found)

    def estimates(self, plan: Plan) -> list[dict[str, int | None] | None]:
        """Return for each slave the estimated differences in all segments; None where no segment was compared."""
        found = [estimate_total(self._counts[name], plan.total) for name in self._names]
        return [
            None if each is None else {"differences": each.estimate, "low": each.low, "high": each.high}
            for each in found
        ]

    def notes(self, plan: Plan) -> list[str]:
        """Return which segment is much larger than the others, and which took much longer."""
        notes = []
        if self._stands_out(self._largest, self._items, MANY_ITEMS):
            times = self._largest.much * self._segments / self._items
            notes.append(
                f"segment {self._largest.number} of {plan.total} is the largest: {self._largest.much:,.0f} items, "
                f"{times:.1f} times the average; the items of one partition key cannot be divided, the others can: "
                "more --segments"
            )
        if self._stands_out(self._slowest, self._seconds, LONG):
            times = self._slowest.much * self._segments / self._seconds
            notes.append(
                f"segment {self._slowest.number} of {plan.total} was the slowest: {self._slowest.much:,.1f} s, "
                f"{times:.1f} times the average"
            )
        return notes

    def _stands_out(self, most: _Extreme, total: float, enough: float) -> bool:
        return self._segments > 1 and most.much >= enough and most.much * self._segments >= UNEVEN * total
