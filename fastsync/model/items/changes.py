"""What a repair would change in an item, path by path: leaf by leaf through maps and lists; a set is a leaf."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from fastsync.model.digest import canonical_value
from fastsync.model.items.ignored_paths import IgnoredPaths
from fastsync.model.items.paths import Path, format_path

MOST_PATHS = 100
"""Paths that a line of a report names at most, so that one item of 400 KB does not make a line of megabytes."""
SETS = ("SS", "NS", "BS")
"""The types of sets in DynamoDB JSON."""


class Change(NamedTuple):
    """A path at which two items differ, with the value of either side in DynamoDB JSON; None where it has none."""

    path: Path
    slave: Any
    master: Any

    @property
    def are_sets(self) -> bool:
        """Return whether both sides hold sets of one type, so that their members can be told apart."""
        return any(holds(self.slave, kind, list) and holds(self.master, kind, list) for kind in SETS)


def find_changes(
    slave_item: Mapping[str, Any], master: Mapping[str, Any], names: Collection[str] | None = None
) -> Iterator[Change]:
    """Yield the changes that would make the slave's item the master's, in order of paths; of certain attributes only.

    Values are compared as in a run: numbers by value, sets in any order. What only one side has is one change, however
    much is in it. Values that are no DynamoDB JSON, as in a file that somebody has edited, are compared as they are.
    """
    for name in sorted(slave_item.keys() | master.keys() if names is None else names):
        yield from _compare_values((name,), slave_item.get(name), master.get(name))


def list_paths(
    slave_item: Mapping[str, Any],
    master: Mapping[str, Any],
    names: Collection[str],
    ignored: IgnoredPaths | None = None,
) -> tuple[str, ...]:
    """Return the paths of the first MOST_PATHS changes of these attributes, as text, without ignored ones."""
    paths = (change.path for change in find_changes(slave_item, master, names))
    told = (path for path in paths if ignored is None or not ignored.covers(path))
    return tuple(map(format_path, islice(told, MOST_PATHS)))


def split_members(change: Change) -> tuple[list[Any], list[Any]]:
    """Return what only the slave's set and what only the master's set has, each as a value in DynamoDB JSON."""
    ((kind, slave),) = change.slave.items()
    ((_, master),) = change.master.items()
    return _list_missing(kind[0], slave, master), _list_missing(kind[0], master, slave)


def holds(value: Any, kind: str, shape: type) -> bool:
    """Return whether a value is DynamoDB JSON of one type, and what it holds has the shape that this type needs."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(kind), shape)


def _compare_values(path: Path, slave: Any, master: Any) -> Iterator[Change]:
    if slave == master:
        return
    if holds(slave, "M", dict) and holds(master, "M", dict):
        left, right = slave["M"], master["M"]
        for name in sorted(left.keys() | right.keys()):
            yield from _compare_values((*path, name), left.get(name), right.get(name))
    elif holds(slave, "L", list) and holds(master, "L", list):
        for place, (one, other) in enumerate(zip_longest(slave["L"], master["L"])):
            yield from _compare_values((*path, place), one, other)
    elif _make_canonical(slave) != _make_canonical(master):
        yield Change(path, slave, master)


def _make_canonical(value: Any) -> Any:
    try:
        return canonical_value(value)
    except (AttributeError, TypeError):  # no DynamoDB JSON
        return value


def _list_missing(kind: str, members: list[Any], others: list[Any]) -> list[Any]:
    """Return the members of a set that others lack, sorted."""
    known = [_make_canonical({kind: other}) for other in others]
    values = ({kind: member} for member in members)
    return sorted((value for value in values if _make_canonical(value) not in known), key=_order_member)


def _order_member(value: dict[str, Any]) -> tuple[Decimal, str]:
    """Return what sorts the members of a set: numbers by value, all others by their text."""
    ((kind, text),) = value.items()
    try:
        return Decimal(text if kind == "N" else 0), str(text)
    except (ArithmeticError, TypeError, ValueError):
        return Decimal(0), str(text)
