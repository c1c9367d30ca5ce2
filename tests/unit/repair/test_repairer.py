"""Conditions of guarded writes, and what is written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from fastsync.config.limits import DeleteLimit
from fastsync.model.difference import Difference, Verdict
from fastsync.repair.condition import MAX_OPERATORS, MAX_TEXT, require_unchanged
from fastsync.repair.decision import writable_attributes
from fastsync.run.tasks.delete_guard import Found, explain_refusal
from fastsync.run.tasks.waiting_extras import WaitingExtras


def raws(item: dict[str, Any]) -> dict[str, Raw]:
    return {name: Raw(json.dumps(value).encode()) for name, value in item.items()}


def test_conditions_hold_what_is_there_and_what_is_not() -> None:
    """What the slave's item has is to be unchanged, and what it lacks is to be still absent."""
    before = raws({"id": {"S": "1"}, "a": {"N": "1"}, "b": {"S": "x"}})
    condition = require_unchanged("id", before, ["a", "c", "b"])
    assert condition.expression == ("attribute_exists(#k) AND #g0=:g0 AND attribute_not_exists(#g1) AND #g2=:g2")
    assert condition.names == {"#k": "id", "#g0": "a", "#g1": "c", "#g2": "b"}
    assert condition.values == {":g0": before["a"], ":g2": before["b"]}


@pytest.mark.parametrize(("there", "least"), [(0, 125), (1, 145), (2, 145)])
def test_conditions_stay_within_the_services_limits(there: int, least: int) -> None:
    """However many attributes there are or lack, a condition stays within 4 KB and 300 operators."""
    names = [f"name{number:04}" for number in range(1000)]
    before = raws({name: {"N": "1"} for place, name in enumerate(names) if there and place % there == 0})
    condition = require_unchanged("id", before, names)
    assert len(condition.expression) <= MAX_TEXT
    assert sum(map(condition.expression.count, (" AND ", "=", "("))) <= MAX_OPERATORS
    guarded = list(condition.names.values())
    assert guarded == ["id", *names[: len(guarded) - 1]]
    assert len(guarded) > least
    assert all(value == before["name0000"] for value in condition.values.values())


def test_replication_attributes_are_never_written() -> None:
    """aws:rep:* stay behind; every other byte is written as it was read."""
    item = Raw(b'{"id":{"S":"1"},"aws:rep:updatetime":{"N":"1"},"n":{"N":"1.50"},"s":{"NS":["2","1"]}}')
    assert (
        msgspec.json.encode(writable_attributes(item, ["id"]))
        == b'{"id":{"S":"1"},"n":{"N":"1.50"},"s":{"NS":["2","1"]}}'
    )


def test_a_key_is_written_whatever_it_is_called() -> None:
    """A key attribute whose name begins like those of replication belongs to every item that is written."""
    item = Raw(b'{"aws:rep:id":{"S":"1"},"aws:rep:updatetime":{"N":"1"}}')
    assert msgspec.json.encode(writable_attributes(item, ["aws:rep:id"])) == b'{"aws:rep:id":{"S":"1"}}'


def test_when_deletes_are_refused() -> None:
    """A failed segment, an empty master and a limit that is passed each refuse all deletes of a slave."""
    five, limit = Found(5, 100), DeleteLimit.parse
    assert [explain_refusal(five, each) for each in (None, limit("5"), limit("5%"))] == [None, None, None]
    by_limits = {
        "--max-deletes": explain_refusal(Found(6, 100), limit("5%")),
        "--allow-empty-master": explain_refusal(EMPTY, None),
    }
    by_failures = {
        "could not be compared": explain_refusal(LACKING, None),
        "m was replaced": explain_refusal(REPLACED, None),
    }
    for words, told in (by_limits | by_failures).items():
        assert told is not None
        assert words in told.reason
        assert told.failed is (words in by_failures)


EMPTY = Found(1, 100, empty_master=True)
LACKING = Found(1, 100, empty_master=True, lacking=True)
REPLACED = Found(1, 100, lacking=True, changed="m was replaced")


def test_extras_are_kept_in_full() -> None:
    """Extras that wait for their deletion come back in order, in chunks, with all that was known of them."""
    waiting = WaitingExtras()
    extras = [
        Difference("s", Verdict.EXTRA, {"id": {"S": f"\n{number}é"}}, slave_item={"x": {"N": "1"}})
        for number in range(5)
    ]
    for extra in extras:
        waiting.add_extra(extra)
    chunks = [list(chunk) for _, chunk in waiting.read_chunks(2)]
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [(number, len(list(chunk))) for number, chunk in waiting.read_chunks(2)] == [(0, 2), (1, 2), (2, 1)]
    assert [extra for chunk in chunks for extra in chunk] == extras
