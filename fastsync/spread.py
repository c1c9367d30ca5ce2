"""Spread: how items, time and differences are spread over the segments; what is uneven is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastsync.events import Event, PageDone, SegmentTask, SlaveLost, Task, TaskDone
from fastsync.plan import Plan
from fastsync.sampling import Counts, interval

UNEVEN = 2.0
"""A segment is worth a word from so many times the average on..."""
MANY_ITEMS = 10_000
"""... if it has so many items..."""
LONG = 10.0
"""... or took so many seconds."""


@dataclass
class _Open:
    """A segment at work: differences of each slave so far, items scanned of the master, slaves lost on the way."""

    found: list[int]
    scanned: int = 0
    lost: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Most:
    """The segment that has most of something, and how much."""

    number: int = -1
    much: float = 0.0


class Spread:
    """Listen to the tasks of a run on slaves of these names; a segment counts once it has come to its end."""

    def __init__(self, slaves: Sequence[str]):
        self._place = {name: place for place, name in enumerate(slaves)}
        self._open: dict[int, _Open] = {}
        self._counts = [Counts() for _ in slaves]
        self._segments = self._items = 0
        self._seconds = 0.0
        self._largest = self._slowest = _Most()

    def add(self, task: Task, event: Event) -> None:
        """Take in one event of a task."""
        if not isinstance(task, SegmentTask):
            return
        segment = self._open.setdefault(task.number, _Open([0] * len(self._counts)))
        match event:
            case PageDone():
                segment.scanned += event.master.scanned
                for place, tally in enumerate(event.tallies):
                    segment.found[place] += tally.differences
                for extra in event.extras:
                    segment.found[self._place[extra.slave]] += 1
            case SlaveLost():
                segment.lost.add(event.slave)
            case TaskDone():
                self._end(task, segment)
                if task.counts:
                    self._measure(task.number, segment, event.seconds)

    def _end(self, task: SegmentTask, segment: _Open) -> None:
        """Count the segment for every slave that was compared to its end; keep it open for those that were lost."""
        for place in set(task.covered) - segment.lost:
            self._counts[place].add(segment.found[place])
        if not segment.lost:
            del self._open[task.number]
        segment.lost.clear()

    def _measure(self, number: int, segment: _Open, seconds: float) -> None:
        self._segments += 1
        self._items += segment.scanned
        self._seconds += seconds
        self._largest = max(self._largest, _Most(number, segment.scanned), key=lambda most: most.much)
        self._slowest = max(self._slowest, _Most(number, seconds), key=lambda most: most.much)

    def estimates(self, plan: Plan) -> list[dict[str, int | None] | None]:
        """Give for each slave the estimated differences in all segments; None where no segment was compared."""
        found = [interval(counts, plan.total) for counts in self._counts]
        return [
            None if each is None else {"differences": each.estimate, "low": each.low, "high": each.high}
            for each in found
        ]

    def notes(self, plan: Plan) -> list[str]:
        """Say which segment is much larger than the others, and which took much longer."""
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

    def _stands_out(self, most: _Most, total: float, enough: float) -> bool:
        return self._segments > 1 and most.much >= enough and most.much * self._segments >= UNEVEN * total
