"""Synchronizer: describe → check → plan → execute → feed the sinks → Result."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Protocol

from fastsync import undolog
from fastsync.config import Config, check_picklable
from fastsync.difference import Difference, Effect, Tally, Verdict
from fastsync.errors import ConfigError, OutputFailed
from fastsync.events import DeleteTask, Event, PageDone, SegmentTask, Task, TaskFailed, Terms
from fastsync.executors.inline import InlineExecutor
from fastsync.executors.processes import ProcessExecutor, warm_up
from fastsync.extras import WaitingExtras, refusal
from fastsync.interrupt import Interrupt, Interrupted
from fastsync.outcome import Outcome
from fastsync.plan import Plan
from fastsync.policy import Policy
from fastsync.preflight import Survey, start_key, survey
from fastsync.sinks.progress import Sink
from fastsync.sinks.report import Report, open_output, write_stats
from fastsync.table import TableRef

DELETES_PER_TASK = 1000
"""Extras in one task of deletes: read again and deleted together by one worker."""


class Executor(Protocol):
    """Where tasks run."""

    def run(self, tasks: Iterable[Task], interrupt: Interrupt) -> Generator[tuple[Task, Event], None, None]:
        """Yield every task's events."""


@dataclass(frozen=True)
class Result:
    """What a run came to: `stats` is what `--stats` writes, `exit_code` what the command line returns.

    `warnings` tell what a safety limit refused, and why; `notes` what else is worth knowing.
    """

    stats: dict[str, Any]
    complete: bool
    errors: list[str]
    exit_code: int
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Synchronizer:
    """Compare a master with slaves and, where flags say so, repair the slaves.

    Tables are given as text (`us-east-1:orders`, or an ARN) or as TableRef; flags are the command line's in
    snake_case. `listeners` are called in this process with every Difference. Raises ConfigError where a flag is wrong.
    """

    def __init__(
        self,
        master: str | TableRef,
        slaves: str | TableRef | Sequence[str | TableRef],
        *,
        policy: Policy | None = None,
        listeners: Sequence[Callable[[Difference], object]] = (),
        sinks: Sequence[Sink] = (),
        **flags: Any,
    ):
        self._config = Config.of(master, slaves, flags)
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"the policy must be a fastsync.Policy, not {type(policy).__name__}")
        check_picklable(policy)
        self._policy = policy
        self._listeners = tuple(listeners)
        self._sinks = tuple(sinks)

    def run(self) -> Result:
        """Do it; raise ConfigError or TableError where nothing could be compared. Safe to call again."""
        config = self._config
        with Interrupt() as interrupt:
            try:
                if config.executor == "processes":
                    warm_up()
                found = survey(config)
                terms = self._terms(found)
                plan = Plan.of(config.slicing, found.largest)
                tasks = _tasks(config, terms, plan)
                if config.undo_log is not None:
                    undolog.create(config.undo_log)
                report = None if config.report is None else Report(config)
                stats_file = None if config.stats is None else open_output(config.stats, "--stats")
                interrupt.hold()
            except Interrupted:
                plan = Plan.of(config.slicing)
                return _result(Outcome(config.master, config.slaves, _STRATEGY, plan, False), interrupt)
            unfit = [ref for ref, _ in found.unfit]
            names = [*(side.table.ref for side in found.slaves), *unfit]
            outcome = Outcome(config.master, names, _STRATEGY, plan, terms.repairing.find_extras)
            for _, error in found.unfit:
                outcome.fail(error)
            job = _Job(config, terms, outcome, report=report, listeners=self._listeners, sinks=self._sinks)
            job.do(_executor(config, found), tasks, interrupt)
            try:
                job.finish(_result(outcome, interrupt))
            except OutputFailed as error:
                outcome.fail(str(error))
            try:
                if stats_file is not None:
                    write_stats(stats_file, _result(outcome, interrupt).stats)
            except OutputFailed as error:
                outcome.fail(str(error))
            return _result(outcome, interrupt)

    def _terms(self, found: Survey) -> Terms:
        config = self._config
        values = config.report_values or bool(self._listeners)
        parts = (config.reading, config.retrying, config.judging, config.repairing)
        return Terms(found.master, found.slaves, *parts, self._policy, values)


_STRATEGY = "lookup"


def _tasks(config: Config, terms: Terms, plan: Plan) -> Iterator[Task]:
    first = None if config.starting_key is None else start_key(config.starting_key, terms.master.table.keys)
    return (SegmentTask(terms, number, plan.total, first) for number in plan.numbers)


def _executor(config: Config, found: Survey) -> Executor:
    if config.executor == "inline":
        return InlineExecutor(found.credentials)
    return ProcessExecutor(config.parallel, found.credentials)


def _result(outcome: Outcome, interrupt: Interrupt) -> Result:
    outcome.end()
    outcome.interrupted = interrupt.exit_code
    stats = outcome.stats()
    return Result(stats, outcome.complete, stats["errors"], outcome.exit_code, outcome.warnings(), outcome.notes())


class _Job:
    """The run at work: events go to the outcome, the report, the listeners and the sinks; extras wait for the end."""

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

    def finish(self, result: Result) -> None:
        """Close the report."""
        if self._report is not None:
            self._report.close(result.complete)

    def _follow(self, running: Generator[tuple[Task, Event], None, None]) -> None:
        with closing(running) as events:
            for task, event in events:
                self._outcome.add(event, task)
                if isinstance(event, PageDone):
                    self._take_in(event)
                if isinstance(event, TaskFailed) and event.fatal:
                    self._interrupt.end()
                if isinstance(event, TaskFailed) and isinstance(task, DeleteTask):
                    self._leave(task, Effect.FAILED, event.error)

    def _take_in(self, page: PageDone) -> None:
        try:
            for extra in page.extras:
                self._waiting[self._place[extra.slave]].add(extra)
        except OutputFailed as error:
            self._give_up(error)
        self._tell(page)

    def _give_up(self, error: OutputFailed) -> None:
        """Ask workers to end after the pages at hand: what they write until then is still counted."""
        self._outcome.fail(str(error))
        self._interrupt.end()

    def _tell(self, page: PageDone) -> None:
        try:
            if self._report is not None:
                self._report.add(page.differences)
        except OutputFailed as error:
            self._report = None
            self._give_up(error)
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
        for extras in waiting.chunks(DELETES_PER_TASK):
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
