"""Spread: which segments stand out, and what a sample counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from fastsync.config.slicing import Slicing
from fastsync.model.difference import Difference, Tally, Verdict
from fastsync.model.messages.events import PageDone, SegmentEnd, SlaveLost, TaskDone, TaskFailed
from fastsync.model.messages.tasks import DeleteTask, SegmentTask
from fastsync.plan.segments import Plan
from fastsync.run.notes import describe_segments
from fastsync.run.sampling import Interval
from fastsync.run.segment_totals import SegmentTotals
from tests.unit.builders import A, B, terms

SLAVES = (A, B)
TERMS = terms(*SLAVES)
PLAN = Plan.of(Slicing(1, 10))


def page(scanned: int, *missing: int) -> PageDone:
    return PageDone(Tally(scanned=scanned), tuple(Tally(missing=count) for count in missing))


def bounds(estimates: Mapping[str, Interval | None]) -> dict[str, tuple[int, int]]:
    """Give estimates and their lower bounds, of slaves that have one."""
    return {name: (found.estimate, found.low) for name, found in estimates.items() if found is not None}


def spread(segments: Sequence[tuple[int, float]]) -> SegmentTotals:
    """Make the spread of whole segments of so many items that took so many seconds."""
    made = SegmentTotals(SLAVES)
    for number, (items, seconds) in enumerate(segments):
        task = SegmentTask(TERMS, number, 10)
        made.add_event(task, page(items // 2, 0, 0))
        made.add_event(task, page(items - items // 2, 0, 0))
        made.add_event(task, TaskDone(seconds))
    return made


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ([(50_000, 30), (50_000, 31)], []),
        ([(50_000, 30)], []),
        ([(10, 0.1), (9_999, 9.9)], []),
        (
            [(1000, 1), (1000, 1), (80_000, 1)],
            ["segment 2 of 10 is the largest: 80,000 items, 2.9 times", "  the items of one partition key"],
        ),
        ([(1000, 1), (1000, 60), (1000, 1)], ["segment 1 of 10 was the slowest: 1 min 0 s, 2.9 times"]),
        ([], []),
    ],
)
def test_what_stands_out(segments: Sequence[tuple[int, float]], told: Sequence[str]) -> None:
    """A segment that is much larger or slower than the others is named, and small ones are not talked about."""
    notes = list(describe_segments(spread(segments), PLAN))
    assert len(notes) == len(told)
    for note, start in zip(notes, told, strict=True):
        assert note.startswith(start)


def test_parts() -> None:
    """Parts of exports are called so, and nobody is told to give more segments for them."""
    notes = list(describe_segments(spread([(1000, 1), (1000, 1), (80_000, 1)]), PLAN, "part"))
    assert notes == ["part 2 of 10 is the largest: 80,000 items, 2.9 times the average"]


def test_only_whole_segments_count() -> None:
    """A segment that failed, or on which a slave was lost, says nothing about how many differences there are."""
    made = SegmentTotals(SLAVES)
    whole, broken, half = (SegmentTask(TERMS, number, 10) for number in range(3))
    for task, events in (
        (whole, (page(10, 2, 3), TaskDone())),
        (broken, (page(10, 5, 5), TaskFailed("broken"))),
        (half, (page(10, 4, 0), SlaveLost(1, "lost", False), page(10, 4, 0), TaskDone())),
    ):
        for event in events:
            made.add_event(task, event)
    estimates = made.estimates(PLAN)
    assert bounds(estimates) == {SLAVES[0]: (50, 10), SLAVES[1]: (30, 3)}
    assert estimates[SLAVES[1]] == Interval(30, 3, None)


def test_waiting_extras_count_once() -> None:
    """An extra that waits for its deletion is a difference of its segment, and not once more when it is deleted."""
    made = SegmentTotals(SLAVES)
    task = SegmentTask(TERMS, 0, 1)
    extra = Difference(SLAVES[1], Verdict.EXTRA, {"id": {"S": "x"}})
    made.add_event(task, PageDone(Tally(), (Tally(), Tally()), extras=(extra,)))
    made.add_event(task, TaskDone())
    made.add_event(DeleteTask(TERMS, 1, (b"{}",)), PageDone(Tally(), (Tally(), Tally(extra=1, deleted=1))))
    found = made.estimates(Plan.of(Slicing(1, 1)))
    assert found == {SLAVES[0]: Interval(0, 0, 0), SLAVES[1]: Interval(1, 1, 1)}


def test_a_slave_that_caught_up_counts() -> None:
    """A segment that was gone through once more for a lost slave counts for it with all that was found, once."""
    made = SegmentTotals(SLAVES)
    task = SegmentTask(TERMS, 0, 10)
    for event in (page(30_000, 1, 2), SlaveLost(1, "lost", False), page(30_000, 4, 0), TaskDone(20)):
        made.add_event(task, event)
    later = SegmentTask(TERMS, 0, 10, slaves=(1,), counts=False)
    for event in (page(0, 0, 5), TaskDone(20)):
        end = made.add_event(later, event)
    assert end == SegmentEnd(0, 60_000, 20, {SLAVES[1]: Tally(missing=7)})
    assert bounds(made.estimates(PLAN)) == {SLAVES[0]: (50, 5), SLAVES[1]: (70, 7)}
    assert list(describe_segments(made, PLAN)) == []
