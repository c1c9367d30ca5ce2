"""The tests' own idea of when two values are equal, made without a line of fastsync: the yardstick of what it finds."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from tests.tables import Item

REPLICATION = "aws:rep:"


def value(typed: Any) -> Hashable:
    """Give a typed value a form that is equal to another's exactly where DynamoDB's values are equal."""
    ((tag, inner),) = typed.items()
    return tag, _FORMS[tag](inner)


def item(attributes: Item) -> Hashable:
    """Give a whole item, or a key, such a form."""
    return frozenset((name, value(typed)) for name, typed in attributes.items())


def items(table: Iterable[Item]) -> frozenset[Hashable]:
    """Give a table's items such a form."""
    return frozenset(map(item, table))


def replicable(attributes: Item) -> Item:
    """Give an item as it may be written to a slave."""
    return {name: typed for name, typed in attributes.items() if not name.startswith(REPLICATION)}


def differing(master: Item, slave: Item, ignored: Iterable[str] = ()) -> list[str]:
    """Name, sorted, the attributes in which two items differ."""
    left, right = replicable(master), replicable(slave)
    names = (left.keys() | right.keys()) - set(ignored)
    return sorted(
        name for name in names if name not in left or name not in right or value(left[name]) != value(right[name])
    )


def by_key(table: Iterable[Item], names: Iterable[str]) -> dict[Hashable, Item]:
    """Give a table's items by their keys."""
    wanted = list(names)
    return {item({name: each[name] for name in wanted}): each for each in table}


_FORMS: Mapping[str, Callable[[Any], Hashable]] = {
    "S": str,
    "N": Fraction,
    "B": b64decode,
    "BOOL": bool,
    "NULL": bool,
    "SS": frozenset,
    "NS": lambda members: frozenset(map(Fraction, members)),
    "BS": lambda members: frozenset(map(b64decode, members)),
    "L": lambda members: tuple(map(value, members)),
    "M": item,
}
