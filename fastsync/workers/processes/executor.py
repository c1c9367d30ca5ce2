"""Keep a crew of worker processes at work, and pass on interrupts and renewed credentials.

End-of-file on a worker's pipe means that it died, which is an event like any other; a full pipe is backpressure.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Generic, TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.shared_cells import SharedCells
from fastsync.errors import ConfigError, FastsyncError, IncompleteError
from fastsync.model.messages.events import Event, TaskDone, TaskFailed, TaskStopped
from fastsync.model.messages.tasks import AnyTask
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.fork_server import cannot_start
from fastsync.workers.processes.worker import Stop
from fastsync.workers.processes.worker_process import WorkerProcess

TICK = 0.2
"""Seconds between two looks at interrupts and credentials while no worker has anything to say."""
LAST_BREATH = 5.0
"""Seconds that a worker may take to end once it is ordered to; then it is killed."""
ENDS = (TaskDone, TaskStopped, TaskFailed)
T = TypeVar("T", bound=AnyTask)


class ProcessExecutor:
    """Keep up to `parallel` worker processes at work; `current` returns the accounts' credentials valid now.

    All of them keep to the budgets in the same `cells`.
    """

    def __init__(self, parallel: int, current: Callable[[], Sequence[Credentials]], cells: SharedCells):
        self._parallel = parallel
        self._current = current
        self._cells = cells

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield the events of all tasks as they come; start no further task once interrupted."""
        waiting = Waiting(tasks)
        crew: Crew[T] = Crew(tuple(self._current()), self._cells)
        interrupt.kill = crew.kill
        growing = True
        try:
            while crew.workers or growing:
                growing = growing and self._grow(crew, waiting, interrupt)
                if crew.workers:
                    yield from crew.follow_ready(waiting, interrupt, wait=not growing)
                crew.look_after(interrupt.count, self._current)
        finally:
            crew.dismiss_all()

    def _grow(self, crew: Crew[T], waiting: Waiting[T], interrupt: Interrupt) -> bool:
        """Start one more worker for the next task; return whether there may be another one after it.

        One at a time: a worker that has ended its task meanwhile takes the next one, which is cheaper than a start.
        """
        if interrupt.count or len(crew.workers) >= self._parallel:
            return False
        task = next(waiting, None)
        if task is None:
            return False
        if crew.add_worker(task):
            return True
        waiting.put_back(task)
        return False


class Waiting(Generic[T]):
    """The tasks that wait for a worker, those first that a worker has given back before it began."""

    def __init__(self, tasks: Iterable[T]):
        self._tasks = iter(tasks)
        self._back: list[T] = []

    def __iter__(self) -> Waiting[T]:
        return self

    def __next__(self) -> T:
        return self._back.pop() if self._back else next(self._tasks)

    def put_back(self, task: T) -> None:
        """Let a task wait again."""
        self._back.append(task)


class Crew(Generic[T]):
    """The workers that are at work, and those that are to end."""

    def __init__(self, credentials: tuple[Credentials, ...], cells: SharedCells):
        self.workers: list[WorkerProcess[T]] = []
        self._leaving: list[tuple[WorkerProcess[T], float]] = []
        self._credentials = credentials
        self._cells = cells
        self._interrupts = 0
        self.has_begun = False

    def add_worker(self, task: T) -> bool:
        """Start another worker; return False where that fails, but there are others to do the work.

        Raises ConfigError where there are none, and IncompleteError once something was read.
        """
        try:
            self.workers.append(WorkerProcess(task, self._credentials, self._cells))
        except ConfigError as error:
            if not self.workers:
                raise self._make_failure(error) from None
            return False
        return True

    def do_without(self, worker: WorkerProcess[T]) -> None:
        """Let a worker go that could not begin; raise an error where it was the last one."""
        worker.finish()
        self.let_leave(worker)
        self.workers.remove(worker)
        if not self.workers:
            raise self._make_failure(cannot_start(RuntimeError("no thread can be started, see ulimit -u")))

    def _make_failure(self, error: ConfigError) -> FastsyncError:
        """Return the error of a run that has no worker left: nothing was read where none has begun."""
        if not self.has_begun:
            return error
        return IncompleteError(str(error))

    def follow_ready(
        self, waiting: Waiting[T], interrupt: Interrupt, *, wait: bool = True
    ) -> Generator[tuple[T, Event], None, None]:
        """Yield the events that have arrived, and give workers that have ended their tasks the next ones."""
        for worker in self.wait_for_ready(TICK if wait else 0.0):
            events = worker.receive_events()
            if worker.unstarted:
                waiting.put_back(worker.task)
                self.do_without(worker)
                continue
            self.has_begun = True
            for event in events:
                yield worker.task, event
                if isinstance(event, ENDS):
                    following = None if interrupt.count else next(waiting, None)
                    if not self.assign_next(worker, following) and following is not None:
                        waiting.put_back(following)

    def wait_for_ready(self, seconds: float) -> list[WorkerProcess[T]]:
        """Wait up to so many seconds; return the workers that have something to say. Unsent orders go on their way."""
        with selectors.PollSelector() as selector:
            for worker in self.workers:
                selector.register(worker.events, selectors.EVENT_READ, worker)
                if worker.unsent:
                    selector.register(worker.orders, selectors.EVENT_WRITE, worker)
            ready = selector.select(seconds)
        for key, mask in ready:
            if mask & selectors.EVENT_WRITE:
                key.data.flush()
        return [key.data for key, mask in ready if mask & selectors.EVENT_READ]

    def assign_next(self, worker: WorkerProcess[T], task: T | None) -> bool:
        """Give a worker that has ended its task the next one, in another process where it died.

        Returns False where no other can be started, and the workers that are left have to do the task.
        """
        if task is not None and worker.alive:
            worker.assign_task(task)
            return True
        worker.finish()
        self.let_leave(worker)
        self.workers.remove(worker)
        return task is None or self.add_worker(task)

    def look_after(self, interrupts: int, current: Callable[[], Sequence[Credentials]]) -> None:
        """Pass on interrupts, the first as an order and the second as a kill, and credentials that are new."""
        if interrupts > self._interrupts:
            self._interrupts = interrupts
            for worker in self.workers:
                if interrupts == 1:
                    worker.send_order(Stop())
                else:
                    worker.kill()
        self._see_off()
        renewed = tuple(current())
        if renewed != self._credentials:
            self._credentials = renewed
            for worker in self.workers:
                worker.renew(renewed)

    def kill(self) -> None:
        """Kill all workers at once, also those that are frozen; may be called at any moment."""
        for worker in self.workers:
            worker.kill()
        for worker, _ in self._leaving:
            worker.kill()

    def dismiss_all(self) -> None:
        """Leave no worker behind: those at work are killed, those that are to end have a moment for it."""
        for worker in self.workers:
            worker.kill()
            self.let_leave(worker)
        self.workers = []
        while self._leaving:
            self._leaving[0][0].has_ended(TICK)
            self._see_off()

    def let_leave(self, worker: WorkerProcess[T]) -> None:
        """Give a worker that was told to end a moment for it."""
        self._leaving.append((worker, time.monotonic() + LAST_BREATH))

    def _see_off(self) -> None:
        """Forget workers that have ended, and kill those that had time enough."""
        now = time.monotonic()
        for worker, until in list(self._leaving):
            past_help = now > until + LAST_BREATH  # not even a kill ends it: it waits for a disk, say
            if worker.has_ended() or past_help:
                self._leaving.remove((worker, until))
            elif now > until:
                worker.kill()
