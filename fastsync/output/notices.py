"""Notices on stderr: limits in force, costly situations, and with --verbose each difference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from fastsync.model.difference import Difference, Effect
from fastsync.model.events import AnyTerms, PageDone, Terms, UndoTerms
from fastsync.model.table import Side
from fastsync.model.throughput import Rate
from fastsync.output.log import Log
from fastsync.output.progress import TAKEN_BACK

MUCH = 1000
"""Missing items from which on it is worth saying that rechecking each of them costs."""


class PaceNotice:
    """Say the limits of every table that has one."""

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Say them."""
        log_limits(terms.tables, self._log)

    def page(self, done: PageDone) -> None:
        """Nothing is to be said about pages."""

    def end(self) -> None:
        """Nothing is left to say."""


def log_limits(sides: Iterable[Side], log: Log) -> None:
    """Give each limit of these tables its line."""
    for side in sides:
        for rate, kind in ((side.pace.reads, "read"), (side.pace.writes, "write")):
            if rate is not None:
                log.info(f"{side}: {describe_limit(rate, kind)}")


def describe_limit(rate: Rate, kind: str) -> str:
    """Put a limit into words."""
    units = f"{rate.units:,.2f}".rstrip("0").rstrip(".")
    return f"at most {units} {kind} units a second ({rate.origin})"


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
            log_difference(difference, self._log, self._words)

    def end(self) -> None:
        """Nothing is left to say."""


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


def log_difference(difference: Difference, log: Log, words: Mapping[Effect, str]) -> None:
    """Give a difference its line."""
    log.info(
        describe_difference(difference, words),
        slave=difference.slave,
        verdict=difference.verdict.value,
        key=difference.key,
        attributes=list(difference.attributes),
        action=difference.action.value,
        error=difference.error,
    )


def describe_difference(difference: Difference, words: Mapping[Effect, str]) -> str:
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
