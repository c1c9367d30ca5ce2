"""Retries: how often one request may fail, and how long to wait before it is sent again.

Faults and throttling are counted apart, each up to `max_retries` in a row. Throttling is patience rather than failure:
its count begins anew whenever the table has answered anybody meanwhile, in whatever thread or process.
"""

from __future__ import annotations

import random

from fastsync.aws.failures import Fault, Throttled
from fastsync.aws.throttle import Budget
from fastsync.parts import Retrying

BACKOFF_CAP = 20.0
"""Seconds; no pause between two tries is longer."""


def backoff(tries: int, base: float) -> float:
    """Draw the pause in seconds after `tries` failures in a row: full jitter under a capped exponential."""
    return random.uniform(0, min(BACKOFF_CAP, base * 2.0 ** min(tries - 1, 30)))


class Tries:
    """The tries of one request to a table with this budget."""

    def __init__(self, retrying: Retrying, budget: Budget):
        self._retrying = retrying
        self._budget = budget
        self._faults = 0
        self._throttles = 0
        self._in_vain = 0
        self._since = budget.clock()

    @property
    def failed(self) -> int:
        """How many tries have failed."""
        return self._faults + self._throttles

    def pause(self, failure: Throttled | Fault) -> float | None:
        """Count a failure, and give the seconds to wait before the next try; None where it was the last one."""
        if isinstance(failure, Fault):
            self._faults += 1
            in_a_row = tries = self._faults
        else:
            self._in_vain = 1 if self._budget.answered_since(self._since) else self._in_vain + 1
            self._throttles += 1
            in_a_row, tries = self._in_vain, self._throttles
            self._since = self._budget.clock()
        if in_a_row > self._retrying.max_retries:
            return None
        return max(backoff(tries, self._retrying.base), min(failure.after, BACKOFF_CAP))
