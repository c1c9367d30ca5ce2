"""One pair's run, in a thread of its own, with workers and accounts that all pairs share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastsync.config.config import Config
from fastsync.errors import CredentialsEnded
from fastsync.model.policy import Policy
from fastsync.plan.access import SharedAccess
from fastsync.plan.survey import Survey
from fastsync.run.place import Place
from fastsync.run.synchronizer import Synchronizer
from fastsync.workers.executor import Executor
from fastsync.workers.processes.pool import PooledExecutor, WorkerPool

SMALL = 64 << 20
"""Bytes below which a table is one segment: it is read in about a second, and others are read beside it."""


@dataclass(frozen=True)
class Shared:
    """What all pairs share, and the number of this pair's master among all tables."""

    pool: WorkerPool
    access: SharedAccess


class PairSynchronizer(Synchronizer):
    """Synchronise one pair; `cancel_by` and `break_off` reach it from any thread."""

    def __init__(self, shared: Shared, master: Any, slaves: Any, **more: Any):
        super().__init__(master, slaves, **more)
        self._shared = shared

    def _open_place(self) -> AbstractContextManager[Place]:
        return nullcontext(_PooledPlace(self._config, self._shared))

    def cancel_by(self, number: int) -> None:
        """End what is underway as a first signal of this number does."""
        for interrupt in tuple(self._underway):
            interrupt.cancel(number)

    def request_stop(self) -> None:
        """End what is underway between two pages, as a run does that has reached a limit."""
        for interrupt in tuple(self._underway):
            interrupt.request_stop()

    def break_off(self) -> None:
        """End what is underway at once, as a second signal does."""
        for interrupt in tuple(self._underway):
            interrupt.break_off()


class _PooledPlace(Place):
    """The workers that all pairs share."""

    def __init__(self, config: Config, shared: Shared):
        super().__init__(config)
        self.shared = shared.access
        self.whole_below = SMALL
        self._pool = shared.pool

    def check(self, policy: Policy | None) -> None:
        """Do nothing: the fork server is there, and policies were checked."""

    def make_executor(self, found: Survey, parallel: int, ended: Callable[[CredentialsEnded], object]) -> Executor:
        """Return the executor for these tables, of as many processes as there are.

        `ended` is called with credentials that end in mid-run.
        """
        return PooledExecutor(self._pool, partial(found.shared_credentials, self._pool.cells, ended))
