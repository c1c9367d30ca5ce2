"""Follow the events of all tasks: count pages, report differences, move the checkpoint, then delete extras.

A page counts only once its task has a resume point after it, so a dead worker can be replaced, and a killed run
resumed, without losing or counting anything twice. The checkpoint moves after the report, never before it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from fastsync.config.config import Config
from fastsync.errors import FastsyncError, Interrupted, OutputFailed, UnexpectedError
from fastsync.model.difference import Difference, Tally
from fastsync.model.events import (
    DeleteTask,
    Event,
    PageDone,
    SegmentEnd,
    SegmentTask,
    SlaveLost,
    Task,
    TaskDone,
    TaskFailed,
    TaskStopped,
    Terms,
    WritesAhead,
)
from fastsync.output.sink import SegmentSink, Sink
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.run.journal import Journal
from fastsync.run.outcome import Outcome
from fastsync.run.tasks.agenda import Agenda
from fastsync.run.tasks.delete_guard import Found, explain_refusal
from fastsync.run.tasks.deletes import Deletes
from fastsync.workers.executor import Executor
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.pending_pages import PendingPages

ENDS = (TaskDone, TaskStopped, TaskFailed)
UNFINISHED = "a part of the tables was not compared, or some extras were not deleted, though no task failed"
"""The error of a run that would pass for complete while work is left."""


class Tables(Protocol):
    """The tables of the run, which can be asked again what they are; see `identity`."""

    master: str

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> Mapping[str, str]:
        """Return one sentence for each table that is another now, by its name."""


@dataclass(frozen=True)
class Audience:
    """Who hears of what is found."""

    listeners: Sequence[Callable[[Difference], object]]
    sinks: Sequence[Sink]

    def begin(self, terms: Terms) -> None:
        """Tell the sinks what there is to do."""
        for sink in self.sinks:
            sink.begin(terms)

    def tell_page(self, done: PageDone) -> None:
        """Tell everyone of a page."""
        for listener in self.listeners:
            for difference in done.differences:
                listener(difference)
        for sink in self.sinks:
            sink.page(done)

    def tell_segment(self, done: SegmentEnd) -> None:
        """Tell those who ask for it of a segment that has come to its end."""
        for sink in self.sinks:
            if isinstance(sink, SegmentSink):
                sink.segment(done)

    def end(self) -> None:
        """Tell the sinks that there is nothing more to come."""
        for sink in self.sinks:
            sink.end()


class Coordinator:
    """Follow the tasks of one run to their end."""

    def __init__(self, agenda: Agenda, deletes: Deletes, outcome: Outcome, record: Journal, audience: Audience):
        self._agenda = agenda
        self._deletes = deletes
        self._outcome = outcome
        self._journal = record
        self._audience = audience
        self._pending: dict[tuple[int, ...], PendingPages] = {}
        self._loose = PendingPages()
        self._half: set[tuple[int, ...]] = set()
        self._ahead: dict[tuple[int, ...], list[bytes]] = {}
        self.failure: UnexpectedError | None = None
        """What a listener or a sink raised, where one did."""

    def run(self, terms: Terms, config: Config, executor: Executor, interrupt: Interrupt, tables: Tables) -> None:
        """Compare every segment, then delete what may be deleted. An output that fails ends the work.

        Before the first delete, and at the end, the tables are asked whether they are still those of `tables`.
        """
        self._interrupt = interrupt
        self._tables = tables
        self._notify(lambda: self._audience.begin(terms))
        self._follow_events(executor.run(self._agenda, interrupt))
        changed = self._ask_again()
        if not interrupt.count:
            self._deletes.refused = {
                name: explain_refusal(self._found(name, changed, config), config.delete_limit)
                for name in self._deletes.place
            }
        self._save_checkpoint()
        if not interrupt.count:
            self._follow_events(executor.run(self._deletes, interrupt))
            self._save_checkpoint()
        if self._deletes.begun:
            self._ask_again()
        self._report_rest()
        if not self.finished and not interrupt.count and self._outcome.complete:
            self._outcome.add_error(UNFINISHED)
        self._notify(self._audience.end)

    def abandon(self) -> None:
        """Keep no further checkpoint: the work was broken off, and what it had reached by then is not certain."""
        self._journal.broken = True

    def finish(self, complete: bool) -> None:
        """Remove the checkpoint where the run is complete, else leave it, with a note, to another run.

        Where only items that failed are left, that run starts afresh, since no resume point leads to a single item.
        """
        if complete:
            self._journal.remove_files()
        elif self._journal.checkpoint_path is None:
            return
        elif self.finished and self._outcome.items_failed:
            self._save_checkpoint(ended=True)
            self._outcome.add_note(
                f"the checkpoint {self._journal.checkpoint_path} is kept, since items failed: "
                "--resume starts afresh and tries them again"
            )
        else:
            self._outcome.add_note(
                f"the checkpoint {self._journal.checkpoint_path} says how far this came: --resume goes on from there"
            )

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to be compared or deleted."""
        left = self._agenda.backlog()
        return not (left.legs or left.stretches or self._deletes.some_left or self._journal.broken)

    def _ask_again(self) -> Mapping[str, str]:
        """Ask all tables again what they are; return by name, and record as errors, which are others now.

        A run that a signal or a fatal error has ended is not complete anyway, and deletes nothing.
        """
        if self._interrupt.exit_code is not None or (self._interrupt.count and self._outcome.errors):
            return {}
        signalled = lambda: self._interrupt.exit_code is not None  # noqa: E731
        changed = self._tables.changes(signalled, patient=not self._outcome.errors)
        for sentence in changed.values():
            self._outcome.add_error(sentence)
        return changed

    def _found(self, name: str, changed: Mapping[str, str], config: Config) -> Found:
        """Return what is known of a slave before its first delete."""
        tally = self._outcome.slaves[self._deletes.place[name]]
        living = tally.compared - tally.expired - tally.filtered
        return Found(
            extras=self._journal.extras[name].count,
            scanned=tally.scanned,
            lacking=self._agenda.has_left(name),
            changed=changed.get(self._tables.master) or changed.get(name),
            empty_master=living == 0 and not config.allow_empty_master,
            same=tally.same if self._counts_all(config) else None,
            settled=tally.settled,
        )

    def _counts_all(self, config: Config) -> bool:
        """Return whether the scan of a slave returns every item that was the same on both sides.

        Not where only some segments are compared, since a key may be in another segment of the slave than of the
        master. And not where a worker or a run that ended too early may have written missing items that only an undo
        log tells of: they look as if they had been there before, and the slave's scan may have passed their place.
        """
        if config.shard is not None or config.sample is not None:
            return False
        if not config.write_missing:
            return True
        return config.executor != "spark" and (config.undo_log is not None or not self._agenda.repeated)

    def _follow_events(self, running: Generator[tuple[Task, Event], None, None]) -> None:
        try:
            with closing(running) as events:
                for task, event in events:
                    self._take(task, event)
        except OutputFailed as error:  # of handing out tasks: the file with the waiting extras is damaged
            self.give_up(error)

    def _take(self, task: Task, event: Event) -> None:
        if isinstance(event, PageDone):
            self._buffer_page(task, event)
        elif isinstance(event, WritesAhead):
            self._ahead.setdefault(task.id, []).append(event.writes)
        else:
            self._handle_event(task, event)
        if self._journal.due and not self._half:
            self._save_checkpoint()

    def _buffer_page(self, task: Task, page: PageDone) -> None:
        """Hold a page back until one comes after which its task could be taken up again.

        Where a task has written a part of the report, no checkpoint falls between that part and the task's end.
        """
        if page.part is not None:
            self._half.add(task.id)
        try:
            self._pending.setdefault(task.id, PendingPages()).add_page(page)
        except OutputFailed as error:
            self.give_up(error)
        if page.resume:
            self._count_buffered(task)
            if isinstance(task, SegmentTask):
                self._agenda.advance(task, page.resume, page.undo_offset)
            else:
                self._deletes.advance(task)

    def _handle_event(self, task: Task, event: Event) -> None:
        if isinstance(event, ENDS):
            self._half.discard(task.id)
        match event:
            case SlaveLost(slave, fatal=fatal) if isinstance(task, SegmentTask):
                self._agenda.lose_slave(task, slave)
                if fatal:
                    self._interrupt.request_stop()
            case TaskDone():
                self._count_buffered(task)
                if isinstance(task, SegmentTask):
                    self._agenda.finish(task)
            case TaskFailed() if event.died and self._retry(task):
                self._discard_buffered(task)
                self._outcome.add_note(f"{event.error}; it was taken up again")
                return
            case TaskFailed() if event.died and isinstance(task, DeleteTask) and self._deletes.is_done(task):
                self._discard_buffered(task)
                self._outcome.add_note(f"{event.error}; all of them were done by then")
                return
            case TaskFailed() | TaskStopped():
                self._leave_to_resume(task, event)
        segment = self._outcome.add_event(event, task)
        if segment is not None:
            self._notify(lambda: self._audience.tell_segment(segment))

    def _retry(self, task: Task) -> bool:
        ahead = tuple(self._ahead.pop(task.id, ()))
        return self._agenda.retry(task, ahead) if isinstance(task, SegmentTask) else self._deletes.retry(task, ahead)

    def _count_buffered(self, task: Task) -> None:
        """Take in what a task brought; what concerns a slave that it has lost does not count for the checkpoint."""
        lost = self._agenda.lost_slaves(task) if isinstance(task, SegmentTask) else {}
        for page in self._take_pending(task):
            stands = page
            if lost and isinstance(task, SegmentTask):
                stands, loose = page.split(lost, all_lost=len(lost) == len(task.covered))
                self._loose.add_page(loose)
            self._record_page(stands, task)

    def _discard_buffered(self, task: Task) -> None:
        """Forget what a task brought that will come again; what it consumed counts."""
        for page in self._take_pending(task):
            self._record_page(page.usage(), task)

    def _leave_to_resume(self, task: Task, event: TaskFailed | TaskStopped) -> None:
        """Leave the rest of a task to another run, which goes on where this one is certain; what came after is told."""
        for page in self._take_pending(task):
            self._record_page(page.usage(), task)
            self._loose.add_page(page.findings())
        if isinstance(task, SegmentTask):
            self._agenda.leave(task)
        elif isinstance(event, TaskFailed):
            self._deletes.set_failed(task, event.error)
        if isinstance(event, TaskFailed) and event.fatal:
            self._interrupt.request_stop()

    def _take_pending(self, task: Task) -> Iterator[PageDone]:
        """Take the pages that were held back, and forget what they were going to write."""
        self._ahead.pop(task.id, None)
        held = self._pending.pop(task.id, None)
        return iter(()) if held is None else held.take_all()

    def _record_page(self, page: PageDone, task: Task | None = None) -> None:
        self._outcome.add_event(page, task)
        try:
            self._journal.add_page(page)
        except OutputFailed as error:
            self.give_up(error)
        self._notify(lambda: self._audience.tell_page(page))

    def _notify(self, tell: Callable[[], None]) -> None:
        """Call listeners or sinks. Where one raises, the work ends after the pages at hand, and none is called again.

        They are the caller's own code, so that nothing is known of what they raise: SystemExit is nothing special.
        """
        if self.failure is not None:
            return
        try:
            tell()
        except Interrupted:  # the run is to end at once
            raise
        except BaseException as error:
            self.failure = unexpected(error, Phase("telling listeners and sinks of what was found", has_read=True))
            self.give_up(self.failure)

    def give_up(self, error: FastsyncError) -> None:
        """Ask workers to end after the pages at hand: what they write until then is still counted."""
        self._outcome.add_error(str(error))
        self._interrupt.request_stop()

    def _save_checkpoint(self, ended: bool = False) -> None:
        try:
            log = self._agenda.log_from()
            if self._deletes.log_from is not None:
                log = min(log, self._deletes.log_from)
            self._journal.save_checkpoint(
                self._agenda.backlog(), self._outcome.totals(), self._deletes.done_chunks(), log, ended
            )
        except OutputFailed as error:
            self.give_up(error)

    def _report_rest(self) -> None:
        """Tell what is true now, but not on the checkpoint: a run that resumes does it, and tells it, anew."""
        try:
            for page in self._loose.take_all():
                waiting = tuple(self._deletes.left_alone(extra) for extra in page.extras)
                self._report_uncounted(replace(page, differences=page.differences + waiting, extras=()), waiting)
            for left in self._deletes.not_deleted():
                self._report_uncounted(PageDone(Tally(), self._deletes.empty_tallies(), tuple(left)), left)
        except OutputFailed as error:
            self.give_up(error)

    def _report_uncounted(self, page: PageDone, uncounted: Iterable[Difference]) -> None:
        for difference in uncounted:
            tally = page.tallies[self._deletes.place[difference.slave]]
            tally.count_difference(difference)
            tally.withheld += self._deletes.withheld(difference)
        self._record_page(page)
