"""Differences, as programs that listen to a run have them."""

from __future__ import annotations

import pickle
from dataclasses import asdict, fields, replace

import pytest

from fastsync import Difference, Effect, Verdict

FOUND = Difference("us-west-2:orders", Verdict.DIFFERING, {"id": {"S": "a"}}, ("v",), master={"v": {"N": "1"}})


def test_a_difference_is_taken_for_a_dataclass() -> None:
    """What Python has for dataclasses works on a difference: its names, as a dictionary, with another value."""
    document = asdict(FOUND)
    assert list(document) == [each.name for each in fields(FOUND)]
    assert Difference(**document) == FOUND
    assert replace(FOUND, action=Effect.WRITTEN).action is Effect.WRITTEN
    assert FOUND.action is Effect.NONE


def test_a_difference_cannot_be_changed() -> None:
    """Whoever listens gets the difference that the report tells, whatever listened before."""
    with pytest.raises(AttributeError):
        FOUND.slave = "another"  # type: ignore[misc]


def test_a_difference_crosses_to_another_process() -> None:
    """A difference arrives as it was sent."""
    assert pickle.loads(pickle.dumps(FOUND)) == FOUND
