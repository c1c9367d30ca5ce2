"""Signals: the second one ends whatever the main thread is at."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from fastsync.errors import Interrupted
from fastsync.workers.interrupt import Interrupt

PAUSES = 500
"""Pauses of a hundredth of a second: several times as long as the second signal takes to strike."""


def test_code_that_catches_every_exception() -> None:
    """The second signal also ends a listener that catches every Exception and goes on."""
    with pytest.raises(Interrupted), Interrupt() as interrupt:
        interrupt.only_count()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(PAUSES):
            with suppress(Exception):
                time.sleep(0.01)
