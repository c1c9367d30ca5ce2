"""What is left of a job: handed out once, taken up where it stopped, and known at any time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fastsync.config.slicing import Slicing
from fastsync.model.difference import Tally
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.settings import Repairing
from fastsync.plan.segments import Plan
from fastsync.run.tasks.agenda import Agenda, Backlog, PendingSegments, StartedSegment
from fastsync.run.tasks.source import RESTARTS
from tests.unit.builders import A, B, C, terms

SEGMENTS = 3


def agenda(slaves: Sequence[str] = (A, B), left: Backlog | None = None, start_key: bytes | None = None) -> Agenda:
    """Give the agenda of a run on these slaves; what is left is everything unless given."""
    plan = Plan.of(Slicing(segments=SEGMENTS))
    return Agenda(terms(*slaves), plan, left or Backlog.whole(slaves, []), start_key=start_key)


def reached(resume: bytes, undo_offset: int = 0) -> PageDone:
    """Give a page after which a task could be resumed."""
    return PageDone(Tally(), (), resume=resume, undo_offset=undo_offset)


def covered(task: SegmentTask) -> tuple[int, tuple[int, ...], bool]:
    return task.number, task.covered, task.counts


def test_every_segment_is_handed_out_once() -> None:
    """A job that has not begun has every segment of the plan compared once, on all slaves."""
    made = agenda()
    tasks = list(made)
    assert sorted(map(covered, tasks)) == [(number, (0, 1), True) for number in range(SEGMENTS)]
    assert made.backlog().has_left(A)
    for task in tasks:
        made.finish(task)
    assert made.backlog() == Backlog((), ())
    assert not made.backlog().has_left(A)


def test_what_is_at_work_is_left() -> None:
    """A task that is handed out is left from its last page on record on until it is done."""
    made = agenda()
    task = next(made)
    assert made.backlog() == Backlog((StartedSegment(task.number, (A, B), log=0),), (PendingSegments(1, (A, B)),))
    made.advance(task, reached(b"here", 7))
    assert made.backlog().legs == (StartedSegment(task.number, (A, B), resume=b"here", log=7),)
    assert made.undo_offset() == 0  # there is no undo log
    assert made.backlog().has_left(A)


def test_another_run_goes_on() -> None:
    """What a run left is compared by the next one, from the resume points on and nothing twice."""
    first = agenda(start_key=b"start")
    done, moved, begun = (next(first) for _ in range(SEGMENTS))
    first.finish(done)
    first.advance(moved, reached(b"here", 0))
    second = agenda(left=first.backlog(), start_key=b"start")
    tasks = {task.number: task for task in second}
    assert tasks.keys() == {moved.number, begun.number}
    assert (tasks[moved.number].resume, tasks[moved.number].start_key) == (b"here", None)
    assert (tasks[begun.number].resume, tasks[begun.number].start_key) == (b"", b"start")


def test_what_a_killed_run_wrote_is_remembered_until_the_segment_is_done(tmp_path: Path) -> None:
    """A killed run may have been pages ahead of its checkpoint: one that goes on, killed too, does not forget them."""
    log = tmp_path / "undo"
    log.write_bytes(b"x" * 100)
    given = terms(A, repairing=Repairing(undo_log=str(log)))
    plan = Plan.of(Slicing(segments=SEGMENTS))
    made = Agenda(given, plan, Backlog((StartedSegment(0, (A,), resume=b"here", log=40),), ()), undo_offset=30)
    task = next(made)
    assert task.undo_span == (40, 100)
    log.write_bytes(b"x" * 120)
    made.advance(task, reached(b"there", 120))
    (left,) = made.backlog().legs
    assert (left.resume, left.log, made.undo_offset()) == (b"there", 40, 40)
    again = next(Agenda(given, plan, made.backlog(), undo_offset=made.undo_offset()))
    assert again.undo_span == (40, 120)


def test_a_slave_that_is_lost_catches_up_from_its_last_page() -> None:
    """A lost slave has a leg of its own that does not count the master's items again; the task goes on without it."""
    made = agenda()
    task = next(made)
    made.advance(task, reached(b"here", 0))
    made.lose_slave(task, 1)
    assert made.lost_slaves(task) == {1: B}
    made.advance(task, reached(b"there", 0))
    made.finish(task)
    assert made.backlog().legs == (StartedSegment(task.number, (B,), counts=False, resume=b"here", log=0),)
    assert (made.backlog().has_left(A), made.backlog().has_left(B)) == (True, True)  # A lacks the other segments


def test_the_last_slave_that_is_lost_takes_the_items_of_the_master_along() -> None:
    """Where every slave is lost, one leg counts the master's items when it is caught up, and one only."""
    made = agenda()
    task = next(made)
    made.lose_slave(task, 0)
    made.lose_slave(task, 1)
    made.finish(task)
    assert [(leg.slaves, leg.counts) for leg in made.backlog().legs] == [((A,), False), ((B,), True)]


def test_slaves_that_cannot_be_compared_wait() -> None:
    """A slave that is out of reach keeps what it lacks for another run, and does not hold up the others."""
    left = Backlog(
        (StartedSegment(0, (A, C), resume=b"here"), StartedSegment(1, (C,))), (PendingSegments(2, (A, B, C)),)
    )
    made = agenda(slaves=(A, B), left=left)
    assert [covered(task) for task in made] == [
        (0, (0,), True),
        (Plan.of(Slicing(segments=3)).numbers[2], (0, 1), True),
    ]
    waiting = made.backlog()
    assert [leg for leg in waiting.legs if C in leg.slaves] == [
        StartedSegment(0, (C,), counts=False, resume=b"here"),
        StartedSegment(1, (C,)),
    ]
    assert [part for part in waiting.stretches if C in part.slaves] == [PendingSegments(2, (C,), counts=False)]


def test_a_slave_that_was_out_of_reach_at_the_start_has_everything_to_catch_up() -> None:
    """Its part of a job that has not begun counts nothing of the master, whose items the others count."""
    left = Backlog.whole([A], [C])
    assert left.stretches == (PendingSegments(0, (A,)), PendingSegments(0, (C,), counts=False))
    assert Backlog.whole([], [C]).stretches == (PendingSegments(0, (C,), counts=False),)


def test_a_worker_that_dies_is_replaced_a_few_times() -> None:
    """A task whose worker dies is handed out again from its last page, until it dies too often without progress."""
    made = agenda()
    task = next(made)
    made.advance(task, reached(b"here", 0))
    for _ in range(RESTARTS):
        assert made.retry(task)
        task = next(made)
        assert task.resume == b"here"
    made.advance(task, reached(b"there", 0))  # progress: it may die as often once more
    for _ in range(RESTARTS):
        assert made.retry(task)
        task = next(made)
        assert task.resume == b"there"
    assert not made.retry(task)
    made.leave(task)
    assert made.backlog().legs[-1].resume == b"there"


@pytest.mark.parametrize("moved", [b"", b"here"])
def test_a_task_that_is_parked_is_not_handed_out_again(moved: bytes) -> None:
    """The rest of a task that failed is left to another run."""
    made = agenda()
    task = next(made)
    if moved:
        made.advance(task, reached(moved))
    made.leave(task)
    assert task.number not in {other.number for other in made}
    assert StartedSegment(task.number, (A, B), resume=moved, log=0) in made.backlog().legs
