"""Record what tasks bring: in the statistics, the report and the files beside it, and with whoever listens.

`Ending` sees to it that what was recorded is written to its end, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastsync.errors import FastsyncError, Interrupted, OutputFailed, UnexpectedError
from fastsync.model.messages.events import Event, PageDone
from fastsync.model.messages.tasks import AnyTask
from fastsync.model.messages.terms import AnyTerms
from fastsync.output.sink import Audience
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.run.checkpoints.journal import Journal
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

    def begin(self, terms: AnyTerms) -> None:
        """Tell listeners that the run begins."""
        self.call(lambda: self._audience.begin(terms))

    def record_page(self, page: PageDone, task: AnyTask | None = None) -> None:
        """Count a page, report it, and tell listeners of it."""
        self._outcome.add_event(page, task)
        try:
            self._journal.add_page(page)
        except OutputFailed as error:
            self.give_up(error)
        self.call(lambda: self._audience.page(page))

    def record_event(self, event: Event, task: AnyTask) -> None:
        """Count an event that is no page, and tell listeners of the segment that it ended."""
        segment = self._outcome.add_event(event, task)
        if segment is not None:
            self.call(lambda: self._audience.segment(segment))

    def end(self) -> None:
        """Tell listeners that nothing more comes."""
        self.call(self._audience.end)

    def give_up(self, error: FastsyncError) -> None:
        """Record an error, and ask workers to end after the pages at hand: what they write until then still counts."""
        self._outcome.add_error(str(error))
        self._interrupt.request_stop()

    def call(self, tell: Callable[[], None]) -> None:
        """Call listeners, sinks, or whatever else the caller has given; once one has raised, none is called again.

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


class Ending:
    """Keep what ends the work until report and statistics say how far it came.

    `doing` is what an unforeseen error interrupts. `abandon` is called where the work is broken off.
    """

    def __init__(self, outcome: Outcome, doing: str, abandon: Callable[[], object] = lambda: None):
        self._outcome = outcome
        self._doing = doing
        self._abandon = abandon
        self._failures: list[FastsyncError] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Let the block end by any error, so that the next step follows."""
        try:
            yield
        except Interrupted:
            self._abandon()
        except FastsyncError as error:
            self._keep(error)
        except BaseException as error:
            self._keep(unexpected(error, Phase(self._doing, has_read=True)))

    def _keep(self, error: FastsyncError) -> None:
        self._abandon()
        self._failures.append(error)
        self._outcome.add_error(str(error))

    def raise_failure(self, first: FastsyncError | None) -> None:
        """Raise `first`, which a listener or a sink raised, or else what ended the work."""
        for failure in (first, *self._failures):
            if failure is not None:
                raise failure


@contextmanager
def note_failed_output(outcome: Outcome) -> Iterator[None]:
    """Count an output that fails as an error of the run."""
    try:
        yield
    except OutputFailed as error:
        outcome.add_error(str(error))
