"""Random attribute values in DynamoDB JSON, and other spellings of the same value."""

from __future__ import annotations

import random
import string
from base64 import b64encode
from decimal import Decimal

from tests.e2e import canonical
from tests.tables import Item

LETTERS = [*string.ascii_letters, *string.digits, *"äöü€ \"\\/'{}[]<>&,:\n\t\u0001\u007f\u0085\u2028\u2029😀"]
SCALARS = ("S", "S", "S", "N", "N", "B", "BOOL", "NULL", "SS", "NS", "BS")
DEEPEST = 4
"""Levels of lists and maps in one value."""


def text(chance: random.Random, least: int = 0, most: int = 8) -> str:
    """Make a string, sometimes a long one."""
    if chance.random() < 0.02:
        most *= 50
    return "".join(chance.choices(LETTERS, k=chance.randint(least, most)))


def number(chance: random.Random) -> str:
    """Make a number as the service writes it: plain digits, or an exponent where these are many."""
    digits = chance.choice((chance.randint(0, 9), chance.randint(0, 10**6), chance.randint(0, 10**38 - 1)))
    value = Decimal(digits).scaleb(chance.choice((0, 0, 0, 0, -1, -2, -7, -38, 20, 80, -80)))
    return str(-value if chance.random() < 0.3 else value)


def binary(chance: random.Random, least: int = 0) -> str:
    """Make some bytes as base64."""
    return b64encode(chance.randbytes(chance.randint(least, 12))).decode()


def value(chance: random.Random, depth: int = 0) -> Item:
    """Make a value of any type."""
    if depth < DEEPEST and chance.random() < 0.25:
        members = [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
        if chance.random() < 0.5:
            return {"L": members}
        return {"M": {text(chance, 1, 3): member for member in members}}
    return scalar(chance, chance.choice(SCALARS))


def scalar(chance: random.Random, kind: str) -> Item:
    """Make a value of a type without an inside, or a set."""
    match kind:
        case "S":
            return {"S": text(chance)}
        case "N":
            return {"N": number(chance)}
        case "B":
            return {"B": binary(chance)}
        case "BOOL":
            return {"BOOL": chance.random() < 0.5}
        case "NULL":
            return {"NULL": True}
        case _:
            return {kind: _members(chance, kind[0])}


def respelled(chance: random.Random, typed: Item) -> Item:
    """Write a value in another way: sets and maps in another order, numbers with zeros or an exponent."""
    ((kind, inner),) = typed.items()
    match kind:
        case "N":
            return {"N": _other_number(chance, inner)}
        case "SS" | "BS":
            return {kind: chance.sample(inner, len(inner))}
        case "NS":
            return {kind: [_other_number(chance, each) for each in chance.sample(inner, len(inner))]}
        case "L":
            return {"L": [respelled(chance, member) for member in inner]}
        case "M":
            return {"M": respelled_item(chance, inner)}
        case _:
            return typed


def respelled_item(chance: random.Random, item: Item) -> Item:
    """Write an item in another way."""
    return {name: respelled(chance, item[name]) for name in chance.sample(list(item), len(item))}


def _other_number(chance: random.Random, written: str) -> str:
    exact = Decimal(written)
    plain = format(exact, "f")
    zeros = plain + ("0" if "." in plain else ".0")
    minus = "-0" if not exact else written
    return chance.choice((written, plain, zeros, f"{exact.normalize():E}", minus))


def _members(chance: random.Random, kind: str) -> list[str]:
    """Make the members of a set, no two of them equal."""
    makers = {"S": lambda: text(chance, 1), "N": lambda: number(chance), "B": lambda: binary(chance, 1)}
    made = [makers[kind]() for _ in range(chance.randint(1, 4))]
    return list({canonical.value({kind: each}): each for each in made}.values())
