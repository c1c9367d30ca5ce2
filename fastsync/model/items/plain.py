"""Attribute values as plain JSON values, as expressions see them: numbers as numbers, sets as sorted lists."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

LONGEST_NUMBER = 200
"""Digits before or after the point; DynamoDB's own numbers have fewer, and no others are worked out."""


def make_plain(value: Mapping[str, Any]) -> Any:
    """Return a value in DynamoDB JSON as a plain one; binary values stay base64 text, a set is a sorted list.

    Raises ValueError, or another exception, for what is no such value.
    """
    ((kind, inner),) = value.items()
    if kind in ("S", "BOOL", "B"):
        return inner
    if kind == "N":
        return make_number(inner)
    return _MAKE[kind](inner)


def make_number(text: str) -> int | float:
    """Return a number: whole ones exactly, others as the nearest double."""
    if text.isdecimal():  # exceptions of int() would take most of the time
        return int(text)
    whole, _, fraction = text.partition(".")
    if not fraction.isdecimal():
        return _make_decimal(Decimal(text))
    return float(text) if fraction.strip("0") else int(whole)


def _make_decimal(number: Decimal) -> int | float:
    if abs(number.adjusted()) < LONGEST_NUMBER and number == number.to_integral_value():
        return int(number)
    return float(number)


_MAKE: Mapping[str, Callable[[Any], Any]] = {
    "M": lambda members: {name: make_plain(member) for name, member in members.items()},
    "L": lambda members: [make_plain(member) for member in members],
    "NULL": lambda _: None,
    "SS": sorted,
    "NS": lambda members: sorted(map(make_number, members)),
    "BS": lambda members: sorted(members, key=b64decode),
}
"""How values of the rarer types are made."""
