"""Add up the events of a run: statistics, errors and the exit code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fastsync.errors import TableError
from fastsync.model.difference import Difference, Effect, Tally
from fastsync.model.events import Event, OrdersDisagree, PageDone, SegmentEnd, SlaveLost, Task, TaskFailed, TaskStopped
from fastsync.output.statistics import Result, find_exit_code
from fastsync.plan.forecast import Forecast
from fastsync.plan.segments import Plan
from fastsync.run.segment_totals import SegmentTotals, SegmentTotalsState
from fastsync.workers.interrupt import Interrupt

CONSUMED = ("read_units", "write_units", "recheck_units")


@dataclass(frozen=True)
class Totals:
    """What a run that goes on begins with: all that was counted, and the first item of each slave that failed."""

    master: Tally
    slaves: dict[str, Tally]
    failed: dict[str, Difference]
    spread: SegmentTotalsState


NOTHING_COUNTED = Totals(Tally(), {}, {}, SegmentTotalsState({}, {}))


class Outcome:
    """Add up a run: one Tally for the master, one for each slave.

    `names` are those of the statistics: the master's (an undo's log), then the slaves' that are compared, then those
    of other slaves. `extras` says whether they are looked for.
    """

    def __init__(self, names: Sequence[str], strategy: str, plan: Plan, extras: bool):
        slaves = names[1:]
        self.master = Tally()
        self.slaves = [Tally() for _ in slaves]
        self.errors: list[str] = []
        self.interrupted: int | None = None
        self.task_failed = False
        self.slaves_lost: set[int] = set()
        self._names = tuple(names)
        self._strategy = strategy
        self._plan = plan
        self._forecast: Forecast | None = None
        self._spread = SegmentTotals(self._names[1:])
        self._extras = extras
        self._disagreements = [0 for _ in slaves]
        self._stopped = False
        self._refused_only = True
        self._first: dict[Effect, dict[int, Difference]] = {Effect.FAILED: {}, Effect.REFUSED: {}}
        self._said: list[str] = []
        self._began = time.monotonic()
        self._ended: float | None = None

    def totals(self) -> Totals:
        """Return what was counted so far."""
        slaves = dict(zip(self._names[1:], self.slaves, strict=True))
        failed = {first.slave: first for first in self._first[Effect.FAILED].values()}
        return Totals(self.master, slaves, failed, self._spread.totals())

    def resume_from(self, totals: Totals) -> None:
        """Begin with what an earlier run counted."""
        self.master += totals.master
        for place, name in enumerate(self._names[1:]):
            self.slaves[place] += totals.slaves.get(name, Tally())
        for difference in totals.failed.values():
            self._note_first(difference)
        self._spread.resume_from(totals.spread)

    @property
    def strategy(self) -> str:
        """The strategy that is followed."""
        return self._strategy

    def add_note(self, text: str) -> None:
        """Add a sentence that is worth knowing, and no error."""
        self._said.append(text)

    def add_event(self, event: Event, task: Task | None = None) -> SegmentEnd | None:
        """Take in one event, with the task that it comes from where there is one; give the segment that it ended."""
        segment = None if task is None else self._spread.add_event(task, event)
        match event:
            case PageDone():
                self.master += event.master
                for place, tally in enumerate(event.tallies):
                    self.slaves[place] += tally
                for difference in event.differences:
                    self._note_first(difference)
            case SlaveLost():
                self.slaves_lost.add(event.slave)
                self._add_failure(event)
            case OrdersDisagree():
                self._disagreements[event.slave] += 1
            case TaskFailed():
                self.task_failed = True
                self._add_failure(event)
            case TaskStopped():
                self._stopped = True
        return segment

    def _add_failure(self, event: SlaveLost | TaskFailed) -> None:
        self._refused_only &= event.refused
        self.add_error(event.error)

    def add_error(self, error: str) -> None:
        """Record an error; the run is not complete."""
        if error not in self.errors:
            self.errors.append(error)

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
    def exit_code(self) -> int:
        """The first that holds: interrupted (130, 143), not comparable (3), refused (5), incomplete (4), 1."""
        if self.interrupted:
            return self.interrupted
        if (self.task_failed or self.slaves_lost) and self._refused_only and not self.compared:
            return TableError.exit_code
        return find_exit_code(self.slaves, self.complete)

    def stop_clock(self) -> None:
        """Stop the clock: from here on the statistics tell one and the same time."""
        self._ended = self._ended or time.monotonic()

    def make_stats(self) -> dict[str, Any]:
        """Return the statistics as the file holds them."""
        return {
            "complete": self.complete,
            "strategy": self._strategy,
            "segments": self._plan.total,
            "elapsed_seconds": round((self._ended or time.monotonic()) - self._began, 3),
            "sample": self._sample_stats(),
            "shard": None if self._plan.slicing.shard is None else str(self._plan.slicing.shard),
            "master": {
                "table": self._names[0],
                "scanned": self.master.scanned,
                "read_units": self.master.read_units,
            },
            "slaves": {
                name: self._count_slave(tally) for name, tally in zip(self._names[1:], self.slaves, strict=True)
            },
            "errors": self.all_errors(),
        }

    def all_errors(self) -> list[str]:
        """Return every error as a sentence; items that failed, and extras left for that, are one sentence per slave."""
        items = [
            f"{first.slave}: {self.slaves[place].failed} items could not be repaired; "
            f"the first: key {first.key}: {first.error}"
            for place, first in sorted(self._first[Effect.FAILED].items())
        ]
        return [*self.errors, *self._refused(withheld=True), *items]

    def warnings(self) -> list[str]:
        """Say for each slave what a safety limit refused, and why."""
        return self._refused(withheld=False)

    def _refused(self, withheld: bool) -> list[str]:
        """Say for each slave how many extras were refused, and why: by a safety limit, or because something failed."""
        return [
            f"{first.slave}: {self.slaves[place].refused} extras were {first.error}"
            for place, first in sorted(self._first[Effect.REFUSED].items())
            if bool(self.slaves[place].withheld) is withheld
        ]

    def set_expected(self, forecast: Forecast | None, probed: Sequence[float]) -> None:
        """Take in what the run was estimated to cost, and the read units that finding out has cost on each slave."""
        self._forecast = forecast
        for tally, units in zip(self.slaves, probed, strict=False):
            tally.read_units += units

    def notes(self) -> list[str]:
        """Return what is worth knowing about how the run went."""
        parts = (self._cost_notes(), self._spread.notes(self._plan), self._order_notes(), self._throttling_notes())
        return [*self._said, *chain.from_iterable(parts)]

    def _throttling_notes(self) -> list[str]:
        tallies = zip(self._names, (self.master, *self.slaves), strict=True)
        return [
            f"{name}: {tally.throttled:,} {'request was' if tally.throttled == 1 else 'requests were'} throttled; "
            "--max-read-units, --max-write-units or a smaller --parallel ask less of it"
            for name, tally in tallies
            if tally.throttled
        ]

    def _cost_notes(self) -> list[str]:
        if self._forecast is None:
            return []
        tallies, total = (self.master, *self.slaves), self._forecast.total
        read, written, rechecks = (sum(getattr(tally, what) for tally in tallies) for what in CONSUMED)
        line = f"estimated {total.read:,.1f} read units and {total.write:,.1f} write units"
        line += f", consumed {read:,.1f} and {written:,.1f}"
        if rechecks or self._forecast.rechecks:
            line += f"; {rechecks:,.1f} of the read units went into reading suspects again"
            line += f" (estimated, from the counts alone: {self._forecast.rechecks:,.1f})"
        return [line]

    def _order_notes(self) -> list[str]:
        return [
            f"{name}: its scan brings items in another order than the master's, in {count} of {self._plan.total} "
            "segments, which went on as lookup: --strategy lookup is cheaper then"
            for name, count in zip(self._names[1:], self._disagreements, strict=True)
            if count
        ]

    def _sample_stats(self) -> dict[str, Any] | None:
        sample = self._plan.slicing.sample
        if sample is None:
            return None
        return {
            "fraction": sample.fraction,
            "segments": len(self._plan.numbers),
            "of": self._plan.total,
            "seed": sample.seed,
            "estimate": dict(zip(self._names[1:], self._spread.estimates(self._plan), strict=True)),
        }

    def _count_slave(self, tally: Tally) -> dict[str, int | float | None]:
        counters: dict[str, int | float | None] = dict(tally.as_dict())
        if not self._extras:
            counters["extra"] = None
        return counters

    def _note_first(self, difference: Difference) -> None:
        if difference.action in (Effect.FAILED, Effect.REFUSED):
            place = self._names.index(difference.slave, 1) - 1
            self._first[difference.action].setdefault(place, difference)


def make_result(outcome: Outcome, interrupt: Interrupt) -> Result:
    """Return what a run came to; from here on its clock stands."""
    outcome.stop_clock()
    outcome.interrupted = interrupt.exit_code
    stats = outcome.make_stats()
    return Result(stats, outcome.complete, stats["errors"], outcome.exit_code, outcome.warnings(), outcome.notes())
