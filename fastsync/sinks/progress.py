"""Progress on stderr: a bar on a terminal, a line every half minute elsewhere; a line per difference when verbose."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from fastsync.difference import Difference, Effect, Tally
from fastsync.events import AnyTerms, PageDone, Terms, UndoTerms
from fastsync.sinks.log import Log
from fastsync.spread import SegmentEnd

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""
MUCH = 1000
"""Missing items from which on it is worth saying that rechecking each of them costs."""


class Sink(Protocol):
    """Who listens to a run."""

    def begin(self, terms: AnyTerms) -> None:
        """Hear what is going to be compared."""

    def page(self, done: PageDone) -> None:
        """Hear of a page that is done."""

    def end(self) -> None:
        """Hear that nothing more comes."""


@runtime_checkable
class SegmentSink(Protocol):
    """Who listens to segments too."""

    def segment(self, done: SegmentEnd) -> None:
        """Hear of a segment that has come to its end."""


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
        self._bar.set_postfix_str(f"{self._found:,} differences{_patience(self._throttled)}", refresh=False)
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
            self._say()

    def segment(self, done: SegmentEnd) -> None:
        """Say in JSON what a segment has brought; a person looks at the summary."""
        if self._log.json:
            count = sum(tally.differences for tally in done.found.values())
            self._log.info(
                f"segment {done.number}: {done.scanned:,} items in {done.seconds:,.1f} s, {count:,} differences",
                segment=done.number,
                scanned=done.scanned,
                seconds=round(done.seconds, 3),
                found={name: self._verdicts(tally) for name, tally in done.found.items()},
            )

    def _verdicts(self, tally: Tally) -> dict[str, Any]:
        extra = tally.extra if self._extras else None
        return {"missing": tally.missing, "differing": tally.differing, "extra": extra}

    def end(self) -> None:
        """Say in JSON where the run has come to, so that the log holds its whole course; text has the summary."""
        if self._log.json:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        scanned, elapsed = self._tallies[0].scanned, self._said - self._began
        of = f" of about {self._total:,}" if self._total else ""
        rate = scanned / max(elapsed, 0.001)
        throttled = sum(tally.throttled for tally in self._tallies)
        self._log.info(
            f"{scanned:,}{of} items, {rate:,.0f} a second, {self._found:,} differences{_patience(throttled)}",
            elapsed_seconds=round(elapsed, 3),
            scanned=scanned,
            expected=self._total or None,
            differences=self._found,
            read_units={name: tally.read_units for name, tally in zip(self._names, self._tallies, strict=True)},
            write_units={name: tally.write_units for name, tally in zip(self._names, self._tallies, strict=True)},
            throttled={name: tally.throttled for name, tally in zip(self._names, self._tallies, strict=True)},
        )


class Verbose:
    """A line per difference and what was done about it."""

    def __init__(self, log: Log):
        self._log = log
        self._words: Mapping[Effect, str] = {}

    def begin(self, terms: AnyTerms) -> None:
        """Choose the words: an undo does not write and delete, but puts back and removes."""
        self._words = TAKEN_BACK if isinstance(terms, UndoTerms) else {}

    def page(self, done: PageDone) -> None:
        """Say each difference of the page."""
        for difference in done.differences:
            tell(difference, self._log, self._words)

    def end(self) -> None:
        """Nothing is left to say."""


TAKEN_BACK = {Effect.WRITTEN: "put back", Effect.DELETED: "removed"}


class CostNotice:
    """Say once where most of a slave is missing, since each missing item is read again on both sides."""

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Remember the slaves' names."""
        self._names = tuple(map(str, terms.slaves))
        self._rechecks = isinstance(terms, Terms) and terms.judging.recheck
        self._seen = [[0, 0] for _ in terms.slaves]
        self._said: set[int] = set()

    def page(self, done: PageDone) -> None:
        """Look at what is missing so far."""
        if not self._rechecks:
            return
        for place, tally in enumerate(done.tallies):
            seen = self._seen[place]
            seen[0] += tally.missing
            seen[1] += done.master.scanned
            if place not in self._said and seen[0] > MUCH and 2 * seen[0] > seen[1]:
                self._said.add(place)
                self._log.warning(
                    f"most of {self._names[place]} is missing; each missing item is read again on both sides, "
                    "which costs about two units: --no-recheck spares that on tables at rest"
                )

    def end(self) -> None:
        """Nothing is left to say."""


def tell(difference: Difference, log: Log, words: Mapping[Effect, str]) -> None:
    """Give a difference its line."""
    log.info(
        spell(difference, words),
        slave=difference.slave,
        verdict=difference.verdict.value,
        key=difference.key,
        attributes=list(difference.attributes),
        action=difference.action.value,
        error=difference.error,
    )


def _patience(throttled: int) -> str:
    return f", {throttled:,} requests throttled" if throttled else ""


def spell(difference: Difference, words: Mapping[Effect, str]) -> str:
    """Put a difference into one line: sign, slave, key, attributes, and what was done, in other `words` where given."""
    key = json.dumps(difference.key, ensure_ascii=False)
    parts = [f"{difference.verdict.sign} {difference.slave} {difference.verdict.value} {key}"]
    if difference.attributes:
        parts.append(f"in {', '.join(difference.attributes)}")
    if difference.action is not Effect.NONE:
        parts.append(words.get(difference.action, difference.action.value))
    if difference.error:
        parts.append(f"({difference.error})")
    return " ".join(parts)
