"""Paths of --ignore-path: what they name, what is left of an item, and what is no path."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from msgspec import Raw

from fastsync.model.digest import Digester, PathDigester
from fastsync.model.items.changes import list_paths
from fastsync.model.items.ignored_paths import IgnoredPaths, parse_path
from fastsync.model.items.paths import format_path
from tests.e2e.cases import L, M, N, S

SAME, OTHER = True, False
CASES = {
    "a value in a map": (["meta.at"], {"meta": M(at=N(1), by=S("a"))}, {"meta": M(at=N(2), by=S("a"))}, SAME),
    "another value in the map": (["meta.at"], {"meta": M(at=N(1), by=S("a"))}, {"meta": M(at=N(1), by=S("b"))}, OTHER),
    "present and absent are the same": (["meta.at"], {"meta": M(at=N(1))}, {"meta": M()}, SAME),
    "an empty map is not an absent one": (["meta.at"], {"meta": M(at=N(1))}, {}, OTHER),
    "every member of a list": (
        ["lines[*].seen"],
        {"lines": L(M(seen=N(1)), M())},
        {"lines": L(M(), M(seen=N(2)))},
        SAME,
    ),
    "one member of a list": (["a[1]"], {"a": L(N(1), N(2))}, {"a": L(N(1))}, SAME),
    "the place is that of the stored item": (["a[0]"], {"a": L(N(1), N(2))}, {"a": L(N(2), N(1))}, OTHER),
    "all members of a list": (["a[*]"], {"a": L(N(1))}, {"a": L()}, SAME),
    "an emptied list is not an absent one": (["a[*]"], {"a": L(N(1))}, {}, OTHER),
    "a whole attribute": (["seen"], {"seen": N(1)}, {}, SAME),
    "a star in a name": (["tmp_*"], {"tmp_a": N(1), "x": N(1)}, {"tmp_b": N(1), "tmp_": N(2), "x": N(1)}, SAME),
    "a star stands for no dot and no member": (["a*"], {"b": M(a=N(1))}, {"b": M(a=N(2))}, OTHER),
    "stars in the middle": (["m.a*z"], {"m": M(az=N(1), abz=N(2))}, {"m": M()}, SAME),
    "a star is no member of a list": (["a.*"], {"a": L(N(1))}, {"a": L(N(2))}, OTHER),
    "a quoted star is a star": (['m."*"'], {"m": {"M": {"*": N(1)}}}, {"m": M()}, SAME),
    "a quoted star stands for nothing else": (['m."*"'], {"m": M(a=N(1))}, {"m": M()}, OTHER),
    "a name with a dot": (['"a.b".c'], {"a.b": M(c=N(1))}, {"a.b": M(c=N(2))}, SAME),
    "a name with quotes": (['"a\\"\\\\b"'], {'a"\\b': N(1)}, {}, SAME),
    "through a set": (["s.a"], {"s": {"SS": ["a"]}}, {"s": {"SS": ["b"]}}, OTHER),
    "past a plain value": (["v.a[0]"], {"v": N(1)}, {"v": N(2)}, OTHER),
    "lists in lists": (["a[*][1]"], {"a": L(L(N(1), N(2)))}, {"a": L(L(N(1), N(3)))}, SAME),
    "a key stays": (["id", "i*", "*"], {"id": S("a")}, {"id": S("b")}, OTHER),
    "numbers are still equal by value": (["m.x"], {"m": M(y=N("1.50"), x=N(1))}, {"m": M(y=N("1.5"))}, SAME),
    "several paths": (["m.x", "m.y.z"], {"m": M(x=N(1), y=M(z=N(1)))}, {"m": M(x=N(2), y=M(z=N(3)))}, SAME),
}
NO_PATHS = [
    "", " ", ".", "a.", ".a", "a..b", "[0]", "a[", "a[]", "a[-1]", "a[1:2]", "a[x]", "a[1", "a]", '"a', 'a"b', '"a"b',
    "a b", "a[0]b", "a.[0]", '"a\\n"', "a[1234567890]",
]  # fmt: skip


def raw(item: Any) -> Raw:
    """Make a raw item."""
    return Raw(json.dumps(item).encode())


@pytest.mark.parametrize("name", CASES)
def test_named_values_are_not_compared(name: str) -> None:
    """Items are compared as if the values that paths name were not there on either side."""
    paths, master, slave, same = CASES[name]
    digester = PathDigester(IgnoredPaths(paths), keys=("id",))
    found = digester.find_differing(raw(master), raw(slave))
    assert (found == ()) is same
    assert (digester.find_differing(raw(slave), raw(master)) == ()) is same


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_is_no_path(text: str) -> None:
    """A text that is no path is refused with what is wrong."""
    with pytest.raises(ValueError, match=r"."):
        parse_path(text)


@pytest.mark.parametrize("seed", range(200))
def test_an_obvious_version_agrees(seed: int) -> None:
    """What is left of random items is what removing every named leaf, one by one, leaves of them."""
    chance = random.Random(seed)
    master, slave = ({"id": S("k"), **_make_map(chance, 3)["M"]} for _ in range(2))
    every = [*_list_steps((), {"M": master}), *_list_steps((), {"M": slave})]
    ignored = chance.sample(every, min(len(every), chance.randrange(4)))
    ignored = [path for path in ignored if path[0] != "id"]
    digester = PathDigester(IgnoredPaths(map(format_path, ignored)), keys=("id",))
    left = [_remove({"M": item}, (), set(ignored))["M"] for item in (master, slave)]
    assert digester.find_differing(raw(master), raw(slave)) == Digester().find_differing(*map(raw, left))


def test_paths_of_a_report_leave_out_what_is_ignored() -> None:
    """The paths of a difference are those that were compared, with places as they are in the stored items."""
    slave, master = {"m": M(x=N(1), y=N(1)), "a": L(N(1), N(2))}, {"m": M(x=N(2), y=N(2)), "a": L(N(0), N(3))}
    assert list_paths(slave, master, ("a", "m"), IgnoredPaths(["m.x", "a[0]"])) == ("a[1]", "m.y")


def _make_map(chance: random.Random, depth: int) -> Any:
    return {"M": {name: _make_value(chance, depth - 1) for name in "abc.*" if chance.random() < 0.6}}


def _make_value(chance: random.Random, depth: int) -> Any:
    kind = chance.choice("NML") if depth else "N"
    if kind == "N":
        return N(chance.randrange(2))
    if kind == "M":
        return _make_map(chance, depth)
    return L(*(_make_value(chance, depth - 1) for _ in range(chance.randrange(3))))


def _list_steps(path: tuple[Any, ...], value: Any) -> list[tuple[Any, ...]]:
    ((kind, inner),) = value.items()
    if kind not in ("M", "L"):
        return []
    found = []
    for step, member in inner.items() if kind == "M" else enumerate(inner):
        found += [(*path, step), *(_list_steps((*path, step), member) if isinstance(member, dict) else [])]
    return found


def _remove(value: Any, path: tuple[Any, ...], ignored: set[tuple[Any, ...]]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "M":
        members = {name: member for name, member in inner.items() if (*path, name) not in ignored}
        return {"M": {name: _remove(member, (*path, name), ignored) for name, member in members.items()}}
    if kind == "L":
        kept = [(place, member) for place, member in enumerate(inner) if (*path, place) not in ignored]
        return {"L": [_remove(member, (*path, place), ignored) for place, member in kept]}
    return value
