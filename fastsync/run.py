"""Synchronizer: describe → check → plan → execute → feed the sinks → Result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from fastsync import undolog
from fastsync.aws.credentials import Credentials
from fastsync.choice import Choice, choose
from fastsync.config import Config, check_picklable
from fastsync.difference import Difference
from fastsync.errors import ConfigError, FastsyncError, IncompleteError, OutputFailed
from fastsync.events import SegmentTask, Task, Terms
from fastsync.executors.inline import InlineExecutor
from fastsync.executors.processes import ProcessExecutor, warm_up
from fastsync.interrupt import Interrupt, Interrupted
from fastsync.job import Executor, Job
from fastsync.ledger import Ledger
from fastsync.limits import at_once
from fastsync.outcome import Outcome
from fastsync.plan import Plan
from fastsync.policy import Policy
from fastsync.preflight import Survey, start_key, survey
from fastsync.sinks.metrics import MetricsFile
from fastsync.sinks.progress import Sink
from fastsync.sinks.report import Report, open_output, write_stats
from fastsync.table import TableRef


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

    def without(self, output: OutputFailed) -> Result:
        """Give this result as it is where its last output could not be written."""
        code = self.exit_code if self.exit_code in (3, 5, 130, 143) else IncompleteError.exit_code
        errors = [*self.errors, str(output)]
        stats = {**self.stats, "complete": False, "errors": errors}
        return replace(self, stats=stats, complete=False, errors=errors, exit_code=code)


class Synchronizer:
    """Compare a master with slaves and, where flags say so, repair the slaves.

    Tables are given as text (`us-east-1:orders`, or an ARN) or as TableRef; flags are the command line's in
    snake_case. `listeners` are called in this process with every Difference, `announce` with what a person may want to
    know before the work begins. Raises ConfigError where a flag is wrong.
    """

    def __init__(
        self,
        master: str | TableRef,
        slaves: str | TableRef | Sequence[str | TableRef],
        *,
        policy: Policy | None = None,
        listeners: Sequence[Callable[[Difference], object]] = (),
        sinks: Sequence[Sink] = (),
        announce: Callable[[str], object] | None = None,
        **flags: Any,
    ):
        self._config = Config.of(master, slaves, flags)
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"the policy must be a fastsync.Policy, not {type(policy).__name__}")
        check_picklable(policy)
        self._policy = policy
        self._listeners = tuple(listeners)
        self._sinks = tuple(sinks)
        self._announce = announce or (lambda _: None)

    def run(self) -> Result:
        """Do it; raise ConfigError or TableError where nothing could be compared. Safe to call again."""
        metrics = MetricsFile(self._config.metrics_file)
        try:
            result = self._run(metrics)
        except FastsyncError as error:
            with suppress(OutputFailed):
                metrics.ended(error.exit_code, False)
            raise
        try:
            metrics.ended(result.exit_code, result.complete)
        except OutputFailed as error:
            return result.without(error)
        return result

    def _run(self, metrics: MetricsFile) -> Result:
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
                choice = self._chosen(found, plan)
                interrupt.hold()
            except Interrupted:
                return result_of(_nothing_done(config), interrupt)
            unfit = [ref for ref, _ in found.unfit]
            names = [*(side.table.ref for side in found.slaves), *unfit]
            outcome = Outcome(config.master, names, choice.strategy, plan, terms.repairing.find_extras)
            outcome.expect(choice.forecast, choice.probed)
            for _, error in found.unfit:
                outcome.fail(error)
            metrics.follow(outcome.stats)
            sinks = (*self._sinks, metrics)
            job = Job(config, terms, outcome, report=report, listeners=self._listeners, sinks=sinks)
            job.do(_executor(config, len(found.slaves), lambda: found.credentials(job.give_up)), tasks, interrupt)
            try:
                job.finish(result_of(outcome, interrupt).complete)
            except OutputFailed as error:
                outcome.fail(str(error))
            try:
                if stats_file is not None:
                    write_stats(stats_file, result_of(outcome, interrupt).stats)
            except OutputFailed as error:
                outcome.fail(str(error))
            return result_of(outcome, interrupt)

    def _chosen(self, found: Survey, plan: Plan) -> Choice:
        """Choose a strategy, which may read an item of a slave: only once nothing can be wrong with the flags."""
        choice = choose(self._config, found, plan)
        if self._config.strategy == "auto":
            self._announce(str(choice))
        return choice

    def _terms(self, found: Survey) -> Terms:
        config = self._config
        values = config.report_values or bool(self._listeners)
        reading = config.reading
        if config.write_missing or config.write_differing:  # a page is done when all its differences are written
            writes = (side.pace.writes for side in found.slaves)
            reading = replace(reading, scan_limit=at_once(writes, reading.scan_limit))
        parts = (reading, config.retrying, config.judging, config.repairing)
        return Terms(found.master, found.slaves, *parts, self._policy, values)


def _nothing_done(config: Config) -> Outcome:
    strategy = "lookup" if config.strategy == "auto" else config.strategy
    return Outcome(config.master, config.slaves, strategy, Plan.of(config.slicing), False)


def _tasks(config: Config, terms: Terms, plan: Plan) -> Iterator[Task]:
    first = None if config.starting_key is None else start_key(config.starting_key, terms.master.table.keys)
    return (SegmentTask(terms, number, plan.total, first) for number in plan.numbers)


def _executor(config: Config, slaves: int, current: Callable[[], Sequence[Credentials]]) -> Executor:
    ledger = Ledger(1 + slaves)
    if config.executor == "inline":
        return InlineExecutor(current, ledger)
    return ProcessExecutor(config.parallel, current, ledger)


def result_of(outcome: Outcome, interrupt: Interrupt) -> Result:
    """Give what a run came to; from here on its clock stands."""
    outcome.end()
    outcome.interrupted = interrupt.exit_code
    stats = outcome.stats()
    return Result(stats, outcome.complete, stats["errors"], outcome.exit_code, outcome.warnings(), outcome.notes())
