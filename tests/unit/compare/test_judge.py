"""What a difference holds of both items."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from fastsync import Action, Difference, Policy
from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Pairs
from fastsync.model.digest import Digester
from fastsync.model.keys import KeyReader
from fastsync.model.table import KeySchema
from fastsync.output.report_line import ReportLines

MASTER = {"id": {"S": "a"}, "n": {"N": "1"}, "tags": {"SS": ["x", "y"]}, "only": {"M": {"k": {"N": "1"}}}}
SLAVE = {"tags": {"SS": ["y", "x"]}, "n": {"N": "2"}, "id": {"S": "a"}, "new": {"NULL": True}}


class Asked(Policy):
    """A policy that is asked what is to be done, and may look at all of an item."""

    def resolve(self, difference: Difference) -> Action:
        return Action.LEAVE


def find_difference(master: Any, slave: Any, policy: Policy, *, whole_items: bool, values: bool = True) -> Difference:
    """Have one pair judged."""
    judge = Judge(("s",), Digester(), policy, Expiry(None, [None]), values=values, whole_items=whole_items)
    items = [None if item is None else Raw(json.dumps(item).encode()) for item in (master, slave)]
    keys = KeyReader(KeySchema("id", "S")).read_keys([Raw(json.dumps(master or slave).encode())])
    (suspect,) = judge.find_suspects(Pairs(0, keys, items[:1], items[1:]))
    found = judge.make_difference(suspect)
    assert found is not None
    return found


@pytest.mark.parametrize("pair", [(MASTER, SLAVE), (MASTER, None), (None, SLAVE)], ids=["both", "missing", "extra"])
def test_a_line_is_the_same_of_whole_items_and_of_what_differs(pair: tuple[Any, Any]) -> None:
    """What crosses to the parent for the report is what its line needs, and no attribute less."""
    lines = ReportLines(values=True)
    whole, part = (find_difference(*pair, Policy(), whole_items=each) for each in (True, False))
    assert lines.format_line(whole) == lines.format_line(part)


def test_only_what_differs_is_kept() -> None:
    """Attributes that agree are not sent to the parent where nobody asks for whole items."""
    found = find_difference(MASTER, SLAVE, Policy(), whole_items=False)
    assert found.attributes == ("n", "new", "only")
    assert found.master == {"n": MASTER["n"], "only": MASTER["only"]}
    assert found.slave_item == {"n": SLAVE["n"], "new": SLAVE["new"]}


def test_listeners_and_policies_have_whole_items() -> None:
    """A listener, and a policy that decides what is to be done, see both items as they are stored."""
    for found in (
        find_difference(MASTER, SLAVE, Policy(), whole_items=True),
        find_difference(MASTER, SLAVE, Asked(), values=False, whole_items=False),
    ):
        assert (found.master, found.slave_item) == (MASTER, SLAVE)
