"""Record what tasks bring: in the statistics, the report and the files beside it, and with whoever listens."""

from __future__ import annotations

from collections.abc import Callable

from fastsync.errors import FastsyncError, Interrupted, OutputFailed, UnexpectedError
from fastsync.model.events import Event, PageDone, Task, Terms
from fastsync.output.sink import Audience
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.run.journal import Journal
from fastsync.run.outcome import Outcome
from fastsync.workers.interrupt import Interrupt


class Recorder:
    """Record pages and other events. Where that fails, the run is asked to end.

    `failure` is what a listener or a sink raised, where one did.
    """

    def __init__(self, outcome: Outcome, journal: Journal, audience: Audience, interrupt: Interrupt):
        self.failure: UnexpectedError | None = None
        self._outcome = outcome
        self._journal = journal
        self._audience = audience
        self._interrupt = interrupt

    def begin(self, terms: Terms) -> None:
        """Tell listeners that the run begins."""
        self._notify(lambda: self._audience.begin(terms))

    def record_page(self, page: PageDone, task: Task | None = None) -> None:
        """Count a page, report it, and tell listeners of it."""
        self._outcome.add_event(page, task)
        try:
            self._journal.add_page(page)
        except OutputFailed as error:
            self.give_up(error)
        self._notify(lambda: self._audience.page(page))

    def record_event(self, event: Event, task: Task) -> None:
        """Count an event that is no page, and tell listeners of the segment that it ended."""
        segment = self._outcome.add_event(event, task)
        if segment is not None:
            self._notify(lambda: self._audience.segment(segment))

    def end(self) -> None:
        """Tell listeners that nothing more comes."""
        self._notify(self._audience.end)

    def give_up(self, error: FastsyncError) -> None:
        """Record an error, and ask workers to end after the pages at hand: what they write until then still counts."""
        self._outcome.add_error(str(error))
        self._interrupt.request_stop()

    def _notify(self, tell: Callable[[], None]) -> None:
        """Call listeners or sinks; once one has raised, none is called again.

        They are the caller's own code, and may raise anything: SystemExit is nothing special.
        """
        if self.failure is not None:
            return
        try:
            tell()
        except Interrupted:  # the run is to end at once
            raise
        except BaseException as error:
            self.failure = unexpected(error, Phase("telling listeners and sinks of what was found", has_read=True))
            self.give_up(self.failure)
