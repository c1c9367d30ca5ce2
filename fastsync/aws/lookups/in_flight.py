"""Adapt the number of requests in flight to one table: more while that helps, fewer when throttled.

Where a round trip takes 40 ms and an answer 0.2 ms of this process, sixty in flight cost no more than one and bring
sixty times as much; on a nearby server more than a few only wait for each other. The time of answers shows which it
is: as long as they come as quickly as with few in flight, each one raises the limit by one, which doubles it every
round trip.
"""

from __future__ import annotations

FEWEST = 2
"""One being answered while another is being worked on."""
FIRST = 8
MOST = 64
"""At 40 ms a round trip this is 160,000 keys a second, which is more than a process can compare."""
SLOWED = 2.0
"""An answer that takes longer than this many times the quickest one has waited for others."""
ANEW = 2000
"""Answers after which the quickest time is measured anew with a quarter in flight: tables and networks change."""


class InFlightLimit:
    """Learn from answers how many requests may be in flight. Not safe for threads."""

    def __init__(self, most: int = MOST):
        self._most = most
        self._limit = float(min(FIRST, most))
        self._quickest = float("inf")
        self._answers = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    def on_answer(self, seconds: float) -> None:
        """Take in an answer to a full request and the seconds that it took."""
        self._answers += 1
        if self._answers % ANEW == 0:
            self._quickest = float("inf")
            self._limit = max(FEWEST, self._limit / 4)
        self._quickest = min(seconds, self._quickest)
        if seconds > SLOWED * self._quickest:
            self._limit = max(FEWEST, self._limit - 0.5)
        else:
            self._limit = min(self._most, self._limit + 1)

    def on_throttle(self) -> None:
        """Take in an answer that asks for fewer requests."""
        self._limit = max(1.0, self._limit / 2)
