"""The run at work: what it came to is complete only where nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path

import pytest

from fastsync.config.config import Config
from fastsync.config.slicing import Slicing
from fastsync.model.difference import Difference, Verdict
from fastsync.model.messages.events import Event, TaskDone
from fastsync.output.sink import Audience
from fastsync.plan.segments import Plan
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.checkpoints.journal import Journal
from fastsync.run.coordinator import UNFINISHED, Coordinator, Work
from fastsync.run.outcome import Outcome
from fastsync.run.result import choose_exit_code
from fastsync.run.tasks.agenda import Agenda, Backlog, PendingSegments, StartedSegment
from fastsync.run.tasks.deletes import Deletes
from fastsync.run.tasks.waiting_extras import WaitingExtras
from fastsync.workers.executor import T
from fastsync.workers.interrupt import Interrupt
from tests.unit.builders import MASTER, A, B, terms

TERMS = terms(A)
LEFT = {
    "nothing": (Backlog.whole([A], []), 0, []),
    "a stretch of an unknown slave": (
        Backlog((), (PendingSegments(0, (A,)), PendingSegments(0, (B,), counts=False))),
        4,
        [UNFINISHED],
    ),
    "a leg of an unknown slave": (
        Backlog((StartedSegment(1, (B,), counts=False),), (PendingSegments(0, (A,)),)),
        4,
        [UNFINISHED],
    ),
}


class Executor:
    """Say of the tasks that are known that each is done."""

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        for task in tasks:
            yield task, TaskDone()


class Unchanged:
    """Say of all tables that they are what they were."""

    master = MASTER

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> Mapping[str, str]:
        return {}

    def find_any_item(self) -> tuple[bool, float]:
        return True, 0.0


@pytest.mark.parametrize("case", LEFT)
def test_a_run_is_complete_only_where_nothing_is_left(case: str, tmp_path: Path) -> None:
    """A run that ends with segments left for a slave is incomplete (4) and says so, though no task failed."""
    left, exit_code, errors = LEFT[case]
    plan = Plan.of(Slicing(segments=3))
    outcome = Outcome([MASTER, A], strategy="lookup", plan=plan, extras=False)
    extras = {A: WaitingExtras()}
    record = Journal(Checkpoint({}, {}, "lookup", 3, left, outcome.totals()), None, None, extras)
    work = Work(TERMS, Agenda(TERMS, plan, left), Deletes(TERMS, extras, {}), outcome, record)
    config = Config.of(MASTER, [A], {})
    Coordinator(work, Audience((), ()), config, Interrupt(), Unchanged()).run(Executor())
    assert (choose_exit_code(outcome), outcome.complete, outcome.errors) == (exit_code, exit_code == 0, errors)


def test_extras_that_were_not_reached_are_work_left() -> None:
    """A run that was to delete extras and did not reach them is incomplete."""
    plan = Plan.of(Slicing(segments=3))
    outcome = Outcome([MASTER, A], strategy="lookup", plan=plan, extras=True)
    outcome.slaves[0].compared, outcome.slaves[0].scanned = 5, 1
    extras = {A: WaitingExtras()}
    extras[A].add_extra(Difference(A, Verdict.EXTRA, {"id": {"S": "x"}}))
    left = Backlog.whole([A], [])
    record = Journal(Checkpoint({}, {}, "lookup", 3, left, outcome.totals()), None, None, extras)
    work = Work(TERMS, Agenda(TERMS, plan, left), Deletes(TERMS, extras, {}), outcome, record)
    config = Config.of(MASTER, [A], {"delete_extra": True})
    Coordinator(work, Audience((), ()), config, Interrupt(), Unchanged()).run(Executor())
    assert (choose_exit_code(outcome), outcome.errors) == (4, [UNFINISHED])
