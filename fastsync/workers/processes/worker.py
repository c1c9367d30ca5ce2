"""What a worker process does: run the tasks that it is assigned, one after another, and send their events.

It obeys orders and ignores signals, since the parent decides when to end. Where the parent is gone it ends at once.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.model.messages.events import Event, TaskFailed
from fastsync.model.messages.tasks import AnyTask
from fastsync.model.wording import describe_exception
from fastsync.workers.processes.frames import receive, send
from fastsync.workers.task import run_task

NO_THREAD = 71
"""The exit code of a worker that could not start, since it cannot have a thread (sysexits.h: EX_OSERR)."""
GARBAGE_AFTER = 50_000
"""Objects between two collections in a worker: a page makes thousands of them, and no cycle holds any."""


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


Order = Renewal | Assignment | Stop | Finish


def run_worker(orders: int, events: int, credentials: tuple[Credentials, ...], cells: SharedCells) -> None:
    """Run the assigned tasks until there is nothing more to do; `orders` and `events` are descriptors of pipes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    inbox = _OrderInbox(credentials)
    try:
        threading.Thread(target=inbox.follow, args=(orders,), daemon=True).start()
    except RuntimeError:  # the system's limit of processes is reached (ulimit -u)
        os._exit(NO_THREAD)
    clients = Clients(inbox.keyring, cells)
    with suppress(BrokenPipeError):  # the parent is gone: see `follow`
        while (task := inbox.assigned.get()) is not None:
            for event in _run_pickled(task, clients, inbox.stopped):
                send(events, event)
    clients.close_all()


def _run_pickled(pickled: bytes, clients: Clients, stopped: threading.Event) -> Iterator[Event]:
    try:
        task: AnyTask = pickle.loads(pickled)
    except BaseException as error:  # a policy's, which may do anything while it is loaded
        return iter([TaskFailed(f"a worker could not take its task up: {describe_exception(error)}")])
    clients.close_others(task.terms.tables)  # the task before may have been another run's
    return run_task(task, clients, stopped.is_set)


class _OrderInbox:
    """What the parent has ordered; `assigned` brings tasks, and None once there is nothing more to do."""

    def __init__(self, credentials: tuple[Credentials, ...]):
        self.keyring = Keyring(credentials)
        self.stopped = threading.Event()
        self.assigned: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def follow(self, orders: int) -> None:
        """Take in orders until the last one; end the process where the parent is gone."""
        with suppress(EOFError, OSError):
            while True:
                match receive(orders):
                    case Renewal(credentials):
                        self.keyring.credentials = credentials
                    case Assignment(task):
                        self.stopped.clear()  # that was for the task before, of a run that has ended
                        self.assigned.put(task)
                    case Stop():
                        self.stopped.set()
                    case Finish():
                        self.assigned.put(None)
                        return
        os._exit(1)  # nobody reads what is written any more, so nothing more is written
