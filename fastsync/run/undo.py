"""Take a run back by its undo log: restore each item if the slave still holds what the run wrote.

The log is checked as a whole first. Then its items are handed out as tasks to worker processes; see `workers.restore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fastsync.aws.shared_cells import SharedCells
from fastsync.config.config import Config
from fastsync.config.flags.flag import AUTO
from fastsync.config.paths import check_inputs
from fastsync.config.slicing import Slicing
from fastsync.errors import ConfigError, FastsyncError, Interrupted, TableError
from fastsync.model.messages.terms import UndoTerms
from fastsync.model.table import Side, TableRef
from fastsync.model.wording import choose_form, count_nouns
from fastsync.output.outputs import Outputs
from fastsync.output.sink import Audience, Sink
from fastsync.output.statistics import UNDO, Result
from fastsync.plan.parallel import choose_for_undo
from fastsync.plan.segments import Plan
from fastsync.plan.survey import SlaveSurvey, survey_slaves
from fastsync.repair.undo_index import Index
from fastsync.run.checkpoints.journal import Journal
from fastsync.run.outcome import Outcome
from fastsync.run.recorder import Ending, Recorder, note_failed_output
from fastsync.run.result import make_result
from fastsync.run.tasks.follower import TaskFollower
from fastsync.run.tasks.undo_tasks import UndoTasks
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import ProcessExecutor
from fastsync.workers.processes.fork_server import start_fork_server
from fastsync.workers.processes.room import make_room, measure_room


def undo_run(
    path: str,
    flags: Mapping[str, Any],
    known: Sequence[TableRef] = (),
    sinks: Sequence[Sink] = (),
    begin: Callable[[], object] = lambda: None,
    *,
    dry_run: bool = False,
    announce: Callable[[str], object] = lambda _: None,
) -> Result:
    """Take back what the undo log at `path` says; in a dry run only report what would be taken back.

    `flags` are the command line's in snake_case; `known` are slaves that have credentials or an endpoint of their own,
    for where the log names them. `begin` is called before the first item is read, `announce` with the answer to a first
    signal. Raises ConfigError where a flag is wrong or the log is damaged, TableError where no slave can be undone.
    """
    interrupt = Interrupt()
    undo = _Undo(path, interrupt)
    interrupt.announce = announce
    try:
        with interrupt:
            try:
                with Index(path) as index:
                    config = undo.configure(index, known, flags)
                    prepared = undo.prepare(index, config, dry_run)
                    begin()
                    undo.restore(prepared, index, sinks)
            except Interrupted:
                interrupt.only_count()
                undo.end_early()
            return undo.result()
    except Interrupted:  # the second signal has broken off what was waited for
        return undo.result()


@dataclass(frozen=True)
class _Prepared:
    """What an undo works with; `parallel` is the number of worker processes."""

    parallel: int
    found: SlaveSurvey
    terms: UndoTerms
    outputs: Outputs


class _Undo:
    """One undo: how far it has come, and what it has counted."""

    def __init__(self, path: str, interrupt: Interrupt):
        self._path = path
        self._interrupt = interrupt
        self._outcome = _make_outcome((path,))
        self._outputs: Outputs | None = None
        self._begun = False

    def configure(self, index: Index, known: Sequence[TableRef], flags: Mapping[str, Any]) -> Config:
        """Return the configuration of an undo of the slaves that the log names."""
        names = index.slaves()
        self._outcome = _make_outcome((self._path, *names))
        own = {str(ref): ref for ref in known}
        config = Config.without_master([own.get(name, name) for name in names], flags)
        check_inputs(config.outputs, [self._path])
        return config

    def prepare(self, index: Index, config: Config, dry_run: bool) -> _Prepared:
        """Describe the slaves, and let the report begin.

        Raises TableError where no slave can be undone, ConfigError where keys are not theirs; files stay as they were.
        """
        outputs = self._outputs = Outputs.opened(config)
        try:
            start_fork_server(config.processes)
            found = _refuse_replaced(survey_slaves(config, self._interrupt.announce), index)
            for side in found.slaves:
                _check_keys(side, index)
            terms = _make_terms(index, config, found, dry_run)
            self._outcome = _make_outcome((*terms.names, *(str(ref) for ref, _ in found.unfit)))
            for _, error in found.unfit:
                self._outcome.add_error(error)
            self._interrupt.only_count()
            outputs.begin()
        except Interrupted:
            raise
        except BaseException:
            outputs.discard()
            raise
        self._begun = True
        return _Prepared(self._settle_parallel(config, terms.items), found, terms, outputs)

    def _settle_parallel(self, config: Config, items: int) -> int:
        """Return the number of processes; where it was to be chosen, announce which, and why."""
        if config.parallel != AUTO:
            return config.processes
        chosen = choose_for_undo(items, measure_room())
        self._interrupt.announce(str(chosen))
        return chosen.number

    def restore(self, prepared: _Prepared, index: Index, sinks: Sequence[Sink]) -> None:
        """Work through all tasks; then end the report and write the statistics, whatever has happened."""
        journal = Journal(None, None, prepared.outputs.report, {})
        recorder = Recorder(self._outcome, journal, Audience((), sinks), self._interrupt)
        ending = Ending(self._outcome, "undoing")
        with ending.step():
            self._follow_tasks(prepared, UndoTasks(prepared.terms, index), recorder)
        self._note_left(prepared.terms.items)
        with ending.step(), note_failed_output(self._outcome):
            journal.finish_report(self.result().complete)
        with ending.step(), note_failed_output(self._outcome):
            prepared.outputs.write_stats(self.result().statistics)
        ending.raise_failure(recorder.failure)

    def _follow_tasks(self, prepared: _Prepared, tasks: UndoTasks, recorder: Recorder) -> None:
        cells = SharedCells(1 + len(prepared.terms.slaves))
        credentials = partial(prepared.found.shared_credentials, cells, recorder.give_up)
        make_room(prepared.parallel)
        executor = ProcessExecutor(prepared.parallel, credentials, cells)
        follower = TaskFollower(self._outcome, recorder, self._interrupt)
        recorder.begin(prepared.terms)
        with closing(executor.run(tasks, self._interrupt)) as events:
            for task, event in events:
                follower.take_event(tasks, task, event)
        for page in follower.not_resumable.take_all():
            recorder.record_page(page)
        recorder.end()

    def _note_left(self, items: int) -> None:
        unseen = items - self._outcome.master.scanned
        if unseen > 0:
            verb = choose_form(items, "was", "were")
            self._outcome.left = f"{unseen:,} of {count_nouns(items, 'item')} {verb} not looked at"

    def end_early(self) -> None:
        """Write report and statistics of an undo that a signal ended before its first item, where they are open."""
        if self._begun or self._outputs is None:
            return
        with suppress(FastsyncError):  # the report cannot be written
            self._outputs.end_early()
        with suppress(Interrupted), note_failed_output(self._outcome):
            self._outputs.write_stats(self.result().statistics)

    def result(self) -> Result:
        """Return what the undo has come to."""
        return make_result(self._outcome, self._interrupt)


def _make_outcome(names: Sequence[str]) -> Outcome:
    return Outcome(names, strategy=UNDO, plan=Plan.of(Slicing()), extras=True)


def _make_terms(index: Index, config: Config, found: SlaveSurvey, dry_run: bool) -> UndoTerms:
    return UndoTerms(
        log=index.path,
        slaves=found.slaves,
        reading=config.reading,
        retrying=config.retrying,
        values=config.needs_values,
        dry_run=dry_run,
        items=sum(index.item_count(str(side)) for side in found.slaves),
    )


def _refuse_replaced(found: SlaveSurvey, index: Index) -> SlaveSurvey:
    """Put slaves aside that are not the tables that the run wrote to; raise TableError where none is left."""
    same = [side for side in found.slaves if index.table_ids(str(side)) <= {side.table.identity}]
    replaced = tuple((side.table.ref, _describe_replaced(side)) for side in found.slaves if side not in same)
    if replaced and not same:
        raise TableError("; ".join(error for _, error in (*found.unfit, *replaced)))
    slaves = tuple(replace(side, number=number) for number, side in enumerate(same, start=1))
    return replace(found, slaves=slaves, unfit=(*found.unfit, *replaced))


def _describe_replaced(side: Side) -> str:
    return (
        f"{side} is not the table that the run wrote to: it was deleted and made again since. Nothing was undone on it"
    )


def _check_keys(side: Side, index: Index) -> None:
    keys, types = side.table.keys, index.key_types(str(side))
    if types != dict(zip(keys.names, keys.types, strict=True)):
        named = ", ".join(f"{name} ({kind})" for name, kind in types.items())
        raise ConfigError(
            f"the undo log {index.path} has lines of {side} whose key is {named}, but that of the table is {keys}"
        )
