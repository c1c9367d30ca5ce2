"""Compare the settings of slaves with those of the master."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from fastsync.plan.settings.values import GLOBAL_INDEX, LOCAL_INDEX, NAMES, UNKNOWN

Values = Mapping[str, Any]
"""The settings of one table by their names; an index that it does not have is not among them."""


class Verdict(str, Enum):
    """The result of comparing one setting."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """One setting: its value on the master, on each slave by name, and whether they agree.

    A value is None where the table has no such thing, UNKNOWN where it could not be read.
    """

    name: str
    master: Any
    slaves: Mapping[str, Any]
    verdict: Verdict


def compare_settings(master: Values, slaves: Mapping[str, Values], ignored: Sequence[str] = ()) -> list[Row]:
    """Return a row for every setting that any of the tables has and that is not ignored, in the order of `NAMES`."""
    found = {name for values in (master, *slaves.values()) for name in values}
    names = sorted(found, key=lambda name: (NAMES.index(kind_of(name)), name))
    return [_compare_one(name, master, slaves) for name in names if not is_ignored(name, ignored)]


def find_differing(master: Values, slave: Values) -> list[str]:
    """Return the names of the settings in which a slave differs from the master."""
    rows = compare_settings(master, {"": slave})
    return [row.name for row in rows if row.verdict is Verdict.DIFFERS]


def kind_of(name: str) -> str:
    """Return the entry of `NAMES` that a setting belongs to; of an index, how its name begins."""
    for prefix in (GLOBAL_INDEX, LOCAL_INDEX):
        if name.startswith(prefix):
            return prefix
    return name


def is_ignored(name: str, ignored: Collection[str]) -> bool:
    """Return whether a setting is left out; `*` in what is ignored stands for any characters."""
    return any(fnmatchcase(name, each.replace("[", "[[]").replace("?", "[?]")) for each in ignored)


def _compare_one(name: str, master: Values, slaves: Mapping[str, Values]) -> Row:
    of_master = master.get(name)
    of_slaves = {slave: values.get(name) for slave, values in slaves.items()}
    verdicts = {_judge(name, of_master, value) for value in of_slaves.values()}
    for verdict in (Verdict.DIFFERS, Verdict.UNKNOWN):
        if verdict in verdicts:
            return Row(name, of_master, of_slaves, verdict)
    return Row(name, of_master, of_slaves, Verdict.SAME)


def _judge(name: str, master: Any, slave: Any) -> Verdict:
    if UNKNOWN in (master, slave):
        return Verdict.UNKNOWN
    if name == "capacity":
        return _verdict_of(_is_same_capacity(master, slave))
    if name.startswith(GLOBAL_INDEX) and master is not None and slave is not None:
        rest = [{key: value for key, value in each.items() if key != "capacity"} for each in (master, slave)]
        return _verdict_of(rest[0] == rest[1] and _is_same_capacity(master["capacity"], slave["capacity"]))
    return _verdict_of(master == slave)


def _verdict_of(same: bool) -> Verdict:
    return Verdict.SAME if same else Verdict.DIFFERS


def _is_same_capacity(master: Mapping[str, float] | None, slave: Mapping[str, float] | None) -> bool:
    """Compare provisioned units where both have them, else the maxima of what is on demand."""
    both = (master or {}, slave or {})
    if all("ReadCapacityUnits" in each for each in both):
        return master == slave
    maxima = [{name: units for name, units in each.items() if name.startswith("Max")} for each in both]
    return maxima[0] == maxima[1]
