"""Limits on a whole run, its earlier parts included: how many differences it may find, how much it may consume."""

from __future__ import annotations

from collections.abc import Iterable

from fastsync.config.limits import RunLimits
from fastsync.model.difference import Tally
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.tasks import AnyTask, DeleteTask
from fastsync.model.wording import count_nouns
from fastsync.output.statistics import ENDED, NOT_STARTED
from fastsync.run.outcome import Outcome
from fastsync.workers.interrupt import Interrupt


class Gate:
    """Watch pages as they come in, and ask the run to end once a limit is reached.

    What a page consumed counts at once, whatever becomes of the page. So do its differences, unless its worker dies and
    another one finds them again. `not_started`: the run is estimated to consume more than it may.
    """

    def __init__(self, limits: RunLimits, outcome: Outcome, interrupt: Interrupt):
        self.not_started = False
        self._limits = limits
        self._outcome = outcome
        self._interrupt = interrupt
        self._closed = False
        self._found = 0
        self._read = self._written = 0.0

    def begin(self, waiting_extras: int) -> None:
        """Begin with what an earlier part of the job has counted; `waiting_extras` are in no tally yet, or twice."""
        slaves = self._outcome.slaves
        self._found = sum(tally.missing + tally.differing for tally in slaves)
        self._found += waiting_extras or sum(tally.extra for tally in slaves)
        self._add_units((self._outcome.master, *slaves))
        self._check()
        self._check_forecast()

    def add_page(self, task: AnyTask, page: PageDone) -> None:
        """Count a page that has just come in."""
        self._found += _count_differences(task, page)
        self._add_units((page.master, *page.tallies))
        self._check()

    def take_back(self, task: AnyTask, page: PageDone) -> None:
        """Take back what a page found whose task is retried from before it."""
        self._found -= _count_differences(task, page)

    def _add_units(self, tallies: Iterable[Tally]) -> None:
        for tally in tallies:
            self._read += tally.read_units
            self._written += tally.write_units

    def _check(self) -> None:
        if self._closed:
            return
        most, excess = self._limits.differences, self._limits.find_excess(self._read, self._written)
        if excess is not None:
            self._outcome.overspent = True
            self._close(f"{ENDED}{excess.flag}: {excess.amount} consumed by then")
        elif most is not None and self._found >= most:
            found = count_nouns(self._found, "difference")
            self._close(f"{ENDED}--max-differences {most:,}: {found} found by then; no extra is deleted after that")

    def _check_forecast(self) -> None:
        """Let nothing begin where the estimate is beyond a limit; one that is not known is no reason to refuse."""
        forecast = self._outcome.forecast
        if self._closed or forecast is None:
            return
        excess = self._limits.find_excess(forecast.total.read, forecast.total.write)
        if excess is not None:
            self.not_started = self._outcome.overspent = True
            self._close(
                f"{NOT_STARTED}{forecast.strategy} is estimated to take {excess.amount}, more than {excess.flag} allows"
            )

    def _close(self, sentence: str) -> None:
        self._closed = True
        self._outcome.add_error(sentence)
        self._interrupt.request_stop()


def _count_differences(task: AnyTask, page: PageDone) -> int:
    """Count what a page found; a chunk of deletes finds nothing new."""
    if isinstance(task, DeleteTask):
        return 0
    return sum(tally.differences for tally in page.tallies) + len(page.extras)
