"""How often one request may fail, and how long to wait before it is sent again.

Faults and throttling are counted separately, each up to `max_retries` in a row. Throttling is no failure: its count
starts again whenever the table has answered a request meanwhile, of any thread or process.
"""

from __future__ import annotations

import random

from fastsync.aws.budget import Budget
from fastsync.aws.failures import Fault, Throttled
from fastsync.model.settings import Retrying


def draw_pause(tries: int, retrying: Retrying) -> float:
    """Return a random pause in seconds after `tries` failures in a row: full jitter under a capped exponential."""
    return random.uniform(0, min(retrying.cap, retrying.base * 2.0 ** min(tries - 1, 30)))


class Standstill:
    """Count rounds in which a table answers no thread, and no process that shares its budget."""

    def __init__(self, budget: Budget):
        self._budget = budget
        self._since = budget.clock()
        self._rounds = 0

    def count(self) -> int:
        """Count a round without an answer; return how many there were since the table last answered any request."""
        if self._budget.answered_since(self._since):
            self._rounds = 0
        self._rounds += 1
        self._since = self._budget.clock()
        return self._rounds


class Tries:
    """The tries of one request to a table with this budget."""

    def __init__(self, retrying: Retrying, budget: Budget):
        self._retrying = retrying
        self._standstill = Standstill(budget)
        self._faults = 0
        self._timeouts = 0
        self._throttles = 0

    @property
    def failed_count(self) -> int:
        """How many tries have failed."""
        return self._faults + self._throttles

    def next_pause(self, failure: Throttled | Fault) -> float | None:
        """Count a failure, and return the seconds to wait before the next try; None where it was the last one."""
        if isinstance(failure, Fault):
            self._faults += 1
            self._timeouts += failure.timed_out
            in_a_row = tries = self._faults
        else:
            self._throttles += 1
            in_a_row, tries = self._standstill.count(), self._throttles
        if in_a_row > self._retrying.max_retries or self._has_timed_out_for_good():
            return None
        return max(draw_pause(tries, self._retrying), min(failure.after, self._retrying.cap))

    def _has_timed_out_for_good(self) -> bool:
        most = self._retrying.timeouts
        return most is not None and self._timeouts > most
