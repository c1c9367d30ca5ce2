"""Progress of a fleet on stderr: one bar for all pairs on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import AnyTerms
from fastsync.model.wording import count_nouns
from fastsync.output.console.progress import LINE_EVERY, load_bar
from fastsync.output.log import Log


class FleetProgress:
    """A sink of every pair, and told of each that ends. Safe for threads. `shown` is --progress."""

    def __init__(self, pairs: int, log: Log, shown: bool | None):
        self._pairs = pairs
        self._log = log
        self._lock = threading.Lock()
        self._ended = self._items = self._differences = 0
        self._last_line = time.monotonic()
        self._lines = shown is not False
        self._bar: Any = None
        if shown is not False and not log.json and (shown or sys.stderr.isatty()):
            self._bar = load_bar()(total=pairs, unit=" pairs", dynamic_ncols=True, file=sys.stderr)

    def begin(self, terms: AnyTerms) -> None:
        """Do nothing: what counts is how pairs end."""

    def page(self, done: PageDone) -> None:
        """Count a page."""
        with self._lock:
            self._items += done.master.scanned
            self._differences += sum(tally.differences for tally in done.tallies)
            self._show(0)

    def end(self) -> None:
        """Do nothing: `note_end` is told."""

    def note_end(self) -> None:
        """Count a pair that has ended."""
        with self._lock:
            self._ended += 1
            self._show(1)

    def _show(self, more: int) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(
                f"{count_nouns(self._items, 'item')}, {count_nouns(self._differences, 'difference')}", refresh=False
            )
            self._bar.update(more)
            return
        now = time.monotonic()
        if self._lines and now - self._last_line >= LINE_EVERY:
            self._last_line = now
            self._log.info(
                f"{self._ended:,} of {count_nouns(self._pairs, 'pair')}, {count_nouns(self._items, 'item')}, "
                f"{count_nouns(self._differences, 'difference')}"
            )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the bar away while somebody is asked; only one is at a time."""
        with self._lock:
            if self._bar is not None:
                self._bar.hide()
            try:
                yield
            finally:
                if self._bar is not None:
                    self._bar.show()

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
