"""Deletes: every waiting extra is handed out once or told as left alone, whatever becomes of the task it is in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fastsync.model.difference import Difference, Effect, Tally, Verdict
from fastsync.model.messages.events import PageDone, TaskFailed
from fastsync.model.settings import Repairing
from fastsync.run.tasks.delete_guard import Found, Refusal
from fastsync.run.tasks.deletes import PER_TASK, Chunks, Deletes
from fastsync.run.tasks.source import RESTARTS
from fastsync.run.tasks.waiting_extras import WaitingExtras
from tests.unit.builders import A, B, difference, terms

COUNT = 2 * PER_TASK + 500
PAGE = PageDone(Tally(), (), resume=b"done")


def waiting(name: str, count: int) -> WaitingExtras:
    """Give so many extras of a slave that wait."""
    made = WaitingExtras()
    for number in range(count):
        made.add_extra(difference(name, number, Verdict.EXTRA))
    return made


def deletes(done: Mapping[str, Chunks] | None = None, **counts: int) -> Deletes:
    """Give the deletes of a run on slaves A and B, of which so many extras wait."""
    both = terms(A, B, repairing=Repairing(delete_extra=True))
    return Deletes(both, {A: waiting(A, counts.get("a", 0)), B: waiting(B, counts.get("b", 0))}, done or {})


def left_alone(made: Deletes) -> list[Difference]:
    return [extra for page in made.not_deleted() for extra in page.differences]


def test_every_extra_is_in_one_task() -> None:
    """Tasks hold up to so many extras of one slave, each once, one slave after the other."""
    made = deletes(a=COUNT, b=1)
    tasks = list(made)
    assert [(task.slave, task.number, len(task.keys)) for task in tasks] == [
        (0, 0, PER_TASK), (0, 1, PER_TASK), (0, 2, 500), (1, 0, 1)
    ]  # fmt: skip
    assert len({key for task in tasks for key in task.keys if task.slave == 0}) == COUNT
    assert made.some_left
    for task in tasks:
        made.advance(task, PAGE)
    assert not made.some_left
    assert left_alone(made) == []
    assert made.done_chunks() == {A: Chunks(PER_TASK, (0, 1, 2)), B: Chunks(PER_TASK, (0,))}


def test_what_an_earlier_run_did_is_not_done_again() -> None:
    """A run that goes on hands out the other chunks, cut as they were then."""
    made = deletes({A: Chunks(700, (0, 2))}, a=2000)
    assert [(task.number, len(task.keys)) for task in made] == [(1, 700)]
    assert len(left_alone(made)) == 700


def test_a_slave_whose_deletes_are_refused_keeps_its_extras() -> None:
    """Refused extras are handed out to nobody, and told with the reason; the other slave's are deleted."""
    made = deletes(a=2, b=3)
    made.refused = {A: Refusal("too many"), B: None}
    (task,) = made
    made.advance(task, PAGE)
    assert task.slave == 1
    assert [(each.slave, each.action, each.error) for each in left_alone(made)] == [(A, Effect.REFUSED, "too many")] * 2
    assert not made.some_left


def test_a_task_that_failed() -> None:
    """Extras of a failed task are told as failed with its error; those of a task that never began are not."""
    made = deletes(a=PER_TASK + 1)
    first = next(made)
    made.leave(first, TaskFailed("denied"))
    told = left_alone(made)
    assert [each.action for each in told] == [Effect.FAILED] * PER_TASK + [Effect.NONE]
    assert {each.error for each in told} == {"denied", None}
    assert made.some_left


def test_a_worker_that_dies() -> None:
    """A task is handed out again a few times, but never once what came of it is on record."""
    made = deletes(a=1, b=1)
    task = next(made)
    for _ in range(RESTARTS):
        assert made.retry(task)
        task = next(made)
        assert task.keys == (b'{"id": {"S": "0"}}',)
    assert not made.retry(task)
    other = next(made)
    made.advance(other, PAGE)
    assert not made.retry(other)


@pytest.mark.parametrize(
    ("same", "extras", "scanned", "settled", "refused"),
    [
        (20, 20, 20, 0, True),
        (19, 2, 20, 0, True),
        (18, 2, 20, 0, False),
        (19, 2, 20, 1, False),
        (20, 20, 20, 1, True),
        (9_990, 110, 10_000, 1, False),
        (9_990, 111, 10_000, 1, True),
        (None, 20, 20, 0, False),
    ],
)
def test_items_that_are_the_same_and_extra(
    same: int | None, extras: int, scanned: int, settled: int, refused: bool
) -> None:
    """At rest one item that is both is a reason to refuse; where tables move, one in a hundred is not."""
    assert Found(extras, scanned, same=same, settled=settled).contradicts is refused
