"""What a run at rest must find and do, by brute force over the tables: sections 1 to 5 of the contract in few lines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from tests.e2e import canonical
from tests.random_runs.plans import Plan
from tests.tables import Item

TOO_OLD = 5 * 365 * 86400
"""Seconds: what expired longer ago is never deleted by the service (developer guide, "Using time to live")."""


class Line(NamedTuple):
    """One difference as the report must tell it."""

    slave: str
    verdict: str
    key: Hashable
    attributes: tuple[str, ...]
    action: str


@dataclass
class Expected:
    """What must come of one slave: `after` its items by key, `shown` both sides' values where they are reported."""

    lines: list[Line] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    after: dict[Hashable, Item] = field(default_factory=dict)
    shown: dict[Line, tuple[Item | None, Item | None]] = field(default_factory=dict)
    versions: dict[Line, tuple[Any, Any]] = field(default_factory=dict)
    changed: set[Hashable] = field(default_factory=set)


class BruteForce:
    """Compare tables as a plan's flags say; `ttl` are the attributes by which they expire, the master's first."""

    def __init__(self, plan: Plan, master: Sequence[Item], ttl: Sequence[str | None]):
        self._plan = plan
        self._flags = plan.flags
        self._names = plan.world.key_names
        self._master = canonical.by_key(master, self._names)
        self._ignored = set(self._flags.get("ignore", ())) - set(self._names)
        self._ttl: Sequence[str | None] = ttl if self._flags.get("ignore_expired") else [None] * len(ttl)
        self._now = time.time()

    def slave(self, name: str, place: int, items: Sequence[Item], scanned: int) -> Expected:
        """Say what must come of a slave, the `place`-th table after the master, of which so many items were scanned."""
        expected = Expected(after=dict(canonical.by_key(items, self._names)))
        there = dict(expected.after)
        expiry = self._ttl[0], self._ttl[place]
        extras: list[tuple[Hashable, Item]] = []
        for key, master in self._master.items():
            slave = there.get(key)
            live = None if slave is None or self._expired(slave, expiry[1]) else slave
            if self._expired(master, expiry[0]):
                expected.counts["expired"] += 1
                if live is not None:
                    extras.append((key, live))
            elif self._expired(master, expiry[1]):
                expected.counts["expired"] += 1
            elif live is None or canonical.differing(master, live, self._ignored):
                self._differs(expected, name, key, master, live, slave)
            else:
                expected.counts["same"] += 1
        extras += [
            (key, item) for key, item in there.items() if key not in self._master and not self._expired(item, expiry[1])
        ]
        if self._plan.finds_extras:
            self._extras(expected, name, extras, scanned)
        return expected

    def _differs(
        self, expected: Expected, name: str, key: Hashable, master: Item, live: Item | None, there: Item | None
    ) -> None:
        verdict = "missing" if live is None else "differing"
        attributes = () if live is None else tuple(canonical.differing(master, live, self._ignored))
        action = "none"
        if self._newer(master, there):
            action = "slave-newer"
        elif self._flags.get(f"write_{verdict}"):
            action = "written"
            expected.after[key] = self._written(master, live)
            expected.changed.add(key)
        self._add(expected, Line(name, verdict, key, attributes, action), (master, live), (master, there))

    def _extras(self, expected: Expected, name: str, extras: Sequence[tuple[Hashable, Item]], scanned: int) -> None:
        action = "none"
        if self._flags.get("delete_extra"):
            empty = all(self._expired(item, self._ttl[0]) for item in self._master.values())
            refused = (empty and not self._flags.get("allow_empty_master")) or len(extras) > self._allowed(scanned)
            action = "refused" if refused else "deleted"
        for key, item in extras:
            if action == "deleted":
                del expected.after[key]
                expected.changed.add(key)
            self._add(expected, Line(name, "extra", key, (), action), (None, item), (None, item))

    def _add(
        self,
        expected: Expected,
        line: Line,
        items: tuple[Item | None, Item | None],
        there: tuple[Item | None, Item | None],
    ) -> None:
        expected.lines.append(line)
        expected.counts[line.verdict] += 1
        if line.action != "none":
            expected.counts[line.action.replace("-", "_")] += 1
        expected.shown[line] = items
        version = str(self._flags.get("version_attribute"))
        mine, its = (None if each is None else each.get(version) for each in there)
        expected.versions[line] = mine, its

    def _allowed(self, scanned: int) -> float:
        given = self._flags.get("max_deletes")
        if given is None:
            return float("inf")
        text = str(given)
        return int(Fraction(text[:-1]) * scanned / 100) if text.endswith("%") else int(text)

    def _written(self, master: Item, live: Item | None) -> Item:
        """Give the item that a write leaves: the master's, less `aws:rep:*`, with what is to be kept of the slave's."""
        written = canonical.replicable(master)
        if not self._flags.get("keep_ignored") or live is None:
            return written
        kept = {name: typed for name, typed in canonical.replicable(live).items() if name in self._ignored}
        return {name: typed for name, typed in written.items() if name not in self._ignored} | kept

    def _newer(self, master: Item, there: Item | None) -> bool:
        """Say whether the slave's version is newer, or of a type that cannot be compared."""
        version = self._flags.get("version_attribute")
        if version is None or there is None or version not in there:
            return False
        mine, its = master.get(version), there[version]
        if mine is None:
            return True
        if "N" in mine and "N" in its:
            return Decimal(its["N"]) > Decimal(mine["N"])
        if "S" in mine and "S" in its:
            return bool(its["S"].encode() > mine["S"].encode())
        return bool(mine != its)

    def _expired(self, item: Item, attribute: str | None) -> bool:
        at: Mapping[str, str] = item.get(attribute, {}) if attribute is not None else {}
        return "N" in at and self._now - TOO_OLD < float(at["N"]) < self._now


def exit_code(expected: Sequence[Expected]) -> int:
    """Give the exit code of a run that came to its end: 5 where something was refused, 1 where differences remain."""
    counts: Counter[str] = sum((each.counts for each in expected), Counter())
    if counts["refused"]:
        return 5
    found = counts["missing"] + counts["differing"] + counts["extra"]
    return 1 if found > counts["written"] + counts["deleted"] else 0
