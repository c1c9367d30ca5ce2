"""Budgets: capacity units per second of one table in one direction, for one process or shared by all.

A token bucket that fills at the rate and holds the units of one second. It is kept as one number, the time at which
its debt is paid off. A request waits until that time; then it adds its expected cost to the debt, so that requests in
flight together cannot spend the same units, and corrects it once the answer reports the consumed units. time.monotonic
is one clock for all processes of a Linux or macOS system.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

BURST = 1.0
"""Seconds: an idle bucket saves up their units at most."""
REQUEST = 0.25
"""Seconds: one request may cost their units at most, where that is more than `SMALLEST`."""
SMALLEST = 4.0
"""Units below which requests are not made smaller, unless the rate is lower still: each page of a scan is rounded up to
half a unit, which wastes more than a few percent of smaller pages."""
LEAST = 1 / 8192
"""Units of reading one byte; no piece costs less, whatever a server reports."""
UNKNOWN_COST = 0.5
"""Units that a piece is expected to cost while nothing is known: no request costs less."""
FADING = 0.8
"""Weight of the earlier answers against the latest in the cost of a piece."""


class Cell(Protocol):
    """Two times in seconds that one or more processes share, and the lock for changing them."""

    paid_off: float
    answered: float

    def locked(self) -> AbstractContextManager[object]:
        """Keep others out."""


@dataclass
class PrivateCell:
    """A cell of this process alone."""

    paid_off: float = 0.0
    answered: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def locked(self) -> AbstractContextManager[object]:
        """Keep other threads out."""
        return self._lock


class Budget:
    """Let requests pass at `rate` units per second, any number where that is None. Safe for threads."""

    def __init__(
        self,
        cell: Cell,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ):
        self.rate = rate
        self.clock = clock
        self._cell = cell
        self._sleep = sleep
        self._turn = threading.Lock()

    def reserve(self, units: float) -> None:
        """Wait while the bucket is in debt, then add the expected units of one request."""
        if self.rate is None:
            while (seconds := self._cell.paid_off - self.clock()) > 0:  # the service has asked the whole run to wait
                self._sleep(seconds)
            return
        with self._turn:  # one thread of a process waits for the bucket, the others for their turn
            while (seconds := self._try_reserve(units, self.rate)) > 0:
                self._sleep(seconds)

    def add_debt(self, units: float) -> None:
        """Add units to the debt, or subtract them where they are negative: what a request cost beyond its charge."""
        if self.rate is not None and units:
            with self._cell.locked():
                self._cell.paid_off += units / self.rate

    def pause(self, seconds: float) -> None:
        """Let no request of any process pass for some seconds: the whole table is throttled."""
        with self._cell.locked():
            self._cell.paid_off = max(self._cell.paid_off, self.clock() + seconds)

    def note_answer(self) -> None:
        """Note that the table has just answered."""
        self._cell.answered = self.clock()

    def answered_since(self, moment: float) -> bool:
        """Return whether the table has answered any request since then."""
        return self._cell.answered > moment

    def _try_reserve(self, units: float, rate: float) -> float:
        """Add units to the debt and return 0, or return the seconds until the debt is paid off."""
        with self._cell.locked():
            now, paid_off = self.clock(), self._cell.paid_off
            if paid_off > now:
                return paid_off - now
            self._cell.paid_off = max(paid_off, now - BURST) + units / rate
            return 0.0


class Charge:
    """What one request is expected to cost: reserved before each try, and corrected by the answer."""

    __slots__ = ("_each", "_meter", "budget", "units")

    def __init__(self, meter: CostModel, units: float, each: float):
        self.budget = meter.budget
        self.units = units
        self._meter = meter
        self._each = each

    def reserve(self) -> None:
        """Wait until the budget lets the request pass, and reserve its expected cost."""
        self.budget.reserve(self.units)

    def refund(self) -> None:
        """Take back the cost of a try that the service did not serve."""
        self.budget.add_debt(-self.units)

    def correct(self, consumed: float | None, pieces: int) -> None:
        """Charge the units consumed beyond those reserved, and learn from them; None where the service reports none."""
        if self.budget.rate is not None and consumed is not None:
            self.budget.add_debt(consumed - self.units)
            self._meter.learn_cost(consumed / self._each, pieces)


class CostModel:
    """One kind of request on a budget: what a piece of it (an item, a key) costs, and how many one request may hold.

    `guess` is the cost of a piece in units by the table's description, None where that reports no size: then the first
    request holds one piece. `most` is the most that a request can cost. A consistent read costs `each` times the usual.
    """

    def __init__(self, budget: Budget, guess: float | None = None, most: float = float("inf")):
        self.budget = budget
        self._most = most
        self._units = self._pieces = 0.0
        if guess is not None:
            self._units, self._pieces = guess, 1.0
        rate = budget.rate or 0.0
        self._request = max(rate * REQUEST, min(rate * BURST, SMALLEST))
        self._free = Charge(self, 0.0, 1.0)

    def pieces_per_request(self, most: int | None, each: float = 1.0) -> int | None:
        """Return how many pieces one request may hold, `most` at most; None where nothing limits it."""
        if self.budget.rate is None:
            return most
        fitting = 1
        if self._pieces:
            fitting = max(1, int(self._request / (self._cost_per_piece * each)))
        if most is None:
            return fitting
        return min(most, fitting)

    def charge_for(self, pieces: int | None, each: float = 1.0) -> Charge:
        """Return the charge for a request of this many pieces: 0 units where nothing is limited."""
        if self.budget.rate is None or pieces is None:
            return self._free
        return Charge(self, min(self._most, pieces * self._cost_per_piece * each), each)

    def learn_cost(self, units: float, pieces: int) -> None:
        """Take in the cost of the pieces of one request."""
        if pieces:
            self._units = self._units * FADING + units
            self._pieces = self._pieces * FADING + pieces

    @property
    def _cost_per_piece(self) -> float:
        if not self._pieces:
            return UNKNOWN_COST
        return max(LEAST, self._units / self._pieces)
