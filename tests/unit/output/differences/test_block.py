"""The block of a difference."""

from __future__ import annotations

from typing import Any

from fastsync.model.difference import Difference, Effect, Item, Verdict
from fastsync.model.items.changes import MOST_PATHS
from fastsync.output.console.color import Colors
from fastsync.output.differences.block import ShownDifference, format_block

KEY: Item = {"pk": {"S": "a"}, "sk": {"N": "7"}}
MASTER: Item = {
    "lines": {"L": [{"M": {"qty": {"N": "4"}}}]},
    "price": {"S": "549.9"},
    "tags": {"SS": ["both", "new"]},
    "added": {"BOOL": True},
}
SLAVE: Item = {
    "lines": {"L": [{"M": {"qty": {"N": "3"}}}]},
    "price": {"N": "549.9"},
    "tags": {"SS": ["old", "both"]},
    "gone": {"NULL": True},
}


def shown(**more: Any) -> ShownDifference:
    names = tuple(sorted(MASTER.keys() | SLAVE.keys()))
    return ShownDifference("s", Verdict.DIFFERING, KEY, names, **{"master": MASTER, "slave_item": SLAVE, **more})


def test_differing() -> None:
    """A block has what a repair would change, a path a line, from the slave's value to the master's."""
    assert list(format_block(shown())) == [
        '* differing s {"pk":"a","sk":7}',
        "  + added  true",
        "  - gone  null",
        "    lines[0].qty  3 → 4",
        '    price  549.9 → "549.9"',
        '    tags  - "old"',
        '    tags  + "new"',
    ]


def test_paths_of_the_report() -> None:
    """Where a report names paths, only these are shown; where it names as many as it may, that is told."""
    assert list(format_block(shown(paths=frozenset({"price", "nowhere"}))))[1:] == ['    price  549.9 → "549.9"']
    many = frozenset({"price", *map(str, range(MOST_PATHS))})
    assert list(format_block(shown(paths=many)))[2:] == ["    (the report names the first 100 paths only)"]


def test_without_values() -> None:
    """Without values the attributes are named."""
    assert list(format_block(shown(master=None, slave_item=None))) == [
        '* differing s {"pk":"a","sk":7} in added, gone, lines, price, tags'
    ]


def test_whole_items() -> None:
    """Items that one side lacks take one line, or are shown in full."""
    missing = ShownDifference("s", Verdict.MISSING, KEY, action="written", master={"b": {"N": "1"}, "a": {"S": "x"}})
    extra = ShownDifference("s", Verdict.EXTRA, KEY, action="failed", error="no\tway", slave_item={"b": {"N": "1"}})
    assert list(format_block(missing)) == ['+ missing s {"pk":"a","sk":7} written']
    assert list(format_block(missing, full=True))[1:] == ['  + a  "x"', "  + b  1"]
    assert list(format_block(extra)) == ['- extra s {"pk":"a","sk":7} failed (no\\tway)']
    assert list(format_block(extra, full=True))[1:] == ["  - b  1"]


def test_of_a_run() -> None:
    """A difference of a run looks as one of a report, with other words for what an undo has done."""
    found = Difference("s", Verdict.MISSING, KEY, action=Effect.WRITTEN)
    assert list(format_block(ShownDifference.of(found, {Effect.WRITTEN: "put back"}))) == [
        '+ missing s {"pk":"a","sk":7} put back'
    ]


def test_colors() -> None:
    """What comes is green, what goes red; without the codes the text is the same."""
    painted = "\n".join(format_block(shown(), Colors(enabled=True)))
    assert "\033[31m3\033[0m → \033[32m4\033[0m" in painted
    for code in ("\033[31m", "\033[32m", "\033[33m", "\033[1m", "\033[0m"):
        painted = painted.replace(code, "")
    assert painted == "\n".join(format_block(shown()))
