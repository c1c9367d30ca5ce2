"""One run: prepare, execute, and return its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from fastsync.aws.shared_cells import SharedCells
from fastsync.config.checks import check_picklable
from fastsync.config.config import Config
from fastsync.errors import ConfigError, CredentialsEnded, FastsyncError, Interrupted, OutputFailed
from fastsync.model.difference import Difference
from fastsync.model.policy import Policy
from fastsync.model.table import TableRef
from fastsync.output.metrics import MetricsFile
from fastsync.output.report_line import ReportLines
from fastsync.output.sink import Sink
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.identity import DescribedTables
from fastsync.plan.segments import Plan
from fastsync.plan.survey import Survey
from fastsync.run.coordinator import Audience, Coordinator
from fastsync.run.outcome import Outcome
from fastsync.run.preparation import Preparation, Prepared, prepare_run
from fastsync.run.result import make_result, make_statistics
from fastsync.workers.executor import Executor
from fastsync.workers.inline import InlineExecutor
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import ProcessExecutor
from fastsync.workers.processes.worker_process import start_fork_server
from fastsync.workers.spark.executor import Cluster, SparkExecutor, open_cluster


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
        if listeners and self._config.executor == "spark":
            raise ConfigError("listeners hear nothing of --executor spark: its tasks write differences into the report")
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"the policy must be a fastsync.Policy, not {type(policy).__name__}")
        check_picklable(policy)
        self._policy = policy
        self._listeners = tuple(listeners)
        self._sinks = tuple(sinks)
        self._announce = announce or (lambda _: None)

    def run(self) -> Result:
        """Do it. Safe to call again.

        Raises ConfigError or TableError where nothing could be compared, and UnexpectedError for whatever nobody
        foresaw, be it ours, a listener's or a sink's; report and statistics say then how far the run came. Nothing
        but a FastsyncError ever leaves it.
        """
        phase = Phase("preparing the run")
        try:
            return self._run_with_metrics(phase)
        except FastsyncError:
            raise
        except BaseException as error:
            raise unexpected(error, phase) from error

    def _run_with_metrics(self, phase: Phase) -> Result:
        metrics = MetricsFile(self._config.metrics_file)
        try:
            result = self._run_measured(metrics, phase)
        except FastsyncError as error:
            with suppress(OutputFailed):
                metrics.write_end(error.exit_code, False)
            raise
        try:
            metrics.write_end(result.exit_code, result.complete)
        except OutputFailed as error:
            return result.add_output_failure(error)
        return result

    def _run_measured(self, metrics: MetricsFile, phase: Phase) -> Result:
        config, cluster = self._config, None
        interrupt, outcome = Interrupt(config.max_duration), _empty_outcome(config)
        try:
            with ExitStack() as stack:
                if config.executor == "spark":  # first: it takes SIGINT for itself
                    cluster = stack.enter_context(open_cluster(config))
                    config = replace(config, parallel=cluster.cores if config.parallel == 1 else config.parallel)
                stack.enter_context(interrupt)
                folder = None if cluster is None else cluster.open_folder
                preparation: Preparation | None = None
                try:
                    preparation = stack.enter_context(prepare_run(config, self._policy, self._announce, folder))
                    if config.executor == "processes":
                        start_fork_server()
                    if cluster is not None:
                        cluster.check_version()
                    start = preparation.start(config.report_values or bool(self._listeners), interrupt.only_count)
                except Interrupted:
                    return _ended_early(config, interrupt, preparation)
                outcome = start.outcome
                executor = partial(_make_executor, config, cluster, start.found)
                self._work(start, executor, interrupt, metrics, phase)
                return make_result(outcome, interrupt)
        except Interrupted:  # the second signal has broken off what was waited for
            return make_result(outcome, interrupt)

    def _work(
        self,
        start: Prepared,
        executor: Callable[[Callable[[CredentialsEnded], object]], Executor],
        interrupt: Interrupt,
        metrics: MetricsFile,
        phase: Phase,
    ) -> None:
        """Do the job, and write down how far it came, whatever ends it."""
        config, outcome = self._config, start.outcome
        metrics.follow(partial(make_statistics, outcome))
        audience = Audience(self._listeners, (*self._sinks, metrics))
        job = Coordinator(start.agenda, start.deletes, outcome, start.journal, audience)
        at_work = executor(job.give_up)
        failures: list[FastsyncError] = []
        phase.has_read, phase.doing = True, "comparing"
        with _kept(failures, job, outcome):
            job.run(start.terms, config, at_work, interrupt, DescribedTables(start.found, config.retrying))
        if interrupt.timed_out and not job.finished:
            outcome.add_error(f"ended by --max-duration after {config.max_duration:g} s; not everything was reached")
        with _kept(failures, job, outcome), _output_failures_noted(outcome):
            start.journal.finish_report(make_result(outcome, interrupt).complete)
        with _kept(failures, job, outcome), _output_failures_noted(outcome):
            start.outputs.write_stats(make_result(outcome, interrupt).statistics)
        with _kept(failures, job, outcome):
            job.finish(make_result(outcome, interrupt).complete)
        if job.failure is not None:
            raise job.failure
        if failures:
            raise failures[0]


@contextmanager
def _output_failures_noted(outcome: Outcome) -> Iterator[None]:
    """Take an output that fails for an error of the run."""
    try:
        yield
    except OutputFailed as error:
        outcome.add_error(str(error))


@contextmanager
def _kept(failures: list[FastsyncError], job: Coordinator, outcome: Outcome) -> Iterator[None]:
    """Keep what ends the work, until report and statistics say how far it came; the checkpoint stays as it is."""
    try:
        yield
    except Interrupted:
        job.abandon()
    except BaseException as error:
        job.abandon()
        failures.append(
            error if isinstance(error, FastsyncError) else unexpected(error, Phase("comparing", has_read=True))
        )
        outcome.add_error(str(failures[-1]))


def _ended_early(config: Config, interrupt: Interrupt, preparation: Preparation | None) -> Result:
    """Write report and statistics of a run that a signal ended before its first page, as far as it had come.

    Where not even the local files were checked by then they stay as they are.
    """
    interrupt.only_count()
    outcome = _empty_outcome(config)
    if preparation is not None:
        with suppress(FastsyncError):  # the report cannot be written
            outcome = preparation.end_early()
        with _output_failures_noted(outcome):
            preparation.outputs.write_stats(make_result(outcome, interrupt).statistics)
    return make_result(outcome, interrupt)


def _empty_outcome(config: Config) -> Outcome:
    names = [str(ref) for ref in (config.master, *config.slaves)]
    strategy = config.strategy.or_lookup()
    return Outcome(names, strategy=strategy, plan=Plan.of(config.slicing), extras=False)


def _make_executor(
    config: Config, cluster: Cluster | None, found: Survey, ended: Callable[[CredentialsEnded], object]
) -> Executor:
    if cluster is not None:
        return SparkExecutor(cluster, config.parallel, ReportLines.of(config), partial(found.credentials, ended))
    ledger = SharedCells(1 + len(found.slaves))
    current = partial(found.shared_credentials, ledger, ended)
    if config.executor == "inline":
        return InlineExecutor(current, ledger)
    return ProcessExecutor(config.parallel, current, ledger)
