"""How a case is written: what is in the tables, which flags are given, and what has to come of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.tables import Item, Keys

ID: Keys = (("id", "S"),)
"""The key that a case has where it does not matter."""


def S(text: str) -> Item:
    """Make a string."""
    return {"S": text}


def N(number: str | int) -> Item:
    """Make a number, written as given."""
    return {"N": str(number)}


def B(content: bytes) -> Item:
    """Make a binary value."""
    return {"B": b64encode(content).decode()}


def BOOL(truth: bool) -> Item:
    """Make a boolean."""
    return {"BOOL": truth}


NULL: Item = {"NULL": True}


def L(*members: Item) -> Item:
    """Make a list."""
    return {"L": list(members)}


def M(**members: Item) -> Item:
    """Make a map."""
    return {"M": members}


def SS(*members: str) -> Item:
    """Make a set of strings, written in the order given."""
    return {"SS": list(members)}


def NS(*members: str) -> Item:
    """Make a set of numbers, written in the order given."""
    return {"NS": list(members)}


def BS(*members: bytes) -> Item:
    """Make a set of binary values, written in the order given."""
    return {"BS": [B(member)["B"] for member in members]}


def item(id: str, **attributes: Item) -> Item:
    """Make an item of a table whose key is ID."""
    return {"id": S(id), **attributes}


@dataclass(frozen=True)
class Line:
    """A line of the report, less what the case's slave tells."""

    verdict: str
    key: Item
    attributes: Sequence[str] = ()
    action: str = "none"


def missing(key: str | Item, action: str = "none") -> Line:
    """Expect an item to be missing."""
    return Line("missing", _key(key), (), action)


def differing(key: str | Item, *attributes: str, action: str = "none") -> Line:
    """Expect an item to differ in these attributes."""
    return Line("differing", _key(key), attributes, action)


def extra(key: str | Item, action: str = "none") -> Line:
    """Expect an item that only the slave has."""
    return Line("extra", _key(key), (), action)


def done(lines: Sequence[Line]) -> Sequence[Line]:
    """Expect all these differences to be repaired."""
    return [replace(line, action="deleted" if line.verdict == "extra" else "written") for line in lines]


@dataclass(frozen=True)
class Slave:
    """A slave's items, the lines that it has in the report, its counters other than 0, and its items afterwards.

    `after` is None where nothing may change. `extra` and `scanned` are worked out from the flags unless given.
    """

    items: Sequence[Item]
    found: Sequence[Line] = ()
    stats: Mapping[str, int | None] = field(default_factory=dict)
    after: Sequence[Item] | None = None


@dataclass(frozen=True)
class Case:
    """One promise: tables, flags by their names in snake_case, and what has to come of it."""

    name: str
    master: Sequence[Item]
    slaves: Sequence[Slave]
    flags: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    keys: Keys = ID

    @property
    def looks_for_extras(self) -> bool:
        """Say whether the flags ask for extras."""
        return bool(self.flags.get("scan_for_extra") or self.flags.get("delete_extra"))

    @property
    def segments(self) -> int:
        """How many segments the run has."""
        return int(self.flags.get("segments") or self.flags.get("parallel") or 1)

    def arguments(self) -> list[str]:
        """Give the flags as they are typed."""
        typed: list[str] = []
        for name, given in self.flags.items():
            flag = f"--{name.replace('_', '-')}"
            if name == "policy":
                typed += [flag, f"tests.e2e.policies:{given}"]
            elif given is True:
                typed.append(flag)
            else:
                for each in given if isinstance(given, list) else [given]:
                    typed += [flag, str(each)]
        return typed


ALL: Mapping[str, Any] = {"write_missing": True, "write_differing": True, "delete_extra": True}
"""The flags that make a slave equal to the master."""


def _key(key: str | Item) -> Item:
    return {"id": S(key)} if isinstance(key, str) else key
