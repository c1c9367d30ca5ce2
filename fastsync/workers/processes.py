"""Run tasks in worker processes: events come back over one pipe, orders go out over another.

End-of-file on a worker's pipe means that it died, which is an event like any other; a full pipe is backpressure. The
parent never waits for one worker: whoever is frozen keeps nobody else waiting.
Workers are forked from a server that has the modules loaded, so that one starts in a few milliseconds.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import queue
import selectors
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, reduction, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.errors import ConfigError
from fastsync.model.events import AnyTask, Event, TaskDone, TaskFailed, TaskStopped
from fastsync.model.wording import describe_exception
from fastsync.workers.frames import Inbox, Outbox, receive, send
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.segment import run_task

TICK = 0.2
"""Seconds between two looks at interrupts and credentials while no worker has anything to say."""
GARBAGE_AFTER = 50_000
"""Objects between two collections in a worker: a page makes thousands of them, and no cycle holds any."""
LAST_BREATH = 5.0
"""Seconds that a worker may take to end once it is told to; then it is killed."""
OBITUARY = 1.0
"""Seconds to wait for the exit code of a worker whose pipe has ended."""
STARTS = 10
"""How often a worker is started where the fork server dies meanwhile; another server comes when that one is gone."""
BETWEEN_STARTS = 0.1
"""Seconds: a process that is killed takes a moment to be gone."""
ENDS = (TaskDone, TaskStopped, TaskFailed)
T = TypeVar("T", bound=AnyTask)


@dataclass(frozen=True)
class Renewal:
    """An order: from now on sign with these credentials."""

    credentials: tuple[Credentials, ...]


@dataclass(frozen=True)
class Assignment:
    """An order: work on this (pickled) task next."""

    task: bytes


@dataclass(frozen=True)
class Stop:
    """An order: leave the task after the page at hand."""


@dataclass(frozen=True)
class Finish:
    """An order: there is nothing more to do. A pipe of orders that ends without it means that the parent is gone."""


class ProcessExecutor:
    """Keep up to `parallel` worker processes at work; `current` gives the accounts' credentials valid now.

    All of them keep to the budgets in one `ledger`.
    """

    def __init__(self, parallel: int, current: Callable[[], Sequence[Credentials]], cells: SharedCells):
        self._parallel = parallel
        self._current = current
        self._cells = cells

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield the events of all tasks as they come; start no further task once interrupted."""
        waiting = iter(tasks)
        crew: _Crew[T] = _Crew(tuple(self._current()), self._cells)
        interrupt.kill = crew.kill
        try:
            for _ in range(self._parallel):
                if not interrupt.count and (task := next(waiting, None)) is not None:
                    crew.start_worker(task)
            while crew.workers:
                for worker in crew.ready():
                    for event in worker.receive_event():
                        yield worker.task, event
                        if isinstance(event, ENDS):
                            following = None if interrupt.count else next(waiting, None)
                            crew.assign_next(worker, following)
                crew.look_after(interrupt.count, self._current)
        finally:
            crew.dismiss_all()


def start_fork_server() -> None:
    """Start the fork server, which loads the workers' modules while the parent still describes tables: 0.2 s saved.

    Raises ConfigError in a daemonic process, such as a worker of a task queue: Python lets it start no others.
    """
    if multiprocessing.current_process().daemon:
        raise ConfigError(
            "this is a daemonic process, such as a worker of a task queue, and may start no worker processes: "
            'give --executor inline, or executor="inline"'
        )
    multiprocessing.set_forkserver_preload([__name__])
    resource_tracker.ensure_running()  # it unblocks signals when it starts, so it starts before they are held
    with _signals_blocked():
        forkserver.ensure_running()


class _Worker(Generic[T]):
    """The parent's end of one worker process."""

    def __init__(self, task: T, credentials: tuple[Credentials, ...], cells: SharedCells):
        context = multiprocessing.get_context("forkserver")
        self.events, to_parent = context.Pipe(duplex=False)
        from_parent, self.orders = context.Pipe(duplex=False)
        self.alive = True
        self._inbox = Inbox(self.events.fileno())
        self._outbox = Outbox(self.orders.fileno())
        self._process = context.Process(
            target=run_worker, args=(from_parent, to_parent, credentials, cells), daemon=True
        )
        _start_process(self._process)
        # the parent's copies of the child's ends, else end-of-file would never come
        to_parent.close()
        from_parent.close()
        self.task = task
        self.assign_task(task)

    def assign_task(self, task: T) -> None:
        self.task = task
        self.send_order(Assignment(pickle.dumps(task)))

    def send_order(self, order: Renewal | Assignment | Stop | Finish) -> None:
        with suppress(OSError):  # it has died: its pipe of events tells
            self._outbox.send(order)

    def flush(self) -> None:
        """Send what is left of orders, where there is room for it by now."""
        with suppress(OSError):
            self._outbox.flush()

    @property
    def unsent(self) -> bool:
        """Return whether an order is not in the pipe yet, because the worker does not read."""
        return self._outbox.waiting

    def receive_event(self) -> list[Event]:
        """Return the events that have come in whole; a worker that died has failed its task."""
        try:
            return self._inbox.read()
        except (EOFError, OSError):
            self.alive = False
            self._process.join(OBITUARY)
            death = _describe_death(self._process.exitcode)
            return [TaskFailed(f"{self.task}: its worker process {death}", died=True)]

    def kill(self) -> None:
        self._process.kill()

    def finish(self) -> None:
        """Have the worker end by itself."""
        self.send_order(Finish())
        if not self._outbox.waiting:
            self.orders.close()

    def has_ended(self, wait: float = 0.0) -> bool:
        """Return whether the process is gone, after waiting for that so many seconds; release its pipes where it is."""
        self._process.join(wait)
        if self._process.exitcode is None:
            return False
        self.orders.close()
        self.events.close()
        return True


