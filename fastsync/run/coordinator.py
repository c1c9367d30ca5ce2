"""The course of a run: compare all segments, then delete extras where that is safe; move the checkpoint meanwhile.

The checkpoint moves after the report, never before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from fastsync.config.config import Config
from fastsync.errors import FastsyncError, OutputFailed, UnexpectedError
from fastsync.model.difference import Tally
from fastsync.model.messages.terms import Terms
from fastsync.output.sink import Audience
from fastsync.run.checkpoints.journal import Journal
from fastsync.run.notes import describe_checkpoint, describe_left
from fastsync.run.outcome import Outcome
from fastsync.run.recorder import Recorder
from fastsync.run.tasks.agenda import Agenda, Backlog
from fastsync.run.tasks.delete_guard import (
    UNCONFIRMED,
    Confirm,
    Found,
    Refusal,
    Tables,
    explain_refusal,
    has_exact_counts,
)
from fastsync.run.tasks.deletes import Deletes
from fastsync.run.tasks.division import Division
from fastsync.run.tasks.follower import TaskFollower
from fastsync.run.tasks.gate import Gate
from fastsync.run.tasks.source import TaskSource
from fastsync.workers.executor import Executor, T
from fastsync.workers.interrupt import Interrupt

UNFINISHED = "a part of the tables was not compared, or some extras were not deleted, though no task failed"
"""The error of a run that would pass for complete while work is left."""


@dataclass(frozen=True)
class Work:
    """What a run has to do, a `division` first where there is one; what it has counted, and keeps on disk."""

    terms: Terms
    agenda: Agenda
    deletes: Deletes
    outcome: Outcome
    journal: Journal
    division: Division | None = None


class Coordinator:
    """Follow the tasks of one run to their end."""

    def __init__(
        self,
        work: Work,
        audience: Audience,
        config: Config,
        interrupt: Interrupt,
        tables: Tables,
        *,
        confirm: Confirm | None = None,
    ):
        self._terms = work.terms
        self._agenda = work.agenda
        self._deletes = work.deletes
        self._outcome = work.outcome
        self._journal = work.journal
        self._division = work.division
        self._damaged = False
        self._config = config
        self._interrupt = interrupt
        self._tables = tables
        self._confirm = confirm
        self._recorder = Recorder(work.outcome, work.journal, audience, interrupt)
        self._gate = Gate(config.run_limits, work.outcome, interrupt)
        self._follower = TaskFollower(work.outcome, self._recorder, interrupt, self._gate)

    def run(self, executor: Executor) -> None:
        """Compare every segment, then delete what may be deleted. An output that fails ends the work.

        Before the first delete, and at the end, tables are described again: each must still be the same table.
        """
        self._recorder.begin(self._terms)
        self._gate.begin(sum(waiting.count for waiting in self._journal.extras.values()))
        if self._division is not None:
            self._divide(self._division, executor)
        self._follow_tasks(self._agenda, executor)
        changed = dict(self._find_changed_tables())
        if not self._interrupt.count:
            self._deletes.refused = {name: self._find_refusal(name, changed) for name in self._deletes.index}
        self._save_checkpoint()
        self._confirm_deletes()
        if not self._interrupt.count:
            self._follow_tasks(self._deletes, executor)
            self._save_checkpoint()
        if self._deletes.begun:
            changed |= self._find_changed_tables()
        self._report_rest()
        self._note_left(changed)
        if not self.finished and not self._interrupt.count and self._outcome.complete:
            self._outcome.add_error(UNFINISHED)
        self._recorder.end()

    def _divide(self, division: Division, executor: Executor) -> None:
        """Divide all tables into parts. What cannot be read is left to another run; so is all, where this one ends."""
        for tasks in division.rounds():
            if not self._interrupt.count:
                self._follow_tasks(tasks, executor)
        lost = division.find_lost()
        if self._interrupt.count:
            lost = frozenset(self._deletes.index)
        self._agenda.leave_slaves(lost)
        self._damaged = division.damaged

    def _follow_tasks(self, source: TaskSource[T], executor: Executor) -> None:
        try:
            with closing(executor.run(source, self._interrupt)) as events:
                for task, event in events:
                    self._follower.take_event(source, task, event)
                    if self._journal.due and self._follower.allow_checkpoint:
                        self._save_checkpoint()
        except OutputFailed as error:  # of handing out tasks: the file with the waiting extras is damaged
            self._recorder.give_up(error)

    def _find_changed_tables(self) -> Mapping[str, str]:
        """Describe all tables again; return by name, and record as errors, which are others now.

        A run that a signal or a fatal error has ended is not complete anyway, and deletes nothing.
        """
        interrupt, errors = self._interrupt, self._outcome.errors
        if interrupt.exit_code is not None or (interrupt.count and errors):
            return {}
        changed = self._tables.changes(lambda: interrupt.exit_code is not None, patient=not errors)
        for sentence in changed.values():
            self._outcome.add_error(sentence)
        return changed

    def _find_refusal(self, name: str, changed: Mapping[str, str]) -> Refusal | None:
        """Return why nothing is deleted from a slave, None where deletes may begin."""
        if self._deletes.refused.get(name) is not None:  # known from the beginning
            return self._deletes.refused[name]
        tally = self._outcome.slaves[self._deletes.index[name]]
        exact = has_exact_counts(self._config, repeated=self._agenda.repeated)
        found = Found(
            extras=self._journal.extras[name].count,
            scanned=tally.scanned,
            lacking=self._agenda.backlog().has_left(name),
            changed=changed.get(self._tables.master) or changed.get(name),
            same=tally.same if exact else None,
            settled=tally.settled,
            held=self._count_held(tally, name) if self._outcome.filtering else None,
            filtering=self._outcome.filtering,
        )
        try:
            found = replace(found, empty_master=self._is_master_empty(tally, found))
        except FastsyncError as error:
            return Refusal(f"not deleted: whether the master holds any item is not known: {error}", failed=True)
        return explain_refusal(found, self._config.delete_limit)

    def _count_held(self, tally: Tally, name: str) -> int:
        """Return how many items a slave holds of those that are not left out."""
        return tally.same + tally.differing + tally.settled + self._journal.extras[name].count

    def _is_master_empty(self, tally: Tally, found: Found) -> bool:
        """Return whether the master returned no item, and that was not allowed.

        Where keys were given that may be so by their nature, as with a list of extras: there the master is asked for
        any one item. Raises FastsyncError where it cannot be.
        """
        if tally.compared > tally.expired + tally.filtered or self._config.allow_empty_master:
            return False
        if not self._config.of_keys or not found.extras:
            return True
        if self._division is not None and self._terms.master.is_export:
            return not self._division.holds_items
        holds_item, units = self._tables.find_any_item()
        self._outcome.master.read_units += units
        return not holds_item

    def _confirm_deletes(self) -> None:
        """Have somebody asked whether extras may be deleted, where there are any; without a yes they are refused."""
        counts = {name: count for name in self._deletes.index if (count := self._deletes.count_left(name))}
        confirm, interrupt = self._confirm, self._interrupt
        if confirm is None or not counts or interrupt.count:
            return
        answers: list[bool] = []
        with interrupt.answered_by_caller():
            self._recorder.call(lambda: answers.append(confirm(counts, lambda: interrupt.count > 0)))
        if answers != [True] and not interrupt.count:
            self._deletes.refused = {**self._deletes.refused, **dict.fromkeys(counts, UNCONFIRMED)}

    def _report_rest(self) -> None:
        """Report what is true now, but not on the checkpoint: a run that resumes does it, and reports it, anew."""
        try:
            for page in self._follower.not_resumable.take_all():
                self._recorder.record_page(self._deletes.explain_extras(page))
            for page in self._deletes.not_deleted():
                self._recorder.record_page(page)
        except OutputFailed as error:
            self._recorder.give_up(error)

    def _note_left(self, changed: Mapping[str, str]) -> None:
        """Note what is left to do, and on which slaves nothing is; of a table that was replaced nothing is certain."""
        outcome, left = self._outcome, self._agenda.backlog()
        names = frozenset(self._deletes.index)
        segments = left.count_segments(names, outcome.plan)
        extras = sum(map(self._deletes.count_left, names))
        outcome.left = describe_left(segments, len(outcome.plan.numbers), extras, outcome.strategy)
        if self._tables.master not in changed:
            outcome.finished = frozenset(name for name in names - changed.keys() if self._is_finished(name, left))

    def _is_finished(self, name: str, left: Backlog) -> bool:
        tally = self._outcome.slaves[self._deletes.index[name]]
        return not (left.has_left(name) or self._deletes.count_left(name) or tally.failed or tally.withheld)

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to be compared or deleted."""
        left = self._agenda.backlog()
        return not (left.legs or left.stretches or self._deletes.some_left or self._journal.broken)

    def _save_checkpoint(self, ended: bool = False) -> None:
        offsets = [self._agenda.undo_offset()]
        if self._deletes.undo_offset is not None:
            offsets.append(self._deletes.undo_offset)
        try:
            self._journal.save_checkpoint(
                left=self._agenda.backlog(),
                totals=self._outcome.totals(),
                deleted=self._deletes.done_chunks(),
                log=min(offsets),
                ended=ended or self._damaged,
            )
        except OutputFailed as error:
            self._recorder.give_up(error)

    def give_up(self, error: FastsyncError) -> None:
        """Ask workers to end after the pages at hand, because of this error."""
        self._recorder.give_up(error)

    @property
    def failure(self) -> UnexpectedError | None:
        """Return what a listener or a sink raised, None where none did."""
        return self._recorder.failure

    def abandon(self) -> None:
        """Keep no further checkpoint: the work was broken off, and what it had reached by then is not certain."""
        self._journal.broken = True

    def finish(self, complete: bool) -> None:
        """Remove the checkpoint where the run is complete, else leave it, with a note, to another run.

        Where only items that failed are left, that run starts afresh, since no resume point leads to a single item.
        """
        path = self._journal.checkpoint_path
        not_begun = self._gate.not_started and not self._agenda.repeated
        if complete or not_begun or self._damaged:  # what parts lack of a damaged export is for a whole run to tell
            self._journal.remove_files()
        elif path is not None and self.finished and self._outcome.items_failed:
            self._save_checkpoint(ended=True)
            self._outcome.add_note(describe_checkpoint(path, ended=True))
        elif path is not None:
            self._outcome.add_note(describe_checkpoint(path, ended=False))
