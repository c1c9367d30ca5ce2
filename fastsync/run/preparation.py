"""Find, check and open everything that a run needs before the first page, afresh or on resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fastsync.config.config import Config
from fastsync.config.key_text import typed_key
from fastsync.config.slicing import Slicing
from fastsync.errors import FastsyncError, Interrupted
from fastsync.model.capacity import Spending
from fastsync.model.digest import new_seed
from fastsync.model.messages.terms import Terms
from fastsync.model.parallel import Room
from fastsync.model.policy import Policy
from fastsync.model.settings import StrategyName
from fastsync.output.outputs import Outputs
from fastsync.output.report_folder import PartStore
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.access import SharedAccess
from fastsync.plan.exports.sizes import choose_parts_total
from fastsync.plan.keys.plan import KeyPlan, plan_keys_of, read_keys_of
from fastsync.plan.page_size import limit_pages
from fastsync.plan.segments import Plan
from fastsync.plan.strategy_choice import Choice, choose_keys, choose_partition, choose_strategy, forecast_run
from fastsync.plan.survey import Survey, survey_tables
from fastsync.run.checkpoints.earlier_run import EarlierRun
from fastsync.run.checkpoints.file import CheckpointFile
from fastsync.run.checkpoints.journal import Journal, spool_kept
from fastsync.run.checkpoints.run_files import RunFiles
from fastsync.run.coordinator import Work
from fastsync.run.notes import describe_resume, describe_settings
from fastsync.run.outcome import Outcome, make_empty_outcome
from fastsync.run.parallel import settle_parallel
from fastsync.run.tasks.agenda import Agenda
from fastsync.run.tasks.deletes import PER_LIMITED_TASK, PER_TASK, Deletes, select_nothing
from fastsync.run.tasks.spooling import Spooling, check_spool


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked for.

    `values`: differences are to bring both items along, `whole_items`: all of them, not only what differs. `announce`
    is called with what is worth knowing before the work begins. `open_folder` opens a report whose parts tasks write
    themselves; None where this process writes it. `shared` is the access that runs at work at the same time share.
    Tables of fewer bytes than `whole_below` are one segment. `find_room` returns how many processes there may be.
    """

    config: Config
    policy: Policy | None
    values: bool
    whole_items: bool
    announce: Callable[[str], object]
    find_room: Callable[[], Room]
    open_folder: Callable[[str], PartStore] | None = None
    shared: SharedAccess | None = None
    whole_below: int = 0


@dataclass(frozen=True)
class Prepared:
    """What a run works with, and in how many processes at once."""

    found: Survey
    work: Work
    outputs: Outputs
    parallel: int


@contextmanager
def prepare_run(options: RunOptions) -> Iterator[Preparation]:
    """Check all that local files show, before any request; raise ConfigError.

    At the end the checkpoint is released, and files that the run did not begin are as they were.
    """
    config = options.config
    with ExitStack() as stack:
        file = None
        if config.checkpoint is not None:
            file = CheckpointFile(config.checkpoint, config.resume)
            stack.callback(file.close)
        preparation = Preparation(options, file)
        stack.callback(preparation.close_keys)
        stack.callback(preparation.remove_spool)
        stack.callback(preparation.files.discard_unbegun)
        yield preparation


