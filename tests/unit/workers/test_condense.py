"""A task's events in short tell a run what all of them would have told it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fastsync.model.difference import Tally
from fastsync.model.messages.events import Event, OrdersDisagree, PageDone, SlaveLost, TaskDone, TaskFailed, TaskStopped
from fastsync.model.messages.tasks import SegmentTask
from fastsync.workers.spark.condense import EventSummary
from tests.unit.builders import A, B, difference, side, terms

FIRST, SECOND = side(A), side(B)
TERMS = terms(FIRST, SECOND)
TASK = SegmentTask(TERMS, 0, 1)


def page(key: str, resume: bytes = b"", *slaves: object) -> PageDone:
    """Give a page of one item that some slaves lack."""
    tallies = tuple(Tally(missing=int(each in slaves), read_units=0.5) for each in (FIRST, SECOND))
    return PageDone(Tally(scanned=1), tallies, tuple(difference(each, key) for each in slaves), resume=resume)


def condensed(*events: Event) -> tuple[Sequence[str], Sequence[Event]]:
    """Give the keys of the differences that count, and the events in short."""
    short = EventSummary(TASK)
    keys = [each.key["id"]["S"] for each in short.differences(events)]
    return keys, short.events


def test_pages_are_added_up() -> None:
    """A task that ends well is one page, which holds all counts and no difference, and its end."""
    keys, (summed, end) = condensed(page("a", b"1", FIRST), page("b", b"", SECOND), page("c", b"2"), TaskDone(1.0))
    assert keys == ["a", "b"]
    assert isinstance(summed, PageDone)
    assert (summed.master.scanned, summed.differences, summed.resume) == (3, (), b"2")
    assert [(tally.missing, tally.read_units) for tally in summed.tallies] == [(1, 1.5), (1, 1.5)]
    assert end == TaskDone(1.0)


@pytest.mark.parametrize("end", [TaskFailed("it broke"), TaskStopped()])
def test_what_is_not_certain_is_not_written(end: Event) -> None:
    """Pages past the last one to go on from stay whole, since another run tells of them anew."""
    late = page("b", b"", SECOND)
    keys, events = condensed(page("a", b"1", FIRST), late, end)
    assert keys == ["a"]
    assert events[1:] == [late, end]


def test_a_lost_slave() -> None:
    """What counted before a slave was lost is told before, and what is found on it from there on is not written."""
    lost = SlaveLost(0, "gone", False)
    keys, events = condensed(
        page("a", b"1", FIRST), page("b", b"", FIRST), lost, page("c", b"2", SECOND), OrdersDisagree(1), TaskDone()
    )
    assert keys == ["a", "c"]
    before, told, after, *rest = events
    assert isinstance(before, PageDone)
    assert isinstance(after, PageDone)
    assert (before.resume, told, after.differences) == (b"1", lost, (difference(FIRST, "b"),))
    assert rest == [OrdersDisagree(1), TaskDone()]
