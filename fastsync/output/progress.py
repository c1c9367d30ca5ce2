"""Progress on stderr: a bar on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from fastsync.model.difference import Effect, Tally
from fastsync.model.events import AnyTerms, PageDone, SegmentEnd, Terms
from fastsync.output.log import Log

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


class Bar:
    """A progress bar over the master's items, whose number is the service's estimate."""

    def begin(self, terms: AnyTerms) -> None:
        """Show the bar."""
        from tqdm import tqdm

        tqdm.monitor_interval = 0
        total = terms.expected_items or None
        self._bar = tqdm(total=total, unit=" items", unit_scale=True, dynamic_ncols=True, file=sys.stderr)
        self._found = self._throttled = 0

    def page(self, done: PageDone) -> None:
        """Move the bar."""
        self._found += sum(tally.differences for tally in done.tallies) + len(done.extras)
        self._throttled += sum(tally.throttled for tally in (done.master, *done.tallies))
        self._bar.set_postfix_str(f"{self._found:,} differences{_format_throttled(self._throttled)}", refresh=False)
        self._bar.update(done.master.scanned)

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


class Lines:
    """A line of progress every half minute.

    As JSON it also tells the units that each table has consumed so far; and each segment has a line at its end.
    """

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Remember what there is to do."""
        self._total = terms.expected_items
        self._extras = isinstance(terms, Terms) and terms.repairing.find_extras
        self._names = terms.names
        self._tallies = [Tally() for _ in self._names]
        self._began = self._said = time.monotonic()
        self._found = 0

    def page(self, done: PageDone) -> None:
        """Say where the run stands, unless that was said a moment ago."""
        for place, tally in enumerate((done.master, *done.tallies)):
            self._tallies[place] += tally
        self._found += sum(tally.differences for tally in done.tallies) + len(done.extras)
        if time.monotonic() - self._said >= LINE_EVERY:
            self._log_progress()

    def segment(self, done: SegmentEnd) -> None:
        """Say in JSON what a segment has brought; a person looks at the summary."""
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
        """Say in JSON where the run has come to, so that the log holds its whole course; text has the summary."""
        if self._log.json:
            self._log_progress()

    def _log_progress(self) -> None:
        self._said = time.monotonic()
        scanned, elapsed = self._tallies[0].scanned, self._said - self._began
        of = f" of about {self._total:,}" if self._total else ""
        rate = scanned / max(elapsed, 0.001)
        throttled = sum(tally.throttled for tally in self._tallies)
        self._log.info(
            f"{scanned:,}{of} items, {rate:,.0f} a second, {self._found:,} differences{_format_throttled(throttled)}",
            elapsed_seconds=round(elapsed, 3),
            scanned=scanned,
            expected=self._total or None,
            differences=self._found,
            read_units={name: tally.read_units for name, tally in zip(self._names, self._tallies, strict=True)},
            write_units={name: tally.write_units for name, tally in zip(self._names, self._tallies, strict=True)},
            throttled={name: tally.throttled for name, tally in zip(self._names, self._tallies, strict=True)},
        )


TAKEN_BACK = {Effect.WRITTEN: "put back", Effect.DELETED: "removed"}


def _format_throttled(throttled: int) -> str:
    return f", {throttled:,} requests throttled" if throttled else ""
