"""Find, check and open everything that a run needs before the first page, afresh or on resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fastsync.config.config import Config
from fastsync.config.key_text import typed_key
from fastsync.errors import ConfigError, FastsyncError, Interrupted, OutputFailed
from fastsync.model.digest import new_seed
from fastsync.model.events import Terms
from fastsync.model.settings import Reading, StrategyName
from fastsync.model.throughput import limit_items
from fastsync.output.durable import FILE_START, check
from fastsync.output.outputs import Outputs
from fastsync.output.report import check_resumed
from fastsync.output.report_folder import PartedReport, PartStore
from fastsync.output.report_line import ReportLines
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.segments import Plan
from fastsync.plan.strategy_choice import Choice, choose_strategy, forecast_run
from fastsync.plan.survey import Survey, survey_tables
from fastsync.repair import undo_log
from fastsync.repair.undo_index import check_log
from fastsync.run.checkpoint import CheckpointFile, check_settings, check_tables, collect_settings, damage_error
from fastsync.run.checkpoint_form import Checkpoint, find_faults_of_plan
from fastsync.run.journal import Journal, copy_of_report, extras_of_slave
from fastsync.run.outcome import NOTHING_COUNTED, Outcome
from fastsync.run.tasks.agenda import Agenda, Backlog
from fastsync.run.tasks.deletes import Deletes
from fastsync.run.tasks.waiting_extras import WHAT as EXTRAS
from fastsync.run.tasks.waiting_extras import WaitingExtras


@dataclass(frozen=True)
class Prepared:
    """What a run works with."""

    found: Survey
    terms: Terms
    outcome: Outcome
    agenda: Agenda
    deletes: Deletes
    journal: Journal
    outputs: Outputs


@contextmanager
def prepare_run(
    config: Config,
    policy: object,
    announce: Callable[[str], object],
    folder: Callable[[str], PartStore] | None = None,
) -> Iterator[Preparation]:
    """Check all that local files tell, before anything is asked of a table; raise ConfigError.

    `announce` hears what is worth knowing before the work begins. `folder` opens a report that tasks write themselves.
    The checkpoint is let go at the end, and files that the run did not begin are as they were.
    """
    file = None if config.checkpoint is None else CheckpointFile(config.checkpoint, config.resume)
    try:
        preparation = Preparation(config, policy, file, announce, folder)
        try:
            yield preparation
        finally:
            if not preparation.begun:
                preparation.outputs.discard()
    finally:
        if file is not None:
            file.close()


class Preparation:
    """What is known of an earlier run, and what follows from it.

    `outputs` are open already; they keep what they hold until a run begins (`begun`), or ends early.
    """

    def __init__(
        self,
        config: Config,
        policy: object,
        file: CheckpointFile | None,
        announce: Callable[[str], object],
        folder: Callable[[str], PartStore] | None,
    ):
        self._config = config
        self._folder = folder
        self._policy = policy
        self._file = file
        self._announce = announce
        self._settings = collect_settings(config, policy)
        self.has_read = False
        then = None if file is None else file.read_checkpoint()
        if then is not None and file is not None:
            check_settings(then, file.path, self._settings)
        self._then = None if then is None or then.ended else then
        if self._then is not None and file is not None:
            self._check_files(self._then, file)
        if config.undo_log is not None:
            undo_log.check(config.undo_log, config.resume)
            if config.resume:
                check_log(config.undo_log)
        self.begun = False
        self.outputs = self._opened()
        if config.resume:
            announce(_describe_resume(config, then))

    def start(self, values: bool, hold: Callable[[], object]) -> Prepared:
        """Describe the tables, choose a strategy, and let everything begin; raise ConfigError or TableError.

        `values`: differences are to bring both items along. `hold` is called when signals are to be counted only: from
        then on files are changed.
        """
        try:
            return self._start(values, hold)
        except (FastsyncError, Interrupted):
            raise
        except BaseException as error:
            raise unexpected(error, Phase("preparing the run", self.has_read)) from error

    def _opened(self) -> Outputs:
        config, mark, parted = self._config, None if self._then is None else self._then.report, None
        if config.report is not None and self._folder is not None:
            parted = PartedReport(self._folder(config.report), ReportLines.of(config), mark)
        copy = None if self._file is None else copy_of_report(self._file)
        return Outputs.opened(config, parted, mark, copy)

    def _check_files(self, then: Checkpoint, file: CheckpointFile) -> None:
        """Raise ConfigError where a checkpoint does not fit the plan, or its files are not what they were."""
        config = self._config
        plan = Plan.of(replace(config.slicing, segments=then.total))
        for fault in find_faults_of_plan(then.left, plan.numbers):
            raise damage_error(file.path, fault)
        if config.report is not None and self._folder is None:
            check_resumed(config.report, then.report, copy_of_report(file))
        for place, ref in enumerate(config.slaves):
            if (mark := then.extras.get(str(ref), FILE_START)).lines:
                check(extras_of_slave(file, place), mark, EXTRAS)
        if undo_log.undo_log_size(config.undo_log) < then.log:
            raise ConfigError(
                f"--resume: the undo log {config.undo_log} is shorter than it was when the checkpoint {file.path} was "
                "written: not the same file"
            )

    def _start(self, values: bool, hold: Callable[[], object]) -> Prepared:
        config = self._config
        found = survey_tables(config)
        parts = (_limit_pages(config, found), config.retrying, config.judging, config.repairing)
        terms = Terms(found.master, found.slaves, *parts, self._policy, values, seed=new_seed())
        first = (
            None if config.first_key is None else typed_key("--starting-key", config.first_key, found.master.table.keys)
        )
        plan = self._plan(found)
        before = self._before(found)
        outcome = self._outcome(found, plan)
        terms = replace(terms, strategy=StrategyName(outcome.strategy))
        hold()
        if config.undo_log is not None:
            (undo_log.reopen_undo_log if config.resume else undo_log.create_undo_log)(config.undo_log)
        extras = {str(ref): self._extras(place, before) for place, ref in enumerate(config.slaves)}
        begin = replace(before, total=plan.total, strategy=outcome.strategy, totals=outcome.totals())
        self._begin(begin, extras)
        record = Journal(begin, self._file, self.outputs.report, extras)
        log_from = None if self._then is None else begin.log
        agenda = Agenda(terms, plan, begin.left, first, log_from)
        deletes = Deletes(terms, extras, begin.deleted, log_from)
        return Prepared(found, terms, outcome, agenda, deletes, record, self.outputs)

    def _begin(self, begin: Checkpoint, extras: Mapping[str, WaitingExtras]) -> None:
        """Write the first checkpoint, which may be refused, and only then let the report begin."""
        try:
            Journal(begin, self._file, None, extras).save_checkpoint(begin.left, begin.totals, begin.deleted, begin.log)
        except OutputFailed as error:
            raise ConfigError(f"--checkpoint: {error}") from None
        self.begun = True
        try:
            self.outputs.begin()
        except OutputFailed as error:
            raise ConfigError(str(error)) from None

    def end_early(self) -> Outcome:
        """Close the report of a run that a signal ended before its first page; return what is counted so far.

        Report and statistics fit each other then: both hold what an earlier run had brought up to its checkpoint, or
        nothing. Raises ConfigError or OutputFailed where the report cannot be written.
        """
        self.begun = True
        config, then = self._config, self._then
        names = [str(ref) for ref in (config.master, *config.slaves)]
        strategy = config.strategy.or_lookup() if then is None else then.strategy
        plan = Plan.of(config.slicing if then is None else replace(config.slicing, segments=then.total))
        outcome = Outcome(names, strategy=strategy, plan=plan, extras=config.repairing.find_extras)
        if then is not None:
            outcome.resume_from(then.totals)
        if config.executor != "spark":  # there the report is a folder, which is complete or not as a whole
            self.outputs.end_early()
        return outcome

    def _plan(self, found: Survey) -> Plan:
        slicing = self._config.slicing
        if self._then is not None:  # the service's estimate of the size, and --parallel, may be others today
            slicing = replace(slicing, segments=self._then.total)
        return Plan.of(slicing, found.largest)

    def _before(self, found: Survey) -> Checkpoint:
        """Return the checkpoint to go on from: the earlier run's, or one at which nothing is done."""
        tables = {str(side): side.table.identity for side in (found.master, *found.slaves)}
        if self._then is not None and self._file is not None:
            check_tables(self._then, self._file.path, tables)
            return replace(self._then, tables={**self._then.tables, **tables})
        left = Backlog.whole([str(side) for side in found.slaves], [str(ref) for ref, _ in found.unfit])
        return Checkpoint(self._settings, tables, "", 0, left, NOTHING_COUNTED)

    def _outcome(self, found: Survey, plan: Plan) -> Outcome:
        choice = self._chosen(found, plan)
        names = [str(each) for each in (found.master, *found.slaves, *(ref for ref, _ in found.unfit))]
        outcome = Outcome(names, strategy=choice.strategy, plan=plan, extras=self._config.repairing.find_extras)
        outcome.set_expected(choice.forecast, choice.probed)
        for _, error in found.unfit:
            outcome.add_error(error)
        if self._then is not None:
            outcome.resume_from(self._then.totals)
        return outcome

    def _chosen(self, found: Survey, plan: Plan) -> Choice:
        """Choose a strategy, which may read an item of a slave; a run that goes on keeps to what was chosen."""
        if self._then is not None:
            return Choice(StrategyName(self._then.strategy), "as before", forecast_run(self._config, found, plan))
        self.has_read = self._config.strategy == StrategyName.AUTO  # which asks each slave for an item
        choice = choose_strategy(self._config, found, plan)
        if self._config.strategy == StrategyName.AUTO:
            self._announce(str(choice))
        return choice

    def _extras(self, place: int, begin: Checkpoint) -> WaitingExtras:
        """Open the extras of a slave, given by its place among the flags."""
        name = str(self._config.slaves[place])
        if self._file is None:
            return WaitingExtras()
        return WaitingExtras(extras_of_slave(self._file, place), begin.extras.get(name, FILE_START), name)


def _limit_pages(config: Config, found: Survey) -> Reading:
    """Say how tables are read: in smaller pages where writing takes long, since a page is done when all is written."""
    if not (config.write_missing or config.write_differing):
        return config.reading
    writes = (side.pace.writes for side in found.slaves)
    return replace(config.reading, scan_limit=limit_items(writes, config.reading.scan_limit))


def _describe_resume(config: Config, then: Checkpoint | None) -> str:
    """Return what --resume has come to."""
    if then is None:
        return f"there is no checkpoint {config.checkpoint} to resume: starting afresh"
    if then.ended:
        return f"the run of the checkpoint {config.checkpoint} had ended, with items that failed: starting afresh"
    return f"going on from the checkpoint {config.checkpoint}; the figures will be those of the whole job"
