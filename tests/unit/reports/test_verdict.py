"""The verdict on each slave, with which a summary and a page begin."""

from __future__ import annotations

from typing import Any

import pytest

from fastsync.reports.verdict import judge_run, list_uncompared

COUNTERS = {"compared": 9, "same": 9, "missing": 0, "differing": 0, "extra": 0}
NOTHING = dict.fromkeys(COUNTERS, 0)


def verdict(run: dict[str, Any], **counters: Any) -> tuple[str, str]:
    """Judge one slave with these counters, of a complete run unless `run` says otherwise."""
    (told,) = judge_run({"complete": True, "slaves": {"s": {**COUNTERS, **counters}}, **run})
    return told["text"], told["state"]


@pytest.mark.parametrize(
    ("run", "counters", "expected"),
    [
        ({}, {}, ("s is in sync", "good")),
        ({}, NOTHING, ("s is in sync", "good")),
        ({}, {"extra": None}, ("s holds all that the master holds; extras were not looked for", "good")),
        ({}, {"missing": 1}, ("s differs: 1 difference", "bad")),
        ({}, {"missing": 1000, "extra": None}, ("s differs: 1,000 differences", "bad")),
        ({}, {"missing": 3, "extra": 2, "written": 1}, ("s differs: 5 differences, 4 left", "bad")),
        ({}, {"missing": 3000, "extra": 2, "written": 1}, ("s differs: 3,002 differences, 3,001 left", "bad")),
        ({}, {"missing": 3, "extra": 2, "written": 3, "deleted": 2},
         ("s was repaired: 5 differences, none left", "good")),
        ({"sample": {}}, {}, ("s: no difference in the sample", "good")),
        ({"sample": {"of": 9}}, {"extra": None}, ("s: no difference in the sample", "good")),
        ({"sample": {"of": 9}}, {"extra": 1}, ("s differs: 1 difference in the sample", "bad")),
        ({"strategy": "keys"}, {}, ("s: no difference among these keys", "good")),
        ({"strategy": "keys"}, {"extra": 2}, ("s differs: 2 differences among these keys", "bad")),
        ({"shard": "0/2"}, {}, ("s: no difference in this shard", "good")),
        ({"shard": "0/2"}, {"missing": 2, "written": 2},
         ("s was repaired: 2 differences in this shard, none left", "good")),
        ({"shard": "0,2-4/6"}, {"missing": 2}, ("s differs: 2 differences in these shards", "bad")),
        ({"complete": False}, {}, ("s: no difference so far; the run was not complete", "unknown")),
        ({"complete": False, "sample": {}}, {}, ("s: no difference in the sample so far; the run was not complete",
                                                 "unknown")),
        ({"complete": False}, NOTHING, ("s was not compared", "unknown")),
        ({"complete": False}, {**NOTHING, "extra": None}, ("s was not compared", "unknown")),
        ({"complete": False}, {"extra": 2}, ("s differs: 2 differences so far; the run was not complete", "bad")),
        ({"complete": False}, {"missing": 2, "written": 2},
         ("s differs: 2 differences so far; the run was not complete", "bad")),
        ({"complete": None}, {}, ("s: no difference so far; the run was not complete", "unknown")),
        ({"strategy": "undo"}, {"differing": 2, "written": 2},
         ("s is as it was before the run: 2 items put back", "good")),
        ({"strategy": "undo"}, {"differing": 1, "written": 1, "extra": 3, "deleted": 3},
         ("s is as it was before the run: 1 item put back, 3 removed", "good")),
        ({"strategy": "undo"}, {"extra": 1, "deleted": 1},
         ("s is as it was before the run: 1 item removed", "good")),
        ({"strategy": "undo"}, {}, ("s is as it was before the run: there was nothing to undo", "good")),
        ({"strategy": "undo"}, {"differing": 2, "written": 1},
         ("s is not as it was before the run: 1 of 2 items not undone", "bad")),
        ({"strategy": "undo", "complete": False}, {"differing": 2, "written": 2},
         ("s may not be as it was before the run: the undo was not complete", "unknown")),
        ({"strategy": "undo", "complete": False}, NOTHING, ("nothing was undone on s", "unknown")),
    ],
)  # fmt: skip
def test_verdict(run: dict[str, Any], counters: dict[str, Any], expected: tuple[str, str]) -> None:
    """A slave is said to be in sync only where all of it was compared, and nothing is left that differs."""
    assert verdict(run, **counters) == expected


def test_a_slave_that_is_done() -> None:
    """Where another slave has failed, one on which everything is known and done is judged all the same."""
    slaves = {"a": {**COUNTERS, "missing": 1}, "b": COUNTERS, "c": NOTHING}
    run = {"complete": False, "slaves": slaves}
    assert [each["text"] for each in judge_run(run, finished=["a", "b"])] == [
        "a differs: 1 difference",
        "b is in sync",
        "c was not compared",
    ]
    assert list_uncompared(run) == ["c"]
    assert list_uncompared({**run, "complete": True}) == []


@pytest.mark.parametrize(
    ("counters", "report", "expected"),
    [
        ({"missing": 2}, "orders.jsonl", "s differs: 2 differences, all in orders.jsonl"),
        ({"missing": 2, "written": 1}, "orders.jsonl", "s differs: 2 differences, 1 left, all in orders.jsonl"),
        ({"missing": 2}, "x" * 67, f"s differs: 2 differences, all in {'x' * 67}"),
        ({"missing": 2}, "x" * 68, "s differs: 2 differences"),
        ({}, "orders.jsonl", "s is in sync"),
        ({"missing": 2, "written": 2}, "orders.jsonl", "s was repaired: 2 differences, none left"),
    ],
)
def test_the_report_is_named(counters: dict[str, int], report: str, expected: str) -> None:
    """The verdict says where all that is left is to be found, if that fits into the line."""
    run = {"complete": True, "slaves": {"s": {**COUNTERS, **counters}}}
    (told,) = judge_run(run, report)
    assert told["text"] == expected


def test_an_incomplete_report_is_not_called_whole() -> None:
    """What a run that was not complete has found is not said to be all."""
    run = {"complete": False, "slaves": {"s": {**COUNTERS, "missing": 2}}}
    (told,) = judge_run(run, "orders.jsonl")
    assert "orders.jsonl" not in told["text"]
