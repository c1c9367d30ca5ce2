"""One run: prepare, execute, and return its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fastsync import __version__
from fastsync.aws.shared_cells import SharedCells
from fastsync.config.checks import check_picklable
from fastsync.config.config import Config
from fastsync.errors import ConfigError, CredentialsEnded, FastsyncError, Interrupted, OutputFailed
from fastsync.model.difference import Difference
from fastsync.model.policy import Policy
from fastsync.model.table import TableRef
from fastsync.output.metrics import MetricsFile
from fastsync.output.outputs import is_in_vain
from fastsync.output.report_folder import PartStore
from fastsync.output.report_line import ReportLines
from fastsync.output.sink import Audience, Sink
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.identity import DescribedTables
from fastsync.plan.survey import Survey
from fastsync.run.coordinator import Coordinator
from fastsync.run.outcome import make_empty_outcome
from fastsync.run.preparation import Preparation, Prepared, RunOptions, prepare_run
from fastsync.run.recorder import Ending, note_failed_output
from fastsync.run.result import make_result, make_statistics
from fastsync.workers.executor import Executor
from fastsync.workers.inline import InlineExecutor
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import ProcessExecutor
from fastsync.workers.processes.fork_server import start_fork_server
from fastsync.workers.spark.cluster import Cluster, open_cluster
from fastsync.workers.spark.executor import SparkExecutor

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fastsync.config.flag_types import Flags


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
        progress: bool | None = None,
        **flags: Unpack[Flags],
    ):
        self._config = Config.of(master, slaves, {**flags, "progress": progress})
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
        config = self._config
        interrupt = Interrupt(config.max_duration, in_vain=partial(is_in_vain, config))
        interrupt.announce = self._announce
        outcome = make_empty_outcome(config, config.slicing, extras=False)
        try:
            with ExitStack() as stack:
                place = stack.enter_context(_open_place(config))  # first: Spark takes SIGINT for itself
                stack.enter_context(interrupt)
                preparation: Preparation | None = None
                try:
                    preparation = stack.enter_context(prepare_run(self._make_options(place)))
                    place.check(self._policy)
                    prepared = preparation.start(interrupt.only_count)
                except Interrupted:
                    return _end_early(config, interrupt, preparation)
                outcome = prepared.work.outcome
                self._work(prepared, place, interrupt, metrics, phase)
                return make_result(outcome, interrupt)
        except Interrupted:  # the second signal has broken off what was waited for
            return make_result(outcome, interrupt)

    def _make_options(self, place: _Place) -> RunOptions:
        return RunOptions(
            config=place.config,
            policy=self._policy,
            values=self._config.report_values or bool(self._listeners),
            announce=self._announce,
            open_folder=place.open_folder,
        )

    def _work(
        self, prepared: Prepared, place: _Place, interrupt: Interrupt, metrics: MetricsFile, phase: Phase
    ) -> None:
        """Do the work, and write down how far it came, whatever ends it."""
        config, outcome, journal = self._config, prepared.work.outcome, prepared.work.journal
        metrics.follow(partial(make_statistics, outcome))
        audience = Audience(self._listeners, (*self._sinks, metrics))
        tables = DescribedTables(prepared.found, config.retrying)
        coordinator = Coordinator(prepared.work, audience, config, interrupt, tables)
        executor = place.make_executor(prepared.found, coordinator.give_up)
        ending = Ending(outcome, "comparing", coordinator.abandon)
        phase.has_read, phase.doing = True, "comparing"
        with ending.step():
            coordinator.run(executor)
        if interrupt.timed_out and not coordinator.finished:
            outcome.add_error(f"ended by --max-duration after {config.max_duration:g} s; not everything was reached")
        with ending.step(), note_failed_output(outcome):
            journal.finish_report(make_result(outcome, interrupt).complete)
        with ending.step(), note_failed_output(outcome):
            prepared.outputs.write_stats(make_result(outcome, interrupt).statistics)
        with ending.step():
            coordinator.finish(make_result(outcome, interrupt).complete)
        ending.raise_failure(coordinator.failure)


def _end_early(config: Config, interrupt: Interrupt, preparation: Preparation | None) -> Result:
    """Write report and statistics of a run that a signal ended before its first page, as far as it had come.

    Where not even the local files were checked by then they stay as they are.
    """
    interrupt.only_count()
    outcome = make_empty_outcome(config, config.slicing, extras=False)
    if preparation is not None:
        with suppress(FastsyncError):  # the report cannot be written
            outcome = preparation.end_early()
        with note_failed_output(outcome):
            preparation.outputs.write_stats(make_result(outcome, interrupt).statistics)
    return make_result(outcome, interrupt)


class _Place:
    """Where the tasks of a run are worked on: in this process, or in others on this machine."""

    def __init__(self, config: Config):
        self.config = config
        self.open_folder: Callable[[str], PartStore] | None = None

    def check(self, policy: Policy | None) -> None:
        """Get ready once local files are checked; raise ConfigError."""
        if self.config.executor == "processes":
            start_fork_server(self.config.parallel, policy)

    def make_executor(self, found: Survey, ended: Callable[[CredentialsEnded], object]) -> Executor:
        """Return the executor for these tables; `ended` is called with credentials that end in mid-run."""
        cells = SharedCells(1 + len(found.slaves))
        current = partial(found.shared_credentials, cells, ended)
        if self.config.executor == "inline":
            return InlineExecutor(current, cells)
        return ProcessExecutor(self.config.parallel, current, cells)


class _SparkPlace(_Place):
    """A Spark cluster, whose tasks write the report."""

    def __init__(self, config: Config, cluster: Cluster):
        parallel = cluster.cores if config.parallel == 1 else config.parallel
        super().__init__(replace(config, parallel=parallel))
        self.open_folder = cluster.open_folder
        self._cluster = cluster

    def check(self, policy: Policy | None) -> None:
        """Raise ConfigError where the cluster has another version of fastsync."""
        self._cluster.check_version()

    def make_executor(self, found: Survey, ended: Callable[[CredentialsEnded], object]) -> Executor:
        """Return the executor for these tables; `ended` is called with credentials that end in mid-run."""
        lines = ReportLines.of(self.config)
        return SparkExecutor(self._cluster, self.config.parallel, lines, partial(found.credentials, ended))


@contextmanager
def _open_place(config: Config) -> Iterator[_Place]:
    if config.executor != "spark":
        yield _Place(config)
        return
    with open_cluster(config.repairing, __version__) as cluster:
        yield _SparkPlace(config, cluster)
