"""One crew of worker processes for many runs at once, each in a thread of its own.

A run borrows workers and gives them back; none is started for a run alone. Every run has one worker before another has
two: who has more than one gives one back, at the end of its task, while somebody waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.shared_cells import SharedCells
from fastsync.errors import ConfigError
from fastsync.model.messages.events import Event
from fastsync.model.messages.tasks import AnyTask
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import TICK, Crew, Waiting
from fastsync.workers.processes.worker_process import WorkerProcess

T = TypeVar("T", bound=AnyTask)


class WorkerPool:
    """Up to `parallel` worker processes, which keep to the budgets in the same `cells`. Safe for threads."""

    def __init__(self, parallel: int, cells: SharedCells):
        self.parallel = parallel
        self.cells = cells
        self._free: list[WorkerProcess[Any]] = []
        self._count = 0
        self._waiting = 0
        self._change = threading.Condition()

    @property
    def contended(self) -> bool:
        """Whether a run waits for its first worker."""
        return self._waiting > 0

    def wait_for_worker(self, left: Callable[[], bool]) -> bool:
        """Reserve a worker for a run that has none, once there is one; return False where the run is `left` first."""
        with self._change:
            self._waiting += 1
            try:
                while not self._has_room():
                    if left():
                        return False
                    self._change.wait(TICK)
                self._count += 1
                return True
            finally:
                self._waiting -= 1

    def try_reserve(self) -> bool:
        """Reserve another worker for a run that has one already, where no other run waits for its first."""
        with self._change:
            if self._waiting or not self._has_room():
                return False
            self._count += 1
            return True

    def _has_room(self) -> bool:
        return self._count < self.parallel

    def open_worker(self, task: T, credentials: tuple[Credentials, ...]) -> WorkerProcess[T]:
        """Give a reserved worker its first task: one that has nothing to do, else a new process.

        Raises ConfigError, and takes the reservation back, where none can be started.
        """
        with self._change:
            worker = self._free.pop() if self._free else None
        if worker is not None:
            worker.renew(credentials)
            worker.assign_task(task)
            return worker
        try:
            return WorkerProcess(task, credentials, self.cells)
        except BaseException:
            self.release()
            raise

    def give_back(self, worker: WorkerProcess[Any]) -> None:
        """Take back a worker that has ended its task and is alive."""
        with self._change:
            self._free.append(worker)
            self._count -= 1
            self._change.notify()

    def release(self) -> None:
        """Take back the place of a worker that has ended, or could not be started."""
        with self._change:
            self._count -= 1
            self._change.notify()

    def dismiss_all(self) -> None:
        """End the workers that have nothing to do, once no run is at work any more."""
        with self._change:
            free, self._free = self._free, []
        crew: Crew[Any] = Crew((), self.cells)
        for worker in free:
            worker.finish()
            crew.let_leave(worker)
        crew.dismiss_all()


class PooledExecutor:
    """Where the tasks of one run are worked on: by workers that it borrows. `current` returns credentials valid now."""

    def __init__(self, pool: WorkerPool, current: Callable[[], Sequence[Credentials]]):
        self._pool = pool
        self._current = current

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield the events of all tasks as they come; start no further task once interrupted."""
        waiting = Waiting(tasks)
        crew: _BorrowedCrew[T] = _BorrowedCrew(tuple(self._current()), self._pool)
        interrupt.kill = crew.kill
        try:
            while not interrupt.count and (task := next(waiting, None)) is not None:
                if not self._pool.wait_for_worker(lambda: interrupt.count > 0):
                    return
                crew.begin_with(task)
                yield from self._follow(crew, waiting, interrupt)
        finally:
            crew.dismiss_all()

    def _follow(
        self, crew: _BorrowedCrew[T], waiting: Waiting[T], interrupt: Interrupt
    ) -> Generator[tuple[T, Event], None, None]:
        """Yield events for as long as the run has a worker, and borrow more where there are any."""
        while crew.workers:
            grown = crew.grow(waiting, interrupt)
            yield from crew.follow_ready(waiting, interrupt, wait=not grown)
            crew.look_after(interrupt.count, self._current)


class _BorrowedCrew(Crew[T]):
    """The workers that a run has borrowed."""

    def __init__(self, credentials: tuple[Credentials, ...], pool: WorkerPool):
        super().__init__(credentials, pool.cells)
        self._pool = pool

    def begin_with(self, task: T) -> None:
        """Put the worker that was reserved for the run to work; raise ConfigError where none can be started."""
        try:
            self.workers.append(self._pool.open_worker(task, self._credentials))
        except ConfigError as error:
            raise self._make_failure(error) from None

    def grow(self, waiting: Waiting[T], interrupt: Interrupt) -> bool:
        """Borrow another worker for a task that waits, where there is one that nobody else waits for.

        Returns whether it did. One at a time, as `ProcessExecutor` does.
        """
        if interrupt.count or not self._pool.try_reserve():
            return False
        task = next(waiting, None)
        if task is None:
            self._pool.release()
            return False
        if not self._open_reserved(task):
            waiting.put_back(task)
            return False
        return True

    def _open_reserved(self, task: T) -> bool:
        try:
            self.workers.append(self._pool.open_worker(task, self._credentials))
        except ConfigError:
            return False
        return True

    def add_worker(self, task: T) -> bool:
        """Have another worker do this task in the place of one that died; return False where there is none."""
        return self._pool.try_reserve() and self._open_reserved(task)

    def assign_next(self, worker: WorkerProcess[T], task: T | None) -> bool:
        """Give a worker that has ended its task the next one; or give it back where there is none, or others wait.

        Returns False where the task still waits for a worker.
        """
        yields = self._pool.contended and len(self.workers) > 1
        if task is not None and worker.alive and not yields:
            worker.assign_task(task)
            return True
        self.workers.remove(worker)
        if worker.alive:
            self._pool.give_back(worker)
            return task is None
        worker.finish()
        self.let_leave(worker)
        self._pool.release()
        return task is None or self.add_worker(task)

    def do_without(self, worker: WorkerProcess[T]) -> None:
        """Let a worker go that could not begin; raise an error where it was the run's last one."""
        self._pool.release()
        super().do_without(worker)

    def dismiss_all(self) -> None:
        """Leave no worker behind in the middle of a task."""
        for _ in self.workers:
            self._pool.release()
        super().dismiss_all()
