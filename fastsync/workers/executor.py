"""The interface of the places where tasks run."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from fastsync.model.events import Event, Task
from fastsync.workers.interrupt import Interrupt


class Executor(Protocol):
    """Where tasks run."""

    def run(self, tasks: Iterable[Task], interrupt: Interrupt) -> Generator[tuple[Task, Event], None, None]:
        """Yield every task's events."""
