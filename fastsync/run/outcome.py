"""Add up the events of a run: one tally for each table, errors, and what was not done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastsync.config.config import Config
from fastsync.config.slicing import Slicing
from fastsync.model.difference import Difference, Effect, Tally
from fastsync.model.messages.events import (
    Event,
    OrdersDisagree,
    PageDone,
    SegmentEnd,
    SlaveLost,
    TaskFailed,
    TaskStopped,
)
from fastsync.model.messages.tasks import AnyTask
from fastsync.model.settings import StrategyName
from fastsync.plan.forecast import Forecast
from fastsync.plan.segments import Plan
from fastsync.run.segment_totals import SegmentTotals, SegmentTotalsState


@dataclass(frozen=True)
class Totals:
    """What a resumed run begins with: all that was counted, and the first item of each slave that failed.

    `ignored_seen` are the ignored attributes that items had; None in a checkpoint that is older than this field.
    """

    master: Tally
    slaves: dict[str, Tally]
    failed: dict[str, Difference]
    spread: SegmentTotalsState
    ignored_seen: tuple[str, ...] | None = None


NOTHING_COUNTED = Totals(Tally(), {}, {}, SegmentTotalsState({}, {}), ())


class Outcome:
    """Add up a run.

    `names` begins with that of the master (in an undo: the path of its log); then come the slaves that are compared,
    then the others. `strategy` and `plan` say how, `extras` whether those are looked for. `interrupted` is the exit
    code of the signal that ended the run, where one did; with `cancelled` its program did. `left` says what it left to
    do, and `finished` names the slaves that were compared to their end, and on which everything was done.
    `overspent`: it consumed more than it may, or would have. `filtering`: only items are compared of which --where is
    true; `filter_failure` is why it could not be evaluated for the first such item.
    """

    def __init__(self, names: Sequence[str], *, strategy: str, plan: Plan, extras: bool):
        self.names = tuple(names)
        self.strategy = str(strategy)  # no enum: statistics are plain JSON
        self.plan = plan
        self.extras = extras
        self.master = Tally()
        self.slaves = [Tally() for _ in self.slave_names]
        self.segments = SegmentTotals(self.slave_names)
        self.disagreements = [0 for _ in self.slave_names]
        self.forecast: Forecast | None = None
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.interrupted: int | None = None
        self.ignored: frozenset[str] = frozenset()
        self.ignored_seen: set[str] | None = set()
        self.filtering = False
        self.filter_failure = ""
        self.cancelled = False
        self.left = ""
        self.finished: frozenset[str] = frozenset()
        self.overspent = False
        self._failures: list[SlaveLost | TaskFailed] = []
        self._stopped = False
        self._first: dict[Effect, dict[int, Difference]] = {Effect.FAILED: {}, Effect.REFUSED: {}}
        self._began = time.monotonic()
        self._ended: float | None = None

    @property
    def slave_names(self) -> tuple[str, ...]:
        """Return the names of the slaves, in the order of `slaves`."""
        return self.names[1:]

    def totals(self) -> Totals:
        """Return what was counted so far."""
        slaves = dict(zip(self.slave_names, self.slaves, strict=True))
        failed = {first.slave: first for first in self._first[Effect.FAILED].values()}
        seen = None if self.ignored_seen is None else tuple(sorted(self.ignored_seen))
        return Totals(self.master, slaves, failed, self.segments.totals(), seen)

    def resume_from(self, totals: Totals) -> None:
        """Begin with what an earlier run counted."""
        self.master += totals.master
        for place, name in enumerate(self.slave_names):
            self.slaves[place] += totals.slaves.get(name, Tally())
        for difference in totals.failed.values():
            self._note_first(difference)
        self.segments.resume_from(totals.spread)
        self.ignored_seen = None if totals.ignored_seen is None else set(totals.ignored_seen)

    def set_expected(self, forecast: Forecast | None, probed: Sequence[float]) -> None:
        """Note what the run was estimated to cost, and the read units that finding out has cost on each slave."""
        self.forecast = forecast
        for tally, units in zip(self.slaves, probed, strict=False):
            tally.read_units += units

    def add_event(self, event: Event, task: AnyTask | None = None) -> SegmentEnd | None:
        """Count one event, with the task that it comes from where there is one; return the segment that it ended."""
        match event:
            case PageDone():
                self._add_page(event)
            case SlaveLost() | TaskFailed():
                self._failures.append(event)
                self.add_error(event.error)
            case OrdersDisagree():
                self.disagreements[event.slave] += 1
            case TaskStopped():
                self._stopped = True
        if task is None:
            return None
        return self.segments.add_event(task, event)

    def _add_page(self, page: PageDone) -> None:
        self.master += page.master
        if self.ignored_seen is not None:
            self.ignored_seen.update(page.ignored_seen)
        self.filter_failure = self.filter_failure or page.filter_failure
        for place, tally in enumerate(page.tallies):
            self.slaves[place] += tally
        for difference in page.differences:
            self._note_first(difference)

    def _note_first(self, difference: Difference) -> None:
        if difference.action in self._first:
            place = self.slave_names.index(difference.slave)
            self._first[difference.action].setdefault(place, difference)

    def add_error(self, error: str) -> None:
        """Record an error; the run is not complete."""
        if error not in self.errors:
            self.errors.append(error)

    def add_note(self, text: str) -> None:
        """Add a sentence that is worth knowing, and no error."""
        self.notes.append(text)

    def first_differences(self, effect: Effect) -> Iterator[tuple[Tally, Difference]]:
        """Yield the tally and the first difference of each slave that has one of this effect (FAILED or REFUSED)."""
        for place, first in sorted(self._first[effect].items()):
            yield self.slaves[place], first

    @property
    def complete(self) -> bool:
        """Return whether everything that was asked is known and done."""
        withheld = any(tally.withheld for tally in self.slaves)
        return not (self.errors or self._stopped or self.interrupted or self.items_failed or withheld)

    @property
    def items_failed(self) -> bool:
        """Return whether an item could not be repaired."""
        return any(tally.failed for tally in self.slaves)

    @property
    def compared(self) -> bool:
        """Return whether anything was compared at all."""
        return any(tally.same or tally.differences or tally.settled for tally in self.slaves)

    @property
    def refused(self) -> bool:
        """Return whether nothing was compared since the service refused every request to a table."""
        return bool(self._failures) and all(each.refused for each in self._failures) and not self.compared

    def stop_clock(self) -> None:
        """Stop the clock: from now on `elapsed_seconds` stays the same."""
        if self._ended is None:
            self._ended = time.monotonic()

    @property
    def elapsed_seconds(self) -> float:
        """Return how long the run took, or takes so far."""
        end = self._ended or time.monotonic()
        return round(end - self._began, 3)


def make_empty_outcome(config: Config, slicing: Slicing, *, extras: bool) -> Outcome:
    """Return the outcome of a run that has not described its tables yet."""
    names = [str(ref) for ref in config.tables]
    strategy = StrategyName.KEYS if config.of_keys else config.strategy.or_lookup()
    if config.has_exports:
        strategy = StrategyName.PARTITION
    return Outcome(names, strategy=strategy, plan=Plan.of(slicing), extras=extras)
