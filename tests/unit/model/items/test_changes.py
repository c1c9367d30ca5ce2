"""What differs between two items, path by path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from fastsync.model.digest import Digester
from fastsync.model.items.changes import MOST_PATHS, Change, find_changes, list_paths, split_members
from fastsync.model.items.paths import Path, format_path

A, B = {"S": "a"}, {"S": "b"}
CASES: dict[str, tuple[Any, Any, list[str]]] = {
    "a text": (A, B, ["x"]),
    "a number and its text": ({"N": "549.9"}, {"S": "549.9"}, ["x"]),
    "numbers of one value": ({"N": "1.50"}, {"N": "1.5"}, []),
    "sets in another order": ({"NS": ["1", "2.0"]}, {"NS": ["2", "1"]}, []),
    "a member of a set": ({"SS": ["a", "b"]}, {"SS": ["a", "c"]}, ["x"]),
    "a value in a map in a list": (
        {"L": [{"M": {"q": {"N": "3"}, "r": A}}]},
        {"L": [{"M": {"q": {"N": "4"}, "r": A}}]},
        ["x[0].q"],
    ),
    "a longer list": ({"L": [A]}, {"L": [A, B, B]}, ["x[1]", "x[2]"]),
    "a shorter list": ({"L": [A, B]}, {"L": []}, ["x[0]", "x[1]"]),
    "a map with another name": ({"M": {"n": A}}, {"M": {"m": A}}, ["x.m", "x.n"]),
    "a map and a text": ({"M": {"n": A}}, A, ["x"]),
    "a map and a list, both empty": ({"M": {}}, {"L": []}, ["x"]),
    "an empty map and a full one": ({"M": {}}, {"M": {"n": {"M": {"o": A}}}}, ["x.n"]),
    "a set and a list": ({"SS": ["a"]}, {"L": [A]}, ["x"]),
    "a type of the future": ({"X": [1]}, {"X": [2]}, ["x"]),
    "no DynamoDB JSON": ({"N": 5}, {"SS": 5}, ["x"]),
    "a list of nonsense": ({"L": [1, None]}, {"L": [2]}, ["x[0]"]),
    "a name that is a type": ({"M": {"N": {"N": "1"}}}, {"M": {"N": {"N": "2"}}}, ["x.N"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_paths_of_changes(case: tuple[Any, Any, list[str]]) -> None:
    """Changes are told leaf by leaf; what only one side has is one change; and both directions name the same paths."""
    slave, master, expected = case
    assert list(list_paths({"x": slave}, {"x": master}, ["x"])) == expected
    assert list(list_paths({"x": master}, {"x": slave}, ["x"])) == expected


def test_a_change_holds_both_sides() -> None:
    """A change has the slave's value first, and None for what a side lacks."""
    changes = find_changes({"a": A, "old": A, "same": A}, {"a": B, "new": B, "same": A})
    assert list(changes) == [Change(("a",), A, B), Change(("new",), None, B), Change(("old",), A, None)]


def test_only_certain_attributes() -> None:
    """What an item has beside the attributes that are asked for does not matter."""
    assert list(find_changes({"a": A, "b": A}, {"a": B, "b": B}, ["b", "c"])) == [Change(("b",), A, B)]


def test_members_of_sets() -> None:
    """Members are told apart by value, and sorted: numbers by value too."""
    change = Change(("x",), {"NS": ["100", "9", "3.0"]}, {"NS": ["3", "20", "1E1", "9"]})
    assert change.are_sets
    assert split_members(change) == ([{"N": "100"}], [{"N": "1E1"}, {"N": "20"}])
    assert not Change(("x",), {"NS": ["1"]}, {"SS": ["1"]}).are_sets
    assert not Change(("x",), None, {"SS": ["1"]}).are_sets


def test_paths_of_a_line_are_bounded() -> None:
    """A line names so many paths at most."""
    slave, master = ({"L": [{"N": str(number)}] * 500} for number in (1, 2))
    assert list_paths({"x": slave}, {"x": master}, ["x"])[-1] == f"x[{MOST_PATHS - 1}]"


NAMES = st.sampled_from(["a", "b", "c.d", "N"])
SCALARS = [A, B, {"N": "1"}, {"N": "1.0"}, {"N": "2"}, {"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"B": "AQ=="}]
SETS = [{"SS": ["a", "b"]}, {"SS": ["b", "a"]}, {"SS": ["a"]}, {"NS": ["1", "10"]}, {"NS": ["1E1", "1.0"]}]
LEAVES = st.sampled_from([*SCALARS, *SETS])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=10,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=4)


def flatten(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Return what stands at each path of a value: leaves as plain Python, and for maps and lists that they are one."""
    ((tag, inner),) = value.items()
    if tag == "L":
        found: dict[Path, Any] = {path: "a list"}
        for place, member in enumerate(inner):
            found |= flatten(member, (*path, place))
        return found
    if tag == "M":
        found = {path: "a map"}
        for name, member in inner.items():
            found |= flatten(member, (*path, name))
        return found
    if tag == "N":
        return {path: Decimal(inner)}
    if tag == "NS":
        return {path: frozenset(map(Decimal, inner))}
    if tag == "SS":
        return {path: frozenset(inner)}
    return {path: (tag, inner)}


def reference(slave_item: Any, master: Any) -> set[Path]:
    """Return the paths at which either side has something else or nothing, less those below such a path."""
    left, right = flatten({"M": slave_item}), flatten({"M": master})
    other = {path for path in left.keys() | right.keys() if left.get(path) != right.get(path)}
    return {path for path in other if not any(path[:depth] in other for depth in range(1, len(path)))}


@settings(deadline=None)
@given(ITEMS, ITEMS)
def test_changes_are_those_of_the_reference(slave_item: Any, master: Any) -> None:
    """Every path that differs is there once, none that agrees, and they lie in the attributes that a run names."""
    changes = list(find_changes(slave_item, master))
    assert len(changes) == len({format_path(change.path) for change in changes})
    assert {change.path for change in changes} == reference(slave_item, master)
    raw = (Raw(json.dumps(item).encode()) for item in (master, slave_item))
    assert tuple(sorted({change.path[0] for change in changes})) == Digester().find_differing(*raw)


@settings(deadline=None)
@given(ITEMS, ITEMS)
def test_changes_make_one_item_the_other(slave_item: Any, master: Any) -> None:
    """Who puts every change into the slave's item has the master's."""
    made = json.loads(json.dumps({"M": slave_item}))
    changes = list(find_changes(slave_item, master))
    for change in changes:
        if change.master is not None:
            put_value(made, change)
    for change in reversed(changes):  # so that lists lose their ends first
        if change.master is None:
            del find_parent(made, change.path)[change.path[-1]]
    assert not list(find_changes(made["M"], master))


def find_parent(item: Any, path: Path) -> Any:
    """Return the map or list that holds what a path leads to."""
    for step in path[:-1]:
        ((_, inside),) = item.items()
        item = inside[step]
    ((_, inside),) = item.items()
    return inside


def put_value(item: Any, change: Change) -> None:
    """Put the master's value where a path leads, at the end of a list where that is shorter."""
    inside, last = find_parent(item, change.path), change.path[-1]
    if isinstance(inside, list) and last == len(inside):
        inside.append(change.master)
    else:
        inside[last] = change.master
