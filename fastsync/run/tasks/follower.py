"""Follow the events of tasks at work, of whatever kind: a page counts once its task could be resumed after it.

So a dead worker can be replaced, and a killed run resumed, without losing or counting anything twice.
"""

from __future__ import annotations

from fastsync.errors import OutputFailed
from fastsync.model.messages.events import Event, PageDone, SlaveLost, TaskDone, TaskFailed, TaskStopped, WritesAhead
from fastsync.run.outcome import Outcome
from fastsync.run.recorder import Recorder
from fastsync.run.tasks.buffers import TaskBuffers
from fastsync.run.tasks.gate import Gate
from fastsync.run.tasks.source import T, TaskSource
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.pending_pages import PendingPages


class TaskFollower:
    """Hold pages back until they count, then record them; have tasks retried whose workers died.

    `not_resumable` are findings that do not count: a run that resumes finds them anew. `gate` sees every page as it
    comes in.
    """

    def __init__(self, outcome: Outcome, recorder: Recorder, interrupt: Interrupt, gate: Gate | None = None):
        self.not_resumable = PendingPages()
        self._outcome = outcome
        self._recorder = recorder
        self._interrupt = interrupt
        self._gate = gate
        self._buffers = TaskBuffers()

    @property
    def allow_checkpoint(self) -> bool:
        """Return False while a checkpoint would come between a task's part of the report and its end."""
        return self._buffers.allow_checkpoint

    def take_event(self, source: TaskSource[T], task: T, event: Event) -> None:
        """Take in one event of a task; raise OutputFailed where pages cannot be held back."""
        if isinstance(event, PageDone):
            self._buffer_page(source, task, event)
            return
        if isinstance(event, WritesAhead):
            self._buffers.add_announced(task, event.writes)
            return
        if isinstance(event, TaskDone | TaskStopped | TaskFailed):
            self._buffers.end_task(task)
        match event:
            case SlaveLost(slave):
                source.lose_slave(task, slave)
            case TaskDone():
                self._count_buffered(source, task)
                source.finish(task)
            case TaskFailed() if event.died and self._survive_death(source, task, event):
                return
            case TaskFailed() | TaskStopped():
                self._leave_task(source, task, event)
        if isinstance(event, SlaveLost | TaskFailed) and event.fatal:
            self._interrupt.request_stop()
        self._recorder.record_event(event, task)

    def _buffer_page(self, source: TaskSource[T], task: T, page: PageDone) -> None:
        """Hold a page back until one comes after which its task could be resumed."""
        if self._gate is not None:
            self._gate.add_page(task, page)
        try:
            self._buffers.add_page(task, page)
        except OutputFailed as error:
            self._recorder.give_up(error)
        if page.resume:
            self._count_buffered(source, task)
            source.advance(task, page)

    def _count_buffered(self, source: TaskSource[T], task: T) -> None:
        """Count what a task brought; what concerns slaves that it has lost is only reported."""
        for page in self._buffers.take_pages(task):
            counted, lost = source.split_page(task, page)
            if lost is not None:
                self.not_resumable.add_page(lost)
            self._recorder.record_page(counted, task)

    def _survive_death(self, source: TaskSource[T], task: T, failure: TaskFailed) -> bool:
        """Have a task retried whose worker died; return False where that is in vain.

        What the task brought will come again; only what it consumed counts.
        """
        if source.retry(task, self._buffers.take_announced(task)):
            end = "it was retried"
        elif source.is_done(task):
            end = "all of them were done by then"
        else:
            return False
        for page in self._buffers.take_pages(task):
            self._recorder.record_page(page.usage(), task)
            if self._gate is not None:
                self._gate.take_back(task, page)
        self._outcome.add_note(f"{failure.error}; {end}")
        return True

    def _leave_task(self, source: TaskSource[T], task: T, event: TaskFailed | TaskStopped) -> None:
        """Leave the rest of a task to another run, which resumes it at the last page on record.

        What was found after that page is only reported.
        """
        for page in self._buffers.take_pages(task):
            self._recorder.record_page(page.usage(), task)
            self.not_resumable.add_page(page.findings())
        source.leave(task, event if isinstance(event, TaskFailed) else None)
