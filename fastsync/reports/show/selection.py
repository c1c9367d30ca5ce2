"""Which differences are shown, and how many there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fastsync.model.difference import DIFFERENCES, Effect
from fastsync.output.differences.block import ShownDifference
from fastsync.reports.read import ReportEnd
from fastsync.reports.show.sources import Source

ACTIONS = tuple(effect.value for effect in Effect)


@dataclass(frozen=True)
class Filters:
    """What a difference must have to be shown: one of the values of each filter that has any."""

    slaves: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()

    @property
    def are_set(self) -> bool:
        """Return whether there is any filter."""
        return bool(self.slaves or self.verdicts or self.attributes or self.actions)

    def admit(self, shown: ShownDifference) -> bool:
        """Return whether a difference is let through."""
        return (
            (not self.slaves or shown.slave in self.slaves)
            and (not self.verdicts or shown.verdict.value in self.verdicts)
            and (not self.attributes or not self.attributes.isdisjoint(shown.attributes))
            and (not self.actions or shown.action in self.actions)
        )


@dataclass
class SlaveCounts:
    """How many differences of a slave there are by verdict, and how many the filters let through, also by action."""

    found: Counter[str] = field(default_factory=Counter)
    admitted: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)


@dataclass
class Counts:
    """What reports hold: counts by slave, and whether values are missing. `warnings` are about reports in part."""

    slaves: dict[str, SlaveCounts] = field(default_factory=dict)
    found: int = 0
    admitted: int = 0
    lacks_values: bool = False
    warnings: list[str] = field(default_factory=list)

    def add_difference(self, shown: ShownDifference, filters: Filters) -> None:
        """Count a difference."""
        counts = self.slaves.get(shown.slave)
        if counts is None:
            counts = self.slaves[shown.slave] = SlaveCounts()
        self.found += 1
        counts.found[shown.verdict.value] += 1
        if filters.admit(shown):
            self.admitted += 1
            counts.admitted[shown.verdict.value] += 1
            counts.actions[shown.action] += 1
            self.lacks_values |= shown.lacks_values

    def add_end(self, name: str, end: ReportEnd) -> None:
        """Note how a report ends."""
        if end.last is None:
            self.warnings.append(f"{name} was cut short: it does not hold every difference")
        elif not end.last["complete"]:
            self.warnings.append(f"{name} is of a run that was not complete: what it did not reach is not known")

    def list_actions(self, slave: str) -> list[tuple[str, int]]:
        """Return what became of a slave's differences, and of how many; what nothing was done about is left out."""
        actions = self.slaves[slave].actions
        known = [*ACTIONS, *sorted(actions.keys() - set(ACTIONS))]
        return [(action, actions[action]) for action in known if action != Effect.NONE.value and actions[action]]


def count_differences(sources: Iterable[Source], filters: Filters) -> Counts:
    """Read all reports, and count; raise ConfigError where one is none, or cannot be read."""
    counts = Counts()
    for source in sources:
        for content in source.read():
            if isinstance(content, ReportEnd):
                counts.add_end(source.name, content)
            else:
                counts.add_difference(content, filters)
    return counts


def describe_count(admitted: int, found: int, filters: Filters) -> str:
    """Return a count as text: "N", or "N of M" where there are filters."""
    return f"{admitted:,} of {found:,}" if filters.are_set else f"{found:,}"


def list_counts(counts: SlaveCounts, filters: Filters) -> list[str]:
    """Return the count of each verdict as text, in the order of DIFFERENCES."""
    return [describe_count(counts.admitted[name], counts.found[name], filters) for name in DIFFERENCES]
