"""Start: everything that is found, checked and opened before the first page is read, afresh or where a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from fastsync import undolog
from fastsync.choice import Choice, choose, expected
from fastsync.config import Config
from fastsync.deletes import Deletes
from fastsync.digest import new_seed
from fastsync.errors import ConfigError, FastsyncError, OutputFailed
from fastsync.events import Terms
from fastsync.extras import WHAT as EXTRAS
from fastsync.extras import WaitingExtras
from fastsync.interrupt import Interrupted
from fastsync.keytext import typed_key
from fastsync.legs import Agenda, Left
from fastsync.limits import at_once
from fastsync.mark import NOTHING, check
from fastsync.outcome import NOTHING_COUNTED, Outcome
from fastsync.parts import Reading
from fastsync.plan import Plan
from fastsync.preflight import Survey, survey
from fastsync.record import Record, copy_of_report, extras_of_slave
from fastsync.reportline import ReportLines
from fastsync.sinks.checkpoint import CheckpointFile, damaged, refuse_other_tables, refuse_others, settings
from fastsync.sinks.checkpointform import Checkpoint, faults_of_plan
from fastsync.sinks.folder import PartedReport, Shelf
from fastsync.sinks.report import Report, check_resumed, open_output
from fastsync.undoindex import check_log
from fastsync.unforeseen import Phase, unexpected


@dataclass(frozen=True)
class Start:
    """What a run works with."""

    found: Survey
    terms: Terms
    outcome: Outcome
    agenda: Agenda
    deletes: Deletes
    record: Record
    stats_file: IO[str] | None


@contextmanager
def prepare(
    config: Config,
    policy: object,
    values: bool,
    announce: Callable[[str], object],
    folder: Callable[[str], Shelf] | None = None,
) -> Iterator[Start]:
    """Describe the tables, open what is written, where it stands on the checkpoint, and choose a strategy.

    `values`: differences are to bring both items along. `announce` hears what is worth knowing before the work begins.
    `folder` opens a report that tasks write themselves. The checkpoint is let go at the end.
    Raises ConfigError or TableError.
    """
    file = None if config.checkpoint is None else CheckpointFile(config.checkpoint, config.resume)
    try:
        yield _started(_Preparation(config, policy, file, announce, folder), values)
    finally:
        if file is not None:
            file.close()


def close_unbegun(config: Config, policy: object) -> Outcome:
    """Close the report of a run that was interrupted before its first page; return what is counted so far.

    Report and statistics fit each other then: both hold what an earlier run had brought up to its checkpoint, or
    nothing. Raises ConfigError where the checkpoint is another run's, OutputFailed where the report cannot be written.
    """
    file = None if config.checkpoint is None else CheckpointFile(config.checkpoint, config.resume)
    try:
        return _Preparation(config, policy, file, lambda _: None, None).close_unbegun()
    finally:
        if file is not None:
            file.close()


def _started(preparation: _Preparation, values: bool) -> Start:
    """Prepare everything; what nobody foresaw is told together with whether anything was read by then."""
    try:
        return preparation.start(values)
    except (FastsyncError, Interrupted):
        raise
    except BaseException as error:
        raise unexpected(error, Phase("preparing the run", preparation.has_read)) from error


class _Preparation:
    """What is known of an earlier run, and what follows from it."""

    def __init__(
        self,
        config: Config,
        policy: object,
        file: CheckpointFile | None,
        announce: Callable[[str], object],
        folder: Callable[[str], Shelf] | None,
    ):
        self._config = config
        self._folder = folder
        self._policy = policy
        self._file = file
        self._announce = announce
        self._settings = settings(config, policy)
        self.has_read = False
        then = None if file is None else file.read()
        if then is not None and file is not None:
            refuse_others(then, file.path, self._settings)
        self._then = None if then is None or then.ended else then
        if self._then is not None and file is not None:
            self._check_files(self._then, file)
        if config.resume:
            announce(_told(config, then))
            if config.undo_log is not None:
                check_log(config.undo_log)

    def _check_files(self, then: Checkpoint, file: CheckpointFile) -> None:
        """Raise ConfigError where a checkpoint does not fit the plan, or its files are not what they were."""
        config = self._config
        plan = Plan.of(replace(config.slicing, segments=then.total))
        for fault in faults_of_plan(then.left, plan.numbers):
            raise damaged(file.path, fault)
        if config.report is not None and self._folder is None:
            check_resumed(config.report, then.report, copy_of_report(file))
        for place, ref in enumerate(config.slaves):
            if (mark := then.extras.get(str(ref), NOTHING)).lines:
                check(extras_of_slave(file, place), mark, EXTRAS)
        if undolog.size_of(config.undo_log) < then.log:
            raise ConfigError(
                f"--resume: the undo log {config.undo_log} is shorter than it was when the checkpoint {file.path} was "
                "written: not the same file"
            )

    def start(self, values: bool) -> Start:
        """Prepare everything; what reads of the tables comes last."""
        config = self._config
        found = survey(config)
        parts = (_reading(config, found), config.retrying, config.judging, config.repairing)
        terms = Terms(found.master, found.slaves, *parts, self._policy, values, seed=new_seed())
        first = (
            None if config.first_key is None else typed_key("--starting-key", config.first_key, found.master.table.keys)
        )
        plan = self._plan(found)
        before = self._before(found)
        if config.undo_log is not None:
            (undolog.go_on if config.resume else undolog.create)(config.undo_log)
        report = self._report()
        stats_file = None if config.stats is None else open_output(config.stats, "--stats")
        extras = {str(ref): self._extras(place, before) for place, ref in enumerate(config.slaves)}
        outcome = self._outcome(found, plan)
        terms = replace(terms, strategy=outcome.strategy)
        begin = replace(before, total=plan.total, strategy=outcome.strategy, totals=outcome.totals())
        record = Record(begin, self._file, report, extras)
        try:
            record.keep(begin.left, begin.totals, begin.deleted, begin.log)
        except OutputFailed as error:
            raise ConfigError(f"--checkpoint: {error}") from None
        log_from = None if self._then is None else begin.log
        agenda = Agenda(terms, plan, begin.left, first, log_from)
        deletes = Deletes(terms, extras, begin.deleted, log_from)
        return Start(found, terms, outcome, agenda, deletes, record, stats_file)

    def close_unbegun(self) -> Outcome:
        """Close the report as it stands on the checkpoint, and return what is counted there."""
        config, then = self._config, self._then
        names = [str(ref) for ref in (config.master, *config.slaves)]
        default = "lookup" if config.strategy == "auto" else config.strategy
        strategy = default if then is None else then.strategy
        plan = Plan.of(config.slicing if then is None else replace(config.slicing, segments=then.total))
        outcome = Outcome(names, strategy, plan, config.repairing.find_extras)
        if then is not None:
            outcome.go_on(then.totals)
        if config.executor != "spark":  # there the report is a folder, which is complete or not as a whole
            report = self._report()
            if report is not None:
                report.close(complete=False)
        return outcome

    def _plan(self, found: Survey) -> Plan:
        slicing = self._config.slicing
        if self._then is not None:  # the service's estimate of the size, and --parallel, may be others today
            slicing = replace(slicing, segments=self._then.total)
        return Plan.of(slicing, found.largest)

    def _before(self, found: Survey) -> Checkpoint:
        """Give the checkpoint to go on from: the earlier run's, or one at which nothing is done."""
        tables = {str(side): side.table.identity for side in (found.master, *found.slaves)}
        if self._then is not None and self._file is not None:
            refuse_other_tables(self._then, self._file.path, tables)
            return replace(self._then, tables={**self._then.tables, **tables})
        left = Left.whole([str(side) for side in found.slaves], [str(ref) for ref, _ in found.unfit])
        return Checkpoint(self._settings, tables, "", 0, left, NOTHING_COUNTED)

    def _outcome(self, found: Survey, plan: Plan) -> Outcome:
        choice = self._chosen(found, plan)
        names = [str(each) for each in (found.master, *found.slaves, *(ref for ref, _ in found.unfit))]
        outcome = Outcome(names, choice.strategy, plan, self._config.repairing.find_extras)
        outcome.expect(choice.forecast, choice.probed)
        for _, error in found.unfit:
            outcome.fail(error)
        if self._then is not None:
            outcome.go_on(self._then.totals)
        return outcome

    def _chosen(self, found: Survey, plan: Plan) -> Choice:
        """Choose a strategy, which may read an item of a slave; a run that goes on keeps to what was chosen."""
        if self._then is not None:
            return Choice(self._then.strategy, "as before", expected(self._config, found, plan))
        self.has_read = self._config.strategy == "auto"  # which asks each slave for an item
        choice = choose(self._config, found, plan)
        if self._config.strategy == "auto":
            self._announce(str(choice))
        return choice

    def _extras(self, place: int, begin: Checkpoint) -> WaitingExtras:
        """Open the extras of a slave, given by its place among the flags."""
        name = str(self._config.slaves[place])
        if self._file is None:
            return WaitingExtras()
        return WaitingExtras(extras_of_slave(self._file, place), begin.extras.get(name, NOTHING), name)

    def _report(self) -> Report | PartedReport | None:
        if self._config.report is None:
            return None
        if self._folder is not None:
            lines, mark = ReportLines.of(self._config), None if self._then is None else self._then.report
            return PartedReport(self._folder(self._config.report), lines, mark)
        copy = None if self._file is None else copy_of_report(self._file)
        return Report(self._config, None if self._then is None else self._then.report, copy)


def _reading(config: Config, found: Survey) -> Reading:
    """Say how tables are read: in smaller pages where writing takes long, since a page is done when all is written."""
    if not (config.write_missing or config.write_differing):
        return config.reading
    writes = (side.pace.writes for side in found.slaves)
    return replace(config.reading, scan_limit=at_once(writes, config.reading.scan_limit))


def _told(config: Config, then: Checkpoint | None) -> str:
    """Say what --resume has come to."""
    if then is None:
        return f"there is no checkpoint {config.checkpoint} to resume: starting afresh"
    if then.ended:
        return f"the run of the checkpoint {config.checkpoint} had ended, with items that failed: starting afresh"
    return f"going on from the checkpoint {config.checkpoint}; the figures will be those of the whole job"
