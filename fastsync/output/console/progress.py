"""Progress on stderr: a bar on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastsync.model.difference import Effect, Tally
from fastsync.model.messages.events import PageDone, SegmentEnd
from fastsync.model.messages.terms import AnyTerms, Terms
from fastsync.model.wording import choose_form, count_nouns
from fastsync.output.log import Log

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


REDRAWN_AFTER = 0.1
"""Seconds that a bar stays away at least after it was erased for a line, so that many lines cost few redraws."""
TICK = 0.5
"""Seconds between two redraws where no page comes: the bar shows how long it has been."""


class Bar:
    """A progress bar over the master's items, whose number is the service's estimate.

    Before the run begins it says what is done until then; that is drawn once, so that what asks for a code on the
    terminal writes over it.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._ended = threading.Event()
        self._found = _Differences()
        self._throttled = self._divided = 0

    def announce(self, text: str) -> None:
        """Show what is done before the run begins."""
        # at the end of it the cursor goes back to the line's beginning
        self._bar = load_bar()(bar_format="{desc}\r", desc=text, leave=False, dynamic_ncols=True, file=sys.stderr)

    def begin(self, terms: AnyTerms) -> None:
        """Show the bar."""
        self.end()
        self._ended.clear()
        total = terms.expected_items or None
        make = load_bar()
        self._bar = make(total=total, unit=" items", unit_scale=True, dynamic_ncols=True, file=sys.stderr)
        threading.Thread(target=self._redraw, daemon=True).start()

    def _redraw(self) -> None:
        while not self._ended.wait(TICK):
            self._bar.refresh()

    def page(self, done: PageDone) -> None:
        """Move the bar."""
        self._found.add_page(done)
        self._throttled += sum(tally.throttled for tally in (done.master, *done.tallies))
        self._divided += done.divided
        told = f"{self._found.count:,} differences{_format_divided(self._divided)}{_format_throttled(self._throttled)}"
        self._bar.set_postfix_str(told, refresh=False)
        self._bar.update(done.master.scanned)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the bar away while somebody is asked."""
        self._bar.hide()
        try:
            yield
        finally:
            self._bar.show()

    def end(self) -> None:
        """Leave the bar as it stands, if there is one; without what was done before the run."""
        self._ended.set()
        if self._bar is not None:
            self._bar.close()


def load_bar() -> Any:
    """Return the class of a bar that is redrawn seldom, however many lines are written beside it."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0

    class SeldomRedrawn(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        """`tqdm.write` erases a bar before each line and redraws it after each; here most of both is left out."""

        _shown = _hidden = False
        _shown_at = -REDRAWN_AFTER

        def hide(self) -> None:
            """Erase the bar, and do not draw it until `show`."""
            with self._lock:  # type: ignore[attr-defined, unused-ignore]
                self.clear(nolock=True)
                self._hidden = True

        def show(self) -> None:
            """Draw the bar again."""
            self._hidden = False
            self.refresh()

        def display(self, *args: Any, **more: Any) -> Any:
            if self._hidden:
                return None
            self._shown, self._shown_at = True, time.monotonic()
            return super().display(*args, **more)

        def clear(self, *args: Any, **more: Any) -> None:
            if self._shown:
                super().clear(*args, **more)
            self._shown = False

        def refresh(self, *args: Any, **more: Any) -> Any:
            if self.disable or time.monotonic() - self._shown_at < REDRAWN_AFTER:
                return None
            return super().refresh(*args, **more)

    return SeldomRedrawn


class Lines:
    """A line of progress every half minute.

    As JSON it also has the units that each table has consumed so far; and each segment has a line at its end.
    """

    def __init__(self, log: Log):
        self._log = log
        self._expected = 0
        self._extras = False
        self._names: tuple[str, ...] = ()
        self._tallies: list[Tally] = []
        self._divided = 0
        self._found = _Differences()
        self._began = self._last_line = time.monotonic()

    def begin(self, terms: AnyTerms) -> None:
        """Note how much there is to do."""
        self._expected = terms.expected_items
        self._extras = isinstance(terms, Terms) and terms.repairing.find_extras
        self._names = terms.names
        self._tallies = [Tally() for _ in terms.names]
        self._began = self._last_line = time.monotonic()

    def page(self, done: PageDone) -> None:
        """Count a page, and write a line, unless that was done a moment ago."""
        for table, tally in enumerate((done.master, *done.tallies)):
            self._tallies[table] += tally
        self._found.add_page(done)
        self._divided += done.divided
        if time.monotonic() - self._last_line >= LINE_EVERY:
            self._log_progress()

    def segment(self, done: SegmentEnd) -> None:
        """Write in JSON what a segment has brought; a person looks at the summary."""
        if self._log.json:
            count = sum(tally.differences for tally in done.found.values())
            self._log.info(
                f"segment {done.number}: {done.scanned:,} items in {done.seconds:,.1f} s, {count:,} differences",
                segment=done.number,
                scanned=done.scanned,
                seconds=round(done.seconds, 3),
                found={name: self._count_verdicts(tally) for name, tally in done.found.items()},
            )

    def _count_verdicts(self, tally: Tally) -> dict[str, Any]:
        extra = tally.extra if self._extras else None
        return {"missing": tally.missing, "differing": tally.differing, "extra": extra}

    def end(self) -> None:
        """Write a last line in JSON, so that the log holds the whole course of the run; text has the summary."""
        if self._log.json:
            self._log_progress()

    def _log_progress(self) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._began
        scanned = self._tallies[0].scanned
        items = f"{scanned:,} of about {self._expected:,} items" if self._expected else f"{scanned:,} items"
        throttled = sum(tally.throttled for tally in self._tallies)
        by_name = list(zip(self._names, self._tallies, strict=True))
        self._log.info(
            f"{items}, {scanned / max(elapsed, 0.001):,.0f} a second, {self._found.count:,} differences"
            f"{_format_divided(self._divided)}{_format_throttled(throttled)}",
            elapsed_seconds=round(elapsed, 3),
            scanned=scanned,
            expected=self._expected or None,
            differences=self._found.count,
            read_units={name: tally.read_units for name, tally in by_name},
            write_units={name: tally.write_units for name, tally in by_name},
            throttled={name: tally.throttled for name, tally in by_name},
        )


TAKEN_BACK = {Effect.WRITTEN: "put back", Effect.DELETED: "removed"}


class _Differences:
    """The number of differences so far: extras that wait for their delete count when they are found, and not again."""

    def __init__(self) -> None:
        self._others = self._extra = self._waiting = 0

    def add_page(self, page: PageDone) -> None:
        """Add those of a page."""
        self._others += sum(tally.missing + tally.differing for tally in page.tallies)
        self._extra += sum(tally.extra for tally in page.tallies)
        self._waiting += len(page.extras)

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self._others + max(self._extra, self._waiting)


def _format_divided(divided: int) -> str:
    """Return what a line of progress says of items that are divided before any is compared, if there are any."""
    if not divided:
        return ""
    return f", {count_nouns(divided, 'item')} of all tables divided"


def _format_throttled(throttled: int) -> str:
    """Return what a line of progress says of throttled requests, if there were any."""
    if not throttled:
        return ""
    return f", {throttled:,} {choose_form(throttled, 'request', 'requests')} throttled"
