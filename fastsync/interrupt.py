"""Interrupt: SIGINT and SIGTERM as a request that is looked at, not an exception that strikes anywhere."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any


class Interrupted(Exception):
    """A signal came where nothing is at work that could be finished first."""


class Interrupt:
    """Count the signals while active. Installs handlers only in the main thread, and puts the old ones back.

    The first signal asks for an end between two pages, the second for one at once. The end of `duration` seconds asks
    like a first signal.
    """

    def __init__(self, duration: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.timed_out = False
        self._count = 0
        self._clock = clock
        self._deadline = math.inf if duration is None else clock() + duration
        self.signal: int | None = None
        self._old: dict[int, Any] = {}
        self._strikes = True

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """From here on only count signals: work has begun."""
        self._strikes = False

    def end(self) -> None:
        """Ask for an end between two pages, as the first signal does, where there was none yet."""
        self._count = self._count or 1

    @property
    def count(self) -> int:
        """How often an end was asked for."""
        if not self._count and self._clock() >= self._deadline:
            self._count, self.timed_out = 1, True
        return self._count

    @property
    def exit_code(self) -> int | None:
        """The exit code that the first signal stands for, None where there was none."""
        return None if self.signal is None else 128 + self.signal

    def _note(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        self.signal = self.signal or number
        if self._strikes:
            raise Interrupted
