"""Run tasks one after another in this process: for tests, debuggers, and places without processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.model.messages.events import Event
from fastsync.model.messages.tasks import AnyTask
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.task import run_task

T = TypeVar("T", bound=AnyTask)


class InlineExecutor:
    """Run every task here; `current` returns the accounts' credentials that are valid now."""

    def __init__(self, current: Callable[[], Sequence[Credentials]], cells: SharedCells):
        self._current = current
        self._cells = cells

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield each task's events; start no further task once interrupted."""
        clients = Clients(_Renewed(self._current), self._cells)
        try:
            for task in tasks:
                if interrupt.count:
                    return
                for event in run_task(task, clients, lambda: interrupt.count > 0):
                    yield task, event
        finally:
            clients.close_all()


class _Renewed(Keyring):
    """A keyring that asks for credentials at every request: here nobody sends renewed ones."""

    def __init__(self, current: Callable[[], Sequence[Credentials]]):
        super().__init__(current())
        self._current = current

    def source_of(self, account: int) -> Callable[[], Credentials]:
        return lambda: self._current()[account]
