"""Budgets: capacity units per second of one table in one direction, for one process or shared by all.

A bucket that fills at the rate and holds one second's worth is kept as one number, the time at which it is paid off.
A request that would start before that time waits; one that starts puts what it is expected to cost on the bucket, so
that requests under way together cannot all spend the same units, and the difference once the answer says what was
consumed. time.monotonic is one clock for all processes of a Linux or macOS system.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

BURST = 1.0
"""Seconds whose units an idle bucket saves up at most."""
REQUEST = 0.25
"""Seconds whose units one request is to cost at most, where that is more than `SMALLEST`."""
SMALLEST = 4.0
"""Units below which requests are not made smaller, but for those of a whole second: each page of a scan is rounded up
to half a unit, which is a waste of a few percent from here on."""
LEAST = 1 / 8192
"""Units of reading one byte: no piece costs less, whatever a server reports."""
FADING = 0.8
"""What earlier answers weigh against the latest in the cost of a piece."""


class Cell(Protocol):
    """Two times in seconds that one or many processes share, and the lock for changing them."""

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
        """Wait while the bucket is in debt, then put the expected units of one request on it."""
        if self.rate is None:
            while (left := self._cell.paid_off - self.clock()) > 0:  # the service has asked the whole run to wait
                self._sleep(left)
            return
        with self._turn:  # one thread of a process waits for the bucket, the others for their turn
            while (left := self._try_reserve(units, self.rate)) > 0:
                self._sleep(left)

    def add_debt(self, units: float) -> None:
        """Add units to the debt, or take them off it: what a request cost beyond what was expected."""
        if self.rate is not None and units:
            with self._cell.locked():
                self._cell.paid_off += units / self.rate

    def pause(self, seconds: float) -> None:
        """Let no request of any process pass for so long: the whole table is throttled."""
        with self._cell.locked():
            self._cell.paid_off = max(self._cell.paid_off, self.clock() + seconds)

    def note_answer(self) -> None:
        """Note that the table has just answered."""
        self._cell.answered = self.clock()

    def answered_since(self, moment: float) -> bool:
        """Return whether the table has answered anybody since then."""
        return self._cell.answered > moment

    def _try_reserve(self, units: float, rate: float) -> float:
        """Put units on the bucket, or give the seconds until it is paid off."""
        with self._cell.locked():
            now, paid_off = self.clock(), self._cell.paid_off
            if paid_off > now:
                return paid_off - now
            self._cell.paid_off = max(paid_off, now - BURST) + units / rate
            return 0.0


class Charge:
    """What one request is expected to cost: paid before each try, and settled by the answer."""

    __slots__ = ("_each", "_meter", "budget", "units")

    def __init__(self, meter: CostModel, units: float, each: float):
        self.budget = meter.budget
        self.units = units
        self._meter = meter
        self._each = each

    def reserve(self) -> None:
        """Wait until the budget lets the request pass, and pay what it is expected to cost."""
        self.budget.reserve(self.units)

    def refund(self) -> None:
        """Take back what was paid for a try that the service did not serve."""
        self.budget.add_debt(-self.units)

    def correct(self, consumed: float | None, pieces: int) -> None:
        """Charge what was consumed beyond what was paid, and learn from it; None: the service does not tell."""
        if self.budget.rate is not None and consumed is not None:
            self.budget.add_debt(consumed - self.units)
            self._meter.learn_cost(consumed / self._each, pieces)


class CostModel:
    """One kind of request on a budget: what a piece of it (an item, a key) costs, and how many one request may hold.

    `guess` is the cost of a piece in units by what the table says of itself, None where it says nothing: then the
    first request has one piece. `most` is what a request can cost at all. A request may cost `each` times the usual.
    """

    def __init__(self, budget: Budget, guess: float | None = None, most: float = float("inf")):
        self.budget = budget
        self._most = most
        self._units = guess or 0.0
        self._pieces = 0.0 if guess is None else 1.0
        rate = budget.rate or 0.0
        self._request = max(rate * REQUEST, min(rate * BURST, SMALLEST))
        self._free = Charge(self, 0.0, 1.0)

    def pieces_per_request(self, most: int | None, each: float = 1.0) -> int | None:
        """Return how many pieces one request may hold, `most` at most; None where nothing limits it."""
        if self.budget.rate is None:
            return most
        fitting = max(1, int(self._request / (self._cost_per_piece * each))) if self._pieces else 1
        return fitting if most is None else min(most, fitting)

    def charge_for(self, pieces: int | None, each: float = 1.0) -> Charge:
        """Return the fare of a request of so many pieces: nothing where nothing is limited."""
        if self.budget.rate is None or pieces is None:
            return self._free
        return Charge(self, min(self._most, pieces * self._cost_per_piece * each), each)

    def learn_cost(self, units: float, pieces: int) -> None:
        """Take in what the pieces of one request have cost."""
        if pieces:
            self._units = self._units * FADING + units
            self._pieces = self._pieces * FADING + pieces

    @property
    def _cost_per_piece(self) -> float:
        """The units of a piece, half a unit while nothing is known: no request costs less."""
        return max(LEAST, self._units / self._pieces) if self._pieces else 0.5
