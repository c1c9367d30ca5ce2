"""Run tasks on worker processes: one task each at a time, events back over a pipe, orders to them over another.

End-of-file on a worker's pipe means that it died, which is an event like any other; a full pipe is backpressure.
Workers are forked from a server that has the modules loaded, so that one starts in a few milliseconds.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, reduction, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from fastsync.aws.access import Access, Keyring
from fastsync.aws.credentials import Credentials
from fastsync.errors import ConfigError
from fastsync.events import AnyTask, Event, TaskDone, TaskFailed, TaskStopped
from fastsync.interrupt import Interrupt
from fastsync.ledger import Ledger
from fastsync.segment import run_task
from fastsync.wording import describe_exception

TICK = 0.2
"""Seconds between two looks at interrupts and credentials while no worker has anything to say."""
GARBAGE_AFTER = 50_000
"""Objects between two collections in a worker: a page makes thousands of them, and no cycle holds any."""
LAST_BREATH = 5.0
"""Seconds that a worker may take to end once its pipe is closed; then it is killed."""
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

    def __init__(self, parallel: int, current: Callable[[], Sequence[Credentials]], ledger: Ledger):
        self._parallel = parallel
        self._current = current
        self._ledger = ledger

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield the events of all tasks as they come; start no further task once interrupted."""
        waiting = iter(tasks)
        crew: _Crew[T] = _Crew(tuple(self._current()), self._ledger)
        try:
            for _ in range(self._parallel):
                if not interrupt.count and (task := next(waiting, None)) is not None:
                    crew.start(task)
            while crew.workers:
                for worker in crew.speaking():
                    task, event = worker.hear()
                    yield task, event
                    if isinstance(event, ENDS):
                        following = None if interrupt.count else next(waiting, None)
                        crew.go_on(worker, following)
                crew.look_after(interrupt.count, self._current)
        finally:
            crew.dismiss()


def warm_up() -> None:
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
    with _signals_held():
        forkserver.ensure_running()


class _Worker(Generic[T]):
    """The parent's end of one worker process."""

    def __init__(self, task: T, credentials: tuple[Credentials, ...], ledger: Ledger):
        context = multiprocessing.get_context("forkserver")
        events, to_parent = context.Pipe(duplex=False)
        from_parent, orders = context.Pipe(duplex=False)
        self.events = events
        self.alive = True
        self._orders = orders
        self._process = context.Process(target=work, args=(from_parent, to_parent, credentials, ledger), daemon=True)
        with _signals_held():
            _start(self._process)
        # the parent's copies of the child's ends, else end-of-file would never come
        to_parent.close()
        from_parent.close()
        self.task = task
        self.assign(task)

    def assign(self, task: T) -> None:
        self.task = task
        self.order(Assignment(pickle.dumps(task)))

    def order(self, order: Renewal | Assignment | Stop | Finish) -> None:
        with suppress(OSError):  # it has died: its pipe of events tells
            self._orders.send(order)

    def hear(self) -> tuple[T, Event]:
        """Receive the next event; a worker that died has failed its task."""
        try:
            event: Event = self.events.recv()
        except (EOFError, OSError):
            self.alive = False
            self._process.join(LAST_BREATH)
            return self.task, TaskFailed(f"{self.task}: its worker process {_death(self._process.exitcode)}", died=True)
        return self.task, event

    def kill(self) -> None:
        self._process.kill()

    def dismiss(self) -> None:
        """Let the worker end by itself."""
        self.order(Finish())
        self._orders.close()
        self._process.join(LAST_BREATH)
        self._process.kill()
        self.events.close()


class _Crew(Generic[T]):
    """The workers that are there, and what all of them have been told."""

    def __init__(self, credentials: tuple[Credentials, ...], ledger: Ledger):
        self.workers: dict[Connection, _Worker[T]] = {}
        self._credentials = credentials
        self._ledger = ledger
        self._stopped = 0

    def start(self, task: T) -> None:
        worker = _Worker(task, self._credentials, self._ledger)
        self.workers[worker.events] = worker

    def speaking(self) -> list[_Worker[T]]:
        return [self.workers[pipe] for pipe in wait(list(self.workers), TICK) if isinstance(pipe, Connection)]

    def go_on(self, worker: _Worker[T], task: T | None) -> None:
        """Give a worker that has ended its task the next one, in another process where it died."""
        if task is not None and worker.alive:
            worker.assign(task)
            return
        del self.workers[worker.events]
        worker.dismiss()
        if task is not None:
            self.start(task)

    def look_after(self, interrupts: int, current: Callable[[], Sequence[Credentials]]) -> None:
        """Pass on interrupts, the first as an order and the second as a kill, and credentials that are new."""
        if interrupts > self._stopped:
            for worker in self.workers.values():
                worker.order(Stop()) if interrupts == 1 else worker.kill()
            self._stopped = interrupts
        renewed = tuple(current())
        if renewed != self._credentials:
            self._credentials = renewed
            for worker in self.workers.values():
                worker.order(Renewal(renewed))

    def dismiss(self) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.dismiss()


def _start(process: BaseProcess) -> None:
    """Start a worker, from another fork server where somebody has killed the first one."""
    for _ in range(STARTS - 1):
        with suppress(EOFError, OSError):
            process.start()
            return
        time.sleep(BETWEEN_STARTS)
    process.start()


def work(orders: Connection, events: Connection, credentials: tuple[Credentials, ...], ledger: Ledger) -> None:
    """Be a worker: do the tasks that are ordered, one after the other, until the pipe of orders ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    keyring = Keyring(credentials)
    stopped = threading.Event()
    assigned: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, keyring, stopped, assigned), daemon=True).start()
    access = Access(keyring, ledger)
    with suppress(BrokenPipeError):  # the parent is gone: see _listen
        while (task := assigned.get()) is not None:
            for event in _events(task, access, stopped):
                events.send(event)
    access.close()


def _events(pickled: bytes, access: Access, stopped: threading.Event) -> Iterator[Event]:
    try:
        task: AnyTask = pickle.loads(pickled)
    except BaseException as error:  # a policy's, which may do anything while it is loaded
        return iter([TaskFailed(f"a worker could not take its task up: {describe_exception(error)}")])
    return run_task(task, access, stopped.is_set)


def _listen(
    orders: Connection, keyring: Keyring, stopped: threading.Event, assigned: queue.SimpleQueue[bytes | None]
) -> None:
    with suppress(EOFError, OSError):
        while True:
            match orders.recv():
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
def _signals_held() -> Iterator[None]:
    """Block SIGINT and SIGTERM: workers inherit that, since a terminal or a service manager signals them too."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"died with exit code {exitcode}"


def _travelling(ledger: Ledger) -> tuple[Callable[..., Ledger], tuple[object, int]]:
    return _arrived, (reduction.DupFd(ledger.fd), ledger.tables)


def _arrived(descriptor: Any, tables: int) -> Ledger:
    return Ledger(tables, descriptor.detach())


reduction.register(Ledger, _travelling)  # how it is handed over when a worker starts
