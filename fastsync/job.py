"""The run at work: events go to the outcome, the report, the listeners and the sinks; extras wait for the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Protocol

from fastsync.config import Config
from fastsync.difference import Difference, Effect, Tally, Verdict
from fastsync.errors import IncompleteError, OutputFailed
from fastsync.events import DeleteTask, Event, PageDone, SlaveLost, Task, TaskFailed, Terms
from fastsync.extras import WaitingExtras, refusal
from fastsync.interrupt import Interrupt
from fastsync.limits import at_once
from fastsync.outcome import Outcome
from fastsync.sinks.progress import Sink
from fastsync.sinks.report import Report

DELETES_PER_TASK = 1000
"""Extras in one task of deletes: read again and deleted together by one worker."""


class Executor(Protocol):
    """Where tasks run."""

    def run(self, tasks: Iterable[Task], interrupt: Interrupt) -> Generator[tuple[Task, Event], None, None]:
        """Yield every task's events."""


class Job:
    """Follow the tasks of one run to their end."""

    def __init__(
        self,
        config: Config,
        terms: Terms,
        outcome: Outcome,
        *,
        report: Report | None,
        listeners: Sequence[Callable[[Difference], object]],
        sinks: Sequence[Sink],
    ):
        self._config = config
        self._terms = terms
        self._outcome = outcome
        self._report = report
        self._listeners = listeners
        self._sinks = sinks
        self._waiting = [WaitingExtras() for _ in terms.slaves]
        self._place = {str(side): place for place, side in enumerate(terms.slaves)}

    def do(self, executor: Executor, tasks: Iterable[Task], interrupt: Interrupt) -> None:
        """Compare every segment, then delete what may be deleted. An output that fails ends the work."""
        for sink in self._sinks:
            sink.begin(self._terms)
        self._interrupt = interrupt
        self._follow(executor.run(tasks, interrupt))
        # settled before the first delete: one that fails says nothing about what is an extra
        doubts = [self._outcome.task_failed or slave in self._outcome.slaves_lost for slave in self._slaves]
        deletes = chain.from_iterable(self._deletes(slave, doubts[slave]) for slave in self._slaves)
        if not interrupt.count:
            self._follow(executor.run(deletes, interrupt))
        for task in deletes:
            self._leave(task, Effect.NONE, None)
        for sink in self._sinks:
            sink.end()

    def finish(self, complete: bool) -> None:
        """Close the report."""
        if self._report is not None:
            self._report.close(complete)

    def give_up(self, error: IncompleteError) -> None:
        """Ask workers to end after the pages at hand: what they write until then is still counted."""
        self._outcome.fail(str(error))
        self._interrupt.end()

    def _follow(self, running: Generator[tuple[Task, Event], None, None]) -> None:
        with closing(running) as events:
            for task, event in events:
                self._outcome.add(event, task)
                if isinstance(event, PageDone):
                    self._take_in(event)
                if isinstance(event, TaskFailed | SlaveLost) and event.fatal:
                    self._interrupt.end()
                if isinstance(event, TaskFailed) and isinstance(task, DeleteTask):
                    self._leave(task, Effect.FAILED, event.error)

    def _take_in(self, page: PageDone) -> None:
        try:
            for extra in page.extras:
                self._waiting[self._place[extra.slave]].add(extra)
        except OutputFailed as error:
            self.give_up(error)
        self._tell(page)

    def _tell(self, page: PageDone) -> None:
        try:
            if self._report is not None:
                self._report.add(page.differences)
        except OutputFailed as error:
            self._report = None
            self.give_up(error)
        for listener in self._listeners:
            for difference in page.differences:
                listener(difference)
        for sink in self._sinks:
            sink.page(page)

    @property
    def _slaves(self) -> range:
        return range(len(self._waiting))

    def _deletes(self, slave: int, doubtful: bool) -> Iterator[DeleteTask]:
        """Make tasks of the deletes of one slave, or tell why they are refused."""
        waiting = self._waiting[slave]
        error = refusal(
            waiting.count,
            self._outcome.slaves[slave].scanned,
            self._config.delete_limit,
            doubtful,
            self._outcome.master.scanned == 0 and not self._config.allow_empty_master,
        )
        pace = self._terms.slaves[slave].pace
        rates = (self._terms.master.pace.reads, pace.reads, pace.writes)
        for extras in waiting.chunks(at_once(rates, DELETES_PER_TASK) or DELETES_PER_TASK):
            if error is None:
                yield DeleteTask(self._terms, slave, tuple(json.dumps(extra.key).encode() for extra in extras))
            else:
                self._tell_left(slave, [replace(extra, action=Effect.REFUSED, error=error) for extra in extras])

    def _leave(self, task: DeleteTask, effect: Effect, error: str | None) -> None:
        """Tell of extras that were to be deleted and, as far as is known, were not."""
        name = str(task.terms.slaves[task.slave])
        keys = map(json.loads, task.keys)
        self._tell_left(task.slave, [Difference(name, Verdict.EXTRA, key, (), effect, error) for key in keys])

    def _tell_left(self, slave: int, extras: Sequence[Difference]) -> None:
        tallies = tuple(Tally() for _ in self._waiting)
        for extra in extras:
            tallies[slave].count(extra)
        page = PageDone(Tally(), tallies, tuple(extras))
        self._outcome.add(page)
        self._tell(page)
