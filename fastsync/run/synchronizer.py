"""One run: prepare, execute, and return its result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastsync.compare.filter import Filter
from fastsync.config.checks import check_picklable
from fastsync.config.config import Config
from fastsync.errors import ConfigError, FastsyncError, Interrupted, OutputFailed
from fastsync.library.background import is_abandoned, iterate_over
from fastsync.library.logger import LoggerLog, log_result
from fastsync.library.progress import Progress, ProgressSink
from fastsync.model.difference import Difference
from fastsync.model.policy import Policy
from fastsync.model.table import AwsSession, TableRef
from fastsync.output.console.notices import CostNotice, PaceNotice, ReplicaNotice
from fastsync.output.metrics import MetricsFile
from fastsync.output.outputs import is_in_vain
from fastsync.output.sink import Audience, Sink
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.identity import DescribedTables
from fastsync.run.coordinator import Coordinator, Work
from fastsync.run.outcome import make_empty_outcome
from fastsync.run.place import Place, open_place
from fastsync.run.preparation import Preparation, Prepared, RunOptions, prepare_run
from fastsync.run.recorder import Ending, note_failed_output
from fastsync.run.result import make_result, make_statistics, measure_progress
from fastsync.run.tasks.delete_guard import Confirm
from fastsync.workers.interrupt import Interrupt

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fastsync.config.flag_types import Flags


class Synchronizer:
    """Compare a master with slaves and, where flags say so, repair the slaves.

    Tables are given as text (`us-east-1:orders`, or an ARN) or as TableRef; flags are the command line's in
    snake_case. `listeners` are called in this process with every Difference, `progress` with a Progress whenever a page
    is done. `session` and `slave_session`, of boto3 or botocore, stand in the place of `profile` and `slave_profile`.
    What a person may want to know goes to the logger "fastsync"; with `announce`, which is called with what
    there is to know before the work begins, nothing is logged. `confirm_deletes` is asked once, before anything is
    deleted, with the number of extras by slave; see `run.tasks.delete_guard.Confirm`. Raises ConfigError where a flag
    is wrong.

    `result` is that of the last run that has ended, None where none has.
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
        confirm_deletes: Confirm | None = None,
        session: AwsSession | None = None,
        slave_session: AwsSession | None = None,
        progress: Callable[[Progress], object] | bool | None = None,
        **flags: Unpack[Flags],
    ):
        bar = None if callable(progress) else progress
        self._config = Config.of(master, slaves, {**flags, "progress": bar}, (session, slave_session))
        self.result: Result | None = None
        self._underway: list[Interrupt] = []
        self._check_listeners(bool(listeners))
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"the policy must be a fastsync.Policy, not {type(policy).__name__}")
        check_picklable(policy)
        self._policy = policy
        self._listeners = tuple(listeners)
        self._progress = progress if callable(progress) else None
        self._log = None if announce else LoggerLog()
        self._sinks = tuple(sinks)
        if self._log is not None:
            self._sinks += (CostNotice(self._log), ReplicaNotice(self._log), PaceNotice(self._log))
            announce = self._log.info
        self._announce = announce or (lambda _: None)
        self._confirm = confirm_deletes

    def _check_listeners(self, some: bool) -> None:
        if some and self._config.executor == "spark":
            raise ConfigError("listeners hear nothing of --executor spark: its tasks write differences into the report")

    def cancel(self) -> None:
        """End what is underway as SIGINT does, from any thread or from a listener; `exit_code` is 130 then.

        Where no run is underway nothing happens.
        """
        for interrupt in tuple(self._underway):
            interrupt.cancel()

    def differences(self) -> Generator[Difference, None, Result]:
        """Yield every difference while the run is at work in a thread; raise what `run` raises.

        The run waits for whoever iterates. Where that ends early (`break`, `close()`), the run is cancelled, and is
        over when this has closed. `result` is there afterwards.
        """
        self._check_listeners(True)

        def run(listener: Callable[[Difference], object]) -> Result:
            return self._run(_Hearers((*self._listeners, listener), is_abandoned))

        return (yield from iterate_over(run, self.cancel))

    def run(self) -> Result:
        """Do it. Safe to call again.

        Raises ConfigError or TableError where nothing could be compared, and UnexpectedError for whatever nobody
        foresaw, be it ours, a listener's or a sink's; report and statistics say then how far the run came. Nothing
        but a FastsyncError ever leaves it.
        """
        return self._run(_Hearers(self._listeners))

    def _run(self, hearers: _Hearers) -> Result:
        phase = Phase("preparing the run")
        try:
            result = self._run_with_metrics(hearers, phase)
        except FastsyncError:
            raise
        except BaseException as error:
            raise unexpected(error, phase) from error
        if self._log is not None:
            log_result(result, self._log)
        self.result = result
        return result

    def _run_with_metrics(self, hearers: _Hearers, phase: Phase) -> Result:
        metrics = MetricsFile(self._config.metrics_file)
        try:
            result = self._run_measured(hearers, metrics, phase)
        except FastsyncError as error:
            with suppress(OutputFailed):
                metrics.write_end(error.exit_code, False)
            raise
        try:
            metrics.write_end(result.exit_code, result.complete)
        except OutputFailed as error:
            return result.add_output_failure(error)
        return result

    def _run_measured(self, hearers: _Hearers, metrics: MetricsFile, phase: Phase) -> Result:
        config = self._config
        interrupt = Interrupt(config.max_duration, in_vain=lambda: is_in_vain(config) or hearers.left())
        interrupt.announce = self._announce
        outcome = make_empty_outcome(config, config.slicing, extras=False)
        try:
            with ExitStack() as stack:
                place = stack.enter_context(self._open_place())  # first: Spark takes SIGINT for itself
                stack.enter_context(interrupt)
                stack.enter_context(self._cancellable(interrupt))
                preparation: Preparation | None = None
                try:
                    preparation = stack.enter_context(prepare_run(self._make_options(place, hearers)))
                    place.check(self._policy)
                    prepared = preparation.start(interrupt.begin_work)
                except Interrupted:
                    return _end_early(config, interrupt, preparation)
                outcome = prepared.work.outcome
                metrics.follow(partial(make_statistics, outcome))
                audience = Audience(hearers.listeners, (*self._make_sinks(prepared.work), metrics))
                self._work(prepared, place, interrupt, audience, phase)
                return make_result(outcome, interrupt)
        except Interrupted:  # the second signal has broken off what was waited for
            return make_result(outcome, interrupt)

    def _open_place(self) -> AbstractContextManager[Place]:
        return open_place(self._config)

    @contextmanager
    def _cancellable(self, interrupt: Interrupt) -> Iterator[None]:
        """Let `cancel` reach the run in this block."""
        self._underway.append(interrupt)
        try:
            yield
        finally:
            self._underway.remove(interrupt)

    def _make_sinks(self, work: Work) -> tuple[Sink, ...]:
        if self._progress is None:
            return self._sinks
        return (
            *self._sinks,
            ProgressSink(self._progress, partial(measure_progress, work.outcome, work.terms.expected_items)),
        )

    def _make_options(self, place: Place, hearers: _Hearers) -> RunOptions:
        return RunOptions(
            config=place.config,
            policy=self._policy,
            values=self._config.needs_values or bool(hearers.listeners),
            whole_items=bool(hearers.listeners),
            announce=self._announce,
            find_room=place.find_room,
            open_folder=place.open_folder,
            shared=place.shared,
            whole_below=place.whole_below,
        )

    def _work(self, prepared: Prepared, place: Place, interrupt: Interrupt, audience: Audience, phase: Phase) -> None:
        """Do the work, and write down how far it came, whatever ends it."""
        config, outcome, journal = self._config, prepared.work.outcome, prepared.work.journal
        chosen = Filter(config.where)
        tables = DescribedTables(prepared.found, config.retrying, chosen.chooses if chosen.active else None)
        coordinator = Coordinator(prepared.work, audience, config, interrupt, tables, confirm=self._confirm)
        executor = place.make_executor(prepared.found, prepared.parallel, coordinator.give_up)
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


@dataclass(frozen=True)
class _Hearers:
    """Who hears of each difference of one run; `left` returns whether nobody does any more."""

    listeners: tuple[Callable[[Difference], object], ...]
    left: Callable[[], bool] = lambda: False


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
            preparation.files.outputs.write_stats(make_result(outcome, interrupt).statistics)
    return make_result(outcome, interrupt)
