"""Notices on stderr: limits in force, costly situations, and with --verbose each difference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fastsync.model.difference import Difference, Effect
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import AnyTerms, Terms, UndoTerms
from fastsync.model.table import ReplicaMode, Side
from fastsync.model.throughput import Rate
from fastsync.output.console.progress import TAKEN_BACK
from fastsync.output.differences.block import ShownDifference, format_block
from fastsync.output.log import Log

MUCH = 1000
"""Missing items from which on it is worth saying that rechecking each of them costs."""


class PaceNotice:
    """Write the limits of every table that has one."""

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Write them."""
        log_limits(terms.tables, self._log)

    def page(self, done: PageDone) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


def log_limits(sides: Iterable[Side], log: Log) -> None:
    """Write a line for each limit of these tables."""
    for side in sides:
        for rate, kind in ((side.pace.reads, "read"), (side.pace.writes, "write")):
            if rate is not None:
                log.info(f"{side}: {describe_limit(rate, kind)}")


def describe_limit(rate: Rate, kind: str) -> str:
    """Return a limit in words."""
    units = f"{rate.units:,.2f}".rstrip("0").rstrip(".")
    return f"at most {units} {kind} units a second ({rate.origin})"


class Verbose:
    """Write a block per difference, with what was done about it; a line of JSON where the log is one of these."""

    def __init__(self, log: Log):
        self._log = log
        self._words: Mapping[Effect, str] = {}

    def begin(self, terms: AnyTerms) -> None:
        """Choose the words: an undo does not write and delete, but puts back and removes."""
        if isinstance(terms, UndoTerms):
            self._words = TAKEN_BACK

    def page(self, done: PageDone) -> None:
        """Write each difference of the page."""
        for difference in done.differences:
            log_difference(difference, self._log, self._words)

    def end(self) -> None:
        """Do nothing."""


@dataclass
class _Missing:
    """How many items of a slave are missing so far, of how many scanned, and whether a warning was written."""

    slave: str
    missing: int = 0
    scanned: int = 0
    warned: bool = False

    @property
    def is_most(self) -> bool:
        """Return whether most of the slave is missing, and much is."""
        return self.missing > MUCH and 2 * self.missing > self.scanned


class CostNotice:
    """Warn once where most of a slave is missing, since each missing item is read again on both sides."""

    def __init__(self, log: Log):
        self._log = log
        self._slaves: list[_Missing] = []

    def begin(self, terms: AnyTerms) -> None:
        """Note the slaves' names, where missing items are read again."""
        if isinstance(terms, Terms) and terms.judging.recheck:
            self._slaves = [_Missing(str(side)) for side in terms.slaves]

    def page(self, done: PageDone) -> None:
        """Count what is missing so far."""
        for slave, tally in zip(self._slaves, done.tallies, strict=False):
            slave.missing += tally.missing
            slave.scanned += done.master.scanned
            if slave.is_most and not slave.warned:
                slave.warned = True
                self._log.warning(
                    f"most of {slave.slave} is missing; each missing item is read again on both sides, "
                    "which costs about two units: --no-recheck spares that on tables at rest"
                )

    def end(self) -> None:
        """Do nothing."""


class ReplicaNotice:
    """Warn of each slave that is a replica of the master, before the comparison."""

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Write what it is, and what to do instead of writing to it."""
        if not isinstance(terms, Terms):
            return
        for side in terms.slaves:
            if side.replica is not None:
                self._log.warning(describe_replica(side, side.replica, terms))

    def page(self, done: PageDone) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


def describe_replica(slave: Side, mode: ReplicaMode, terms: Terms) -> str:
    """Return what it means that a slave is a replica of the master."""
    what = f"{slave} is a replica of the same global table as the master {terms.master}"
    settling = "differences between them mostly settle within seconds: --recheck-delay 5 waits for that"
    if mode is ReplicaMode.STRONG:
        what += ", a strongly consistent one (MultiRegionConsistency STRONG)"
        settling = "what differs when it is read again is no delay of replication"
    if terms.repairing.replica_writes and not terms.repairing.nothing:
        return f"{what}: what is written to it replicates back, and wins over newer writes there; {settling}"
    return (
        f"{what}: nothing is written to it, since that would replicate back and win over newer writes there; "
        f"{settling}; to repair what stays, touch the item on the master, so that it replicates again, or stop the "
        "writers of the master and give --allow-replica-writes"
    )


def log_difference(difference: Difference, log: Log, words: Mapping[Effect, str]) -> None:
    """Write a difference: the block that `fastsync show` has of it, or a line of JSON."""
    if not log.json:
        shown = ShownDifference.of(difference, words)
        log.block(lambda colors: format_block(shown, colors))
        return
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
    """Return one line: sign, slave, key, attributes, and what was done, in other `words` where given."""
    key = json.dumps(difference.key, ensure_ascii=False)
    parts = [f"{difference.verdict.sign} {difference.slave} {difference.verdict.value} {key}"]
    if difference.attributes:
        parts.append(f"in {', '.join(difference.attributes)}")
    if difference.action is not Effect.NONE:
        parts.append(words.get(difference.action, difference.action.value))
    if difference.error:
        parts.append(f"({difference.error})")
    return " ".join(parts)