class _Crew(Generic[T]):
    """The workers that are there, those that are to end, and what all of them have been told."""

    def __init__(self, credentials: tuple[Credentials, ...], cells: SharedCells):
        self.workers: list[_Worker[T]] = []
        self._leaving: list[tuple[_Worker[T], float]] = []
        self._credentials = credentials
        self._cells = cells
        self._stopped = 0

    def start_worker(self, task: T) -> None:
        self.workers.append(_Worker(task, self._credentials, self._cells))

    def ready(self) -> list[_Worker[T]]:
        """Wait a little; return the workers that have something to say. Orders that were not sent go on their way."""
        with selectors.PollSelector() as selector:
            for worker in self.workers:
                selector.register(worker.events, selectors.EVENT_READ, worker)
                if worker.unsent:
                    selector.register(worker.orders, selectors.EVENT_WRITE, worker)
            found = selector.select(TICK)
        for key, what in found:
            if what & selectors.EVENT_WRITE:
                key.data.flush()
        return [key.data for key, what in found if what & selectors.EVENT_READ]

    def assign_next(self, worker: _Worker[T], task: T | None) -> None:
        """Give a worker that has ended its task the next one, in another process where it died."""
        if task is not None and worker.alive:
            worker.assign_task(task)
            return
        worker.finish()
        self._leaving.append((worker, time.monotonic() + LAST_BREATH))
        self.workers.remove(worker)
        if task is not None:
            self.start_worker(task)

    def look_after(self, interrupts: int, current: Callable[[], Sequence[Credentials]]) -> None:
        """Pass on interrupts, the first as an order and the second as a kill, and credentials that are new."""
        if interrupts > self._stopped:
            for worker in self.workers:
                worker.send_order(Stop()) if interrupts == 1 else worker.kill()
            self._stopped = interrupts
        self._see_off()
        renewed = tuple(current())
        if renewed != self._credentials:
            self._credentials = renewed
            for worker in self.workers:
                worker.send_order(Renewal(renewed))

    def kill(self) -> None:
        """Kill all workers at once, also those that are frozen; may be called at any moment."""
        for worker in (*self.workers, *(each for each, _ in self._leaving)):
            worker.kill()

    def dismiss_all(self) -> None:
        """Leave no worker behind: those at work are killed, those that are to end have a moment for it."""
        for worker in self.workers:
            worker.kill()
        self._leaving += [(worker, time.monotonic() + LAST_BREATH) for worker in self.workers]
        self.workers = []
        while self._leaving:
            self._leaving[0][0].has_ended(TICK)
            self._see_off()

    def _see_off(self) -> None:
        """Forget workers that have ended, and kill those that had time enough."""
        now = time.monotonic()
        for worker, until in list(self._leaving):
            past_help = now > until + LAST_BREATH  # not even a kill ends it: it waits for a disk, say
            if worker.has_ended() or past_help:
                self._leaving.remove((worker, until))
            elif now > until:
                worker.kill()


def _start_process(process: BaseProcess) -> None:
    """Start a worker, from another fork server where somebody has killed the first one.

    That waits for the fork server, which may be frozen, with signals held. A thread does it, and this one hears them.
    """
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with _signals_blocked():
                _start_patiently(process)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _start_patiently(process: BaseProcess) -> None:
    for _ in range(STARTS - 1):
        with suppress(EOFError, OSError):
            process.start()
            return
        time.sleep(BETWEEN_STARTS)
    process.start()


def run_worker(
    orders: Connection, events: Connection, credentials: tuple[Credentials, ...], cells: SharedCells
) -> None:
    """Be a worker: run the assigned tasks, one after another, until the pipe of orders ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    keyring = Keyring(credentials)
    stopped = threading.Event()
    assigned: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_follow_orders, args=(orders, keyring, stopped, assigned), daemon=True).start()
    clients = Clients(keyring, cells)
    with suppress(BrokenPipeError):  # the parent is gone: see _listen
        while (task := assigned.get()) is not None:
            for event in _run_pickled(task, clients, stopped):
                send(events.fileno(), event)
    clients.close_all()


def _run_pickled(pickled: bytes, clients: Clients, stopped: threading.Event) -> Iterator[Event]:
    try:
        task: AnyTask = pickle.loads(pickled)
    except BaseException as error:  # a policy's, which may do anything while it is loaded
        return iter([TaskFailed(f"a worker could not take its task up: {describe_exception(error)}")])
    return run_task(task, clients, stopped.is_set)


def _follow_orders(
    orders: Connection, keyring: Keyring, stopped: threading.Event, assigned: queue.SimpleQueue[bytes | None]
) -> None:
    with suppress(EOFError, OSError):
        while True:
            match receive(orders.fileno()):
                case Renewal(credentials):
                    keyring.credentials = credentials
                case Assignment(task):
                    assigned.put(task)
                case Stop():
                    stopped.set()
                case Finish():
                    assigned.put(None)
                    return
    os._exit(1)  # the parent is gone: nobody hears any more what is written, so nothing more is


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM: workers inherit that, since a terminal or a service manager signals them too."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _describe_death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"died with exit code {exitcode}"


def _reduce_cells(cells: SharedCells) -> tuple[Callable[..., SharedCells], tuple[object, int]]:
    return _rebuild_cells, (reduction.DupFd(cells.fd), cells.tables)


def _rebuild_cells(descriptor: Any, tables: int) -> SharedCells:
    return SharedCells(tables, descriptor.detach())


reduction.register(SharedCells, _reduce_cells)  # how it is handed over when a worker starts