class Preparation:
    """What is known of an earlier run, and what follows from it; `files` are those that this one writes."""

    def __init__(self, options: RunOptions, file: CheckpointFile | None):
        self._options = options
        self._config = options.config
        self._file = file
        self._has_read = False
        self._spooling: Spooling | None = None
        self._journal: Journal | None = None
        self._earlier = EarlierRun(options.config, options.policy, file)
        self._resumed = self._earlier.resumed
        self._earlier.check_files(has_parts=options.open_folder is not None)
        if options.config.has_exports:
            check_spool(options.config)
        self._given = read_keys_of(options.config)
        self.files = RunFiles(options.config, file, self._resumed, options.open_folder)
        if options.config.resume:
            options.announce(describe_resume(options.config.checkpoint, self._earlier.found))

    def close_keys(self) -> None:
        """Remove what the given keys are kept in."""
        if self._given is not None:
            self._given.store.close()

    def remove_spool(self) -> None:
        """Remove the spool, where there is one; keep it beside the checkpoint, where a run can go on from that."""
        if self._spooling is None:
            return
        file, journal = self._file, self._journal
        leads_on = file is not None and file.path.exists() and (journal is None or journal.leads_on)
        self._spooling.end(spool_kept(file) if file is not None and leads_on else None)

    def _find_spools(self) -> list[Path]:
        """Return where the run that this one resumes may have left its spool."""
        if self._resumed is None or self._file is None:
            return []
        return [spool_kept(self._file), *([Path(self._resumed.spool)] if self._resumed.spool else [])]

    def start(self, only_count: Callable[[], object]) -> Prepared:
        """Describe the tables, choose a strategy, and let everything begin; raise ConfigError or TableError.

        `only_count` is called before the first file is changed: from then on signals are only to be counted.
        """
        try:
            return self._start(only_count)
        except (FastsyncError, Interrupted):
            raise
        except BaseException as error:
            raise unexpected(error, Phase("preparing the run", self._has_read)) from error

    def _start(self, only_count: Callable[[], object]) -> Prepared:
        options = self._options
        found = survey_tables(self._config, options.announce, options.shared)
        config = self._config = settle_parallel(
            self._config, found, options.find_room, options.announce, given=self._given, resumed=self._resumed
        )
        terms = self._make_terms(found)
        start_key = None
        if config.first_key is not None:
            start_key = typed_key("--starting-key", config.first_key, found.master.table.keys)
        plan = Plan.of(self._slicing_of(found), found.largest)
        keys = None
        if self._given is not None:
            keys = plan_keys_of(config, self._given, found)
            for note in self._given.notes:
                self._options.announce(note)
            plan = Plan.of_chunks(self._slicing(), len(keys.chunks))
            terms = replace(terms, items=keys.items)
        scans = plan
        if found.exports and keys is None:
            scans = Plan.of(config.slicing, found.largest)
            plan = Plan.of_chunks(config.slicing, self._choose_parts(found))
        checkpoint = self._earlier.first_checkpoint(found)
        outcome = self._make_outcome(found, plan, self._choose_strategy(found, scans, keys))
        strategy = StrategyName(outcome.strategy)
        reading, spending = limit_pages(config, found, plan, strategy), self._find_spending(outcome)
        terms = replace(terms, strategy=strategy, reading=reading, spending=spending)
        division = None
        if found.exports and (keys is None or keys.chunks):
            self._spooling = Spooling(config, found, self._options.announce, self._find_spools())
            if keys is None:
                division = self._spooling.begin_division(terms, (scans.total, plan.total), outcome)
            else:
                division = self._spooling.begin_division_of_keys(terms, keys, outcome)
            terms = division.terms
        only_count()
        self.files.open_undo_log()
        extras = self.files.open_extras(checkpoint)
        checkpoint = replace(checkpoint, total=plan.total, strategy=outcome.strategy, totals=outcome.totals())
        checkpoint = replace(checkpoint, spool=terms.spool or "")
        self.files.begin(checkpoint, extras)
        undo_offset = None if self._resumed is None else checkpoint.log
        self._journal = Journal(checkpoint, self._file, self.files.outputs.report, extras)
        work = Work(
            terms=terms,
            agenda=Agenda(
                terms,
                plan,
                checkpoint.left,
                start_key=start_key,
                undo_offset=undo_offset,
                open_chunk=None if keys is None else keys.open_chunk,
            ),
            deletes=Deletes(
                terms,
                extras,
                checkpoint.deleted,
                undo_offset,
                select_reviewed=select_nothing if keys is None else keys.select_reviewed,
                most=PER_LIMITED_TASK if config.run_limits.on_spending else PER_TASK,
            ),
            outcome=outcome,
            journal=self._journal,
            division=division,
        )
        return Prepared(found, work, self.files.outputs, config.processes)

    def _make_terms(self, found: Survey) -> Terms:
        config = self._config
        return Terms(
            found.master,
            found.slaves,
            reading=config.reading,
            retrying=config.retrying,
            judging=config.judging,
            repairing=config.repairing,
            policy=self._options.policy,
            values=self._options.values,
            whole_items=self._options.whole_items,
            seed=new_seed(),
        )

    def _choose_parts(self, found: Survey) -> int:
        """Return the number of parts: as before, since parts that are done must hold the same keys."""
        if self._resumed is not None:
            return self._resumed.total
        return choose_parts_total(self._config, found.sides, found.exports)

    def _slicing(self) -> Slicing:
        """Return how the tables are cut: as before, though the service's estimates and --parallel may have changed."""
        if self._resumed is None:
            return self._config.slicing
        return replace(self._config.slicing, segments=self._resumed.total)

    def _slicing_of(self, found: Survey) -> Slicing:
        """Return how these tables are cut: small ones are one segment where there are others to work on."""
        slicing = self._slicing()
        if found.largest < self._options.whole_below:
            return replace(slicing, parallel=1)
        return slicing

    def _make_outcome(self, found: Survey, plan: Plan, choice: Choice) -> Outcome:
        names = [str(each) for each in (found.master, *found.slaves, *(ref for ref, _ in found.unfit))]
        outcome = Outcome(names, strategy=choice.strategy, plan=plan, extras=self._config.repairing.find_extras)
        outcome.set_expected(choice.forecast, choice.probed)
        outcome.ignored = self._config.judging.ignored.difference(found.master.table.keys.names)
        outcome.filtering = self._config.where is not None
        for note in describe_settings(str(found.master), found.differing_settings):
            outcome.add_note(note)
        for _, error in found.unfit:
            outcome.add_error(error)
        if self._resumed is not None:
            outcome.resume_from(self._resumed.totals)
        return outcome

    def _find_spending(self, outcome: Outcome) -> Spending | None:
        """Return what tasks may consume. On Spark none sees what the others have consumed, so each is finished."""
        if self._config.executor == "spark":
            return None
        tallies = (outcome.master, *outcome.slaves)
        read, write = sum(tally.read_units for tally in tallies), sum(tally.write_units for tally in tallies)
        return self._config.run_limits.left_after(read, write)

    def _choose_strategy(self, found: Survey, plan: Plan, keys: KeyPlan | None) -> Choice:
        """Choose a strategy, for which an item of a slave may be read; a resumed run keeps the one that was chosen."""
        config = self._config
        if keys is not None:
            return choose_keys(config, found, keys)
        if found.exports:
            choice = choose_partition(config, found, plan)
            self._options.announce(str(choice))
            return choice
        if self._resumed is not None:
            return Choice(StrategyName(self._resumed.strategy), "as before", forecast_run(config, found, plan))
        self._has_read = config.strategy == StrategyName.AUTO  # which asks each slave for an item
        choice = choose_strategy(config, found, plan)
        if config.strategy == StrategyName.AUTO:
            self._options.announce(str(choice))
        return choice

    def end_early(self) -> Outcome:
        """Close the report of a run that a signal ended before its first page; return what is counted so far.

        Report and statistics fit each other then: both hold what an earlier run had brought up to its checkpoint, or
        nothing. Raises ConfigError or OutputFailed where the report cannot be written.
        """
        outcome = make_empty_outcome(self._config, self._slicing(), extras=self._config.repairing.find_extras)
        if self._resumed is not None:
            outcome.strategy = self._resumed.strategy
            outcome.resume_from(self._resumed.totals)
        self.files.end_early()
        return outcome
