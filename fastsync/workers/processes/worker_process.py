"""One worker process as its parent sees it: start it, send it orders, receive its events, and notice its death.

Workers are forked from a server that has the modules loaded, so that one starts in a few milliseconds.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.shared_cells import SharedCells
from fastsync.model.messages.events import Event, TaskFailed
from fastsync.model.messages.tasks import AnyTask
from fastsync.workers.processes.fork_server import cannot_start, main_module_hidden, signals_blocked
from fastsync.workers.processes.frames import Inbox, Outbox
from fastsync.workers.processes.worker import NO_THREAD, Assignment, Finish, Order, Renewal, run_worker

OBITUARY = 1.0
"""Seconds to wait for the exit code of a worker whose pipe has ended."""
STARTS = 10
"""How often a worker is started where the fork server dies meanwhile; another server comes when that one is gone."""
BETWEEN_STARTS = 0.1
"""Seconds: a process that is killed takes a moment to be gone."""
T = TypeVar("T", bound=AnyTask)


class WorkerProcess(Generic[T]):
    """The parent's end of one worker process, which begins with `task`.

    Raises ConfigError where no worker can be started now; every descriptor is closed again then.
    """

    def __init__(self, task: T, credentials: tuple[Credentials, ...], cells: SharedCells):
        context = multiprocessing.get_context("forkserver")
        self.alive = True
        self.unstarted = False
        self.task = task
        self._credentials = credentials
        with ExitStack() as opened:
            try:
                pipes = [opened.enter_context(end) for _ in range(2) for end in context.Pipe(duplex=False)]
                self.events, to_parent, from_parent, self.orders = pipes
                self._inbox = Inbox(self.events.fileno())
                self._outbox = Outbox(self.orders.fileno())
                self._process = context.Process(
                    target=_be_worker, args=(from_parent, to_parent, credentials, cells), daemon=True
                )
                _start_process(self._process, pickle.dumps(task))
            except (EOFError, OSError, RuntimeError) as error:  # no descriptor, process or thread to be had
                raise cannot_start(error) from None
            opened.pop_all()
        # the parent's copies of the child's ends, else end-of-file would never come
        to_parent.close()
        from_parent.close()
        self.assign_task(task)

    def assign_task(self, task: T) -> None:
        """Have the worker work on a task next."""
        self.task = task
        self.send_order(Assignment(pickle.dumps(task)))

    def renew(self, credentials: tuple[Credentials, ...]) -> None:
        """Have the worker sign with these credentials from here on, where it does not yet."""
        if credentials != self._credentials:
            self._credentials = credentials
            self.send_order(Renewal(credentials))

    def send_order(self, order: Order) -> None:
        """Send an order, as far as the pipe takes it; a worker that has died is noticed by its pipe of events."""
        with suppress(OSError):
            self._outbox.send(order)

    def flush(self) -> None:
        """Send the rest of orders that did not fit into the pipe before."""
        with suppress(OSError):
            self._outbox.flush()

    @property
    def unsent(self) -> bool:
        """Return whether an order is not in the pipe yet, because the worker does not read."""
        return self._outbox.waiting

    def receive_events(self) -> list[Event]:
        """Return the events that have arrived whole; a worker that died has failed its task."""
        try:
            return self._inbox.read()
        except (EOFError, OSError):
            self.alive = False
            self._process.join(OBITUARY)
            self.unstarted = self._process.exitcode == NO_THREAD
            death = _describe_death(self._process.exitcode)
            return [TaskFailed(f"{self.task}: its worker process {death}", died=True)]

    def kill(self) -> None:
        """Kill the process at once."""
        self._process.kill()

    def finish(self) -> None:
        """Have the worker end by itself."""
        self.send_order(Finish())
        if not self._outbox.waiting:
            self.orders.close()

    def has_ended(self, wait: float = 0.0) -> bool:
        """Wait up to so many seconds for the process to end; return whether it has, and close its pipes then."""
        self._process.join(wait)
        if self._process.exitcode is None:
            return False
        self.orders.close()
        self.events.close()
        return True


def _be_worker(
    orders: Connection, events: Connection, credentials: tuple[Credentials, ...], cells: SharedCells
) -> None:
    run_worker(orders.fileno(), events.fileno(), credentials, cells)


def _start_process(process: BaseProcess, pickled: bytes) -> None:
    """Start a worker for a pickled task, from another fork server where somebody has killed the first one.

    Starting waits for the fork server, which may be frozen, with signals blocked. So a thread does it, and this one
    still hears signals.
    """
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with signals_blocked(), main_module_hidden(pickled):
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


def _describe_death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"died with exit code {exitcode}"


def _reduce_cells(cells: SharedCells) -> tuple[Callable[..., SharedCells], tuple[object, int]]:
    return _rebuild_cells, (reduction.DupFd(cells.fd), cells.tables)


def _rebuild_cells(descriptor: Any, tables: int) -> SharedCells:
    return SharedCells(tables, descriptor.detach())


reduction.register(SharedCells, _reduce_cells)  # how it is handed over when a worker starts
