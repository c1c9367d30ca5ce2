"""What all pairs together may consume."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fastsync.config.limits import RunLimits
from fastsync.errors import FastsyncError
from fastsync.fleet.folder import Ended
from fastsync.fleet.listing import Listed
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import AnyTerms
from fastsync.output.statistics import OVERSPENT


class Overspent(FastsyncError):
    """The fleet would consume more than it may, and was not started."""

    exit_code = OVERSPENT


class Spent:
    """Count what all pairs consume, and call `stop` once it is more than they may. A sink of every pair.

    `sentence` says by which limit, once it is reached.
    """

    def __init__(self, limits: RunLimits, done: Sequence[Ended]):
        self.sentence: str | None = None
        self.stop: Callable[[], object] = lambda: None
        self._limits = limits
        self._lock = threading.Lock()
        self._read = self._written = 0.0
        for ended in done:
            if ended.statistics is not None:
                slaves = ended.statistics.slaves.values()
                self._read += ended.statistics.master.read_units + sum(each.read_units for each in slaves)
                self._written += sum(each.write_units for each in slaves)

    def begin(self, terms: AnyTerms) -> None:
        """Do nothing: pages count."""

    def page(self, done: PageDone) -> None:
        """Count a page."""
        with self._lock:
            self._read += sum(tally.read_units for tally in (done.master, *done.tallies))
            self._written += sum(tally.write_units for tally in (done.master, *done.tallies))
            excess = self._limits.find_excess(self._read, self._written)
            if excess is None or self.sentence is not None:
                return
            self.sentence = f"ended by {excess.flag}: {excess.amount} consumed by all pairs by then"
        self.stop()

    def end(self) -> None:
        """Do nothing: other pairs go on."""


def refuse_overspending(listed: Sequence[Listed], limits: RunLimits) -> None:
    """Raise Overspent where all pairs together are estimated to consume more than they may."""
    totals = [each.chosen.forecast.total for each in listed if each.chosen is not None]
    excess = limits.find_excess(sum(each.read for each in totals), sum(each.write for each in totals))
    if excess is not None:
        raise Overspent(f"not started: all pairs are estimated to take {excess.amount}, more than {excess.flag} allows")
