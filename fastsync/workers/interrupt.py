"""SIGINT and SIGTERM: the first is a request that the run looks at, the second breaks off whatever it waits for."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from fastsync.errors import Interrupted

GRACE = 0.8
"""Seconds from the second signal on in which the run may come to its end by itself."""
PRESSING = 0.2
"""Seconds between two further interruptions, where the main thread waits for something else by then."""
FINISHING = "finishing the pages at hand; press again to stop now"
"""The answer to the first signal once work has begun."""
LAST = 1.6
"""Seconds from the second signal on after which the process exits, where it is the command line's own."""


def name_signal(exit_code: int) -> str:
    """Return the name of the signal that an exit code stands for: SIGINT for 130."""
    return signal.Signals(exit_code - 128).name


class Interrupt:
    """Count the signals while active. Installs handlers only in the main thread, and puts the old ones back.

    The first signal asks for an end between two pages. So does the end of `duration` seconds, and `in_vain` once it
    returns True: nobody wants what the run would bring. Once work has begun the first signal is answered by a call of
    `announce`, in a thread of its own.

    The second signal asks for an end at once: `kill` is called, at any moment, and what the main thread waits for (a
    pipe that nobody reads, an answer, a listener) is broken off by Interrupted soon after, again and again until the
    block ends.

    `leave` is set by the command line only: it ends the process, with the exit code, LAST seconds after the second
    signal. A process that is not ours is not for us to end.
    """

    leave: Callable[[int], object] | None = None

    def __init__(
        self,
        duration: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        in_vain: Callable[[], bool] = lambda: False,
    ) -> None:
        self.timed_out = False
        self.cancelled = False
        self._in_vain = in_vain
        self._count = 0
        self._clock = clock
        self._deadline = math.inf if duration is None else clock() + duration
        self.signal: int | None = None
        self._old: dict[int, Any] = {}
        self._raises = True
        self.kill: Callable[[], object] = lambda: None
        self.announce: Callable[[str], object] = lambda _: None
        self._answer: threading.Thread | None = None
        self._over = False
        self._pressing: threading.Thread | None = None
        self._pressed = threading.Condition()

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._note_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        if self._answer is not None:
            self._answer.join(PRESSING)  # the summary comes after it
        if self._pressing is not None:
            self._end_pressing()
        for number, handler in self._old.items():
            if (
                Interrupt.leave is None or self.signal is None
            ):  # else another signal ends the process: see `_note_signal`
                signal.signal(number, handler)

    def only_count(self) -> None:
        """Only count signals from here on: work has begun."""
        self._raises = False

    def begin_work(self) -> None:
        """Only count signals from here on; raise Interrupted where the run was cancelled before."""
        if self.cancelled:
            raise Interrupted
        self.only_count()

    @contextmanager
    def answered_by_caller(self) -> Iterator[None]:
        """Leave the answer to the first signal to whoever waits for a person meanwhile: there are no pages at hand."""
        announce, self.announce = self.announce, lambda _: None
        try:
            yield
        finally:
            self.announce = announce

    def request_stop(self) -> None:
        """Ask for an end between two pages, as the first signal does."""
        self._count = self._count or 1

    def cancel(self, number: int = signal.SIGINT) -> None:
        """Ask for an end as a first signal does, from any thread; once work has begun no answer is given."""
        self.cancelled = True
        self.signal = self.signal or number
        self.request_stop()

    def break_off(self) -> None:
        """Ask for an end at once as a second signal does, from any thread, but for what this thread waits for."""
        self._count = max(self._count, 2)
        self.kill()

    @property
    def count(self) -> int:
        """Return how often an end was asked for."""
        if not self._count and self._clock() >= self._deadline:
            self._count, self.timed_out = 1, True
        if not self._count and self._in_vain():
            self._count = 1
        return self._count

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of the first signal, None where there was none; `cancel` counts as SIGINT."""
        return None if self.signal is None else 128 + self.signal

    def _note_signal(self, number: int, _: FrameType | None) -> None:
        if self._over:
            if Interrupt.leave is not None and self.signal is not None and self._pressing is None:
                Interrupt.leave(128 + self.signal)
            return
        self._count += 1
        self.signal = self.signal or number
        if self._raises:
            raise Interrupted
        if self._count < 2:
            self._answer_signal()
            return
        self.kill()
        if self._pressing is not None:
            raise Interrupted
        if Interrupt.leave is not None:
            leaving = threading.Timer(LAST, Interrupt.leave, [128 + self.signal])
            leaving.daemon = True
            leaving.start()
        self._pressing = threading.Thread(target=self._press, args=(number,), daemon=True)
        self._pressing.start()

    def _answer_signal(self) -> None:
        """Say that the signal was heard; not in this thread, which may be in the middle of writing to stderr."""
        self._answer = threading.Thread(target=self._say_finishing, daemon=True)
        self._answer.start()

    def _say_finishing(self) -> None:
        with suppress(Exception):
            self.announce(FINISHING)

    def _press(self, number: int) -> None:
        """Signal the main thread again and again, which ends its system calls, until the block ends."""
        with self._pressed:
            self._pressed.wait_for(lambda: self._over, GRACE)
            while not self._over:
                signal.pthread_kill(threading.main_thread().ident or 0, number)
                self._pressed.wait_for(lambda: self._over, PRESSING)

    def _end_pressing(self) -> None:
        with self._pressed:
            self._pressed.notify_all()
