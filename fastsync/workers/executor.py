"""The interface of the places where tasks run."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol, TypeVar

from fastsync.model.messages.events import Event
from fastsync.model.messages.tasks import SpoolTask, Task
from fastsync.workers.interrupt import Interrupt

T = TypeVar("T", bound=Task | SpoolTask)


class Executor(Protocol):
    """Where tasks run."""

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield every task's events."""
