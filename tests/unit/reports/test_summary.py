"""The end of a run in words: the verdict first, no line wider than a terminal, each number as people write it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from fastsync.output.statistics import MasterCounters, Result, SampleStatistics, SlaveCounters, Statistics
from fastsync.reports.next_step import Left, suggest_next
from fastsync.reports.summary import summarize

MASTER, SLAVE = "us-east-1:orders", "us-west-2:orders"
ARN = "arn:aws:dynamodb:ap-southeast-2:123456789012:table/orders-by-customer"
MANY = dict.fromkeys(SlaveCounters.__struct_fields__, 123_456_789)


def make_result(counters: dict[str, Any], name: str = SLAVE, exit_code: int = 1, **fields: Any) -> Result:
    """Make the result of a run with one slave; `fields` are those of the statistics or of the result."""
    slave = SlaveCounters(**{**dict.fromkeys(SlaveCounters.__struct_fields__, 0), **counters})
    of_result = {each: fields.pop(each) for each in list(fields) if each in Result.__dataclass_fields__}
    scanned = counters.get("compared", 0)
    statistics = Statistics(
        **{
            **{"complete": True, "strategy": "merge", "segments": 4, "elapsed_seconds": 5.0, "sample": None},
            **{"shard": None, "master": MasterCounters(MASTER, scanned, 12.0), "slaves": {name: slave}, "errors": []},
            **fields,
        }
    )
    return Result(statistics, exit_code, **of_result)


def texts(result: Result, **more: Any) -> list[str]:
    """Give the lines as they are shown."""
    return [text for line in summarize(result, **more) for text in line.wrap()]


def test_a_slave_that_differs() -> None:
    """Verdict, counts, and one line of units and money, in this order; what the units were spent on with --verbose."""
    counters = {"compared": 20_000, "same": 19_807, "missing": 79, "differing": 114, "extra": 25, "read_units": 2222.5}
    result = make_result(counters, recheck_units=332.0, details=["estimated 2,008 read units"])
    shown = [
        f"{SLAVE} differs: 218 differences, all in orders.jsonl",
        f"{MASTER}: 20,000 items scanned in 5 s (merge, 4 segments)",
        f"{SLAVE}: 19,807 same, 79 missing, 114 differing, 25 extra",
        "2,234 read units, under 1 cent (332 of them to read suspects again)",
    ]
    assert texts(result, report="orders.jsonl") == shown
    assert texts(result, report="orders.jsonl", verbose=True) == [
        *shown,
        f"  {MASTER}: 12 read units",
        f"  {SLAVE}: 2,222 read units",
        "estimated 2,008 read units",
    ]


@pytest.mark.parametrize(("items", "words"), [(0, "0 items read by their keys"), (1, "1 item read by its key")])
def test_items_read_by_key(items: int, words: str) -> None:
    """One item is read by its key, any other number by their keys."""
    result = make_result({"compared": items, "same": items}, strategy="keys", segments=None)
    assert f"{MASTER}: {words} in 5 s" in texts(result)


def test_a_repair() -> None:
    """What became of the differences has a line of its own, and write units are told."""
    counters = {"compared": 1, "missing": 1, "extra": 2, "written": 1, "deleted": 2, "write_units": 3.0}
    assert texts(make_result(counters, exit_code=0)) == [
        f"{SLAVE} was repaired: 3 differences, none left",
        f"{MASTER}: 1 item scanned in 5 s (merge, 4 segments)",
        f"{SLAVE}: 0 same, 1 missing, 0 differing, 2 extra",
        "  of these 1 written, 2 deleted",
        "12 read units, 3 write units, under 1 cent",
    ]


def test_extras_that_were_not_looked_for() -> None:
    """That extras were not looked for is said plainly, with the flag that does."""
    shown = texts(make_result({"compared": 1, "same": 1, "extra": None}, exit_code=0))
    assert shown[0] == f"{SLAVE} holds all that the master holds; extras were not looked for"
    assert "extras not looked for: --scan-for-extra also finds items that only a slave has" in shown


def test_a_slave_that_was_not_compared() -> None:
    """A slave of which nothing was compared has no line of zeros."""
    result = make_result({"extra": None}, complete=False, errors=[f"{SLAVE}: no such table"], exit_code=4)
    shown = texts(result)
    assert shown[0] == f"{SLAVE} was not compared"
    assert shown[-1] == f"error: {SLAVE}: no such table"
    assert not any("0 same" in line for line in shown)


def test_an_undo() -> None:
    """An undo puts back and removes; what it looked at is not what it read again."""
    counters = {"compared": 20, "same": 3, "differing": 17, "written": 17, "extra": 5, "deleted": 5, "read_units": 25.0}
    result = make_result(counters, strategy="undo", recheck_units=25.0, master=MasterCounters("x.undo", 25, 0.0))
    assert texts(result) == [
        f"{SLAVE} is as it was before the run: 17 items put back, 5 removed",
        "x.undo: 25 items that the run wrote, looked at in 5 s",
        f"{SLAVE}: 3 as before already, 17 put back, 5 removed",
        "25 read units, under 1 cent",
    ]


SAMPLE = SampleStatistics(0.02, 30, 1500, 7, {})
WIDE: dict[str, dict[str, Any]] = {
    "many of everything": {},
    "incomplete": {"complete": False, "remaining": "interrupted by SIGINT; 1,499 of 1,500 segments are not compared"},
    "a sample": {"sample": SAMPLE},
    "a shard": {"shard": "17/128"},
    "an undo": {"strategy": "undo"},
}


@pytest.mark.parametrize("name", [SLAVE, ARN], ids=["by name", "by ARN"])
@pytest.mark.parametrize("case", WIDE)
def test_no_line_wraps(case: str, name: str) -> None:
    """No line is wider than 100 columns, and no number ends with .0, whatever the figures are."""
    more: dict[str, Any] = {"segments": 1_000_000, "elapsed_seconds": 123_456.0, **WIDE[case]}
    shown = texts(make_result({**MANY, "read_units": 1e9, "write_units": 1e9}, name, **more), verbose=True)
    assert max(map(len, shown)) <= 100, max(shown, key=len)
    assert not any(re.search(r"\.0\b", line) for line in shown)
    assert any("123,456,789" in line for line in shown)


def test_names_do_not_steer_the_terminal() -> None:
    """An error with control characters in it is shown with them escaped."""
    assert "\\x1b[2J" in texts(make_result({}, complete=False, errors=["\x1b[2J"]))[-1]


REPORT = Left(report="orders differ.jsonl")
UNDO_LOG = Left(undo_log="x.undo", repairing=True)


@pytest.mark.parametrize(
    ("counters", "exit_code", "left", "expected"),
    [
        ({"missing": 1}, 1, REPORT, "next: fastsync show 'orders differ.jsonl'"),
        ({"missing": 1}, 1, Left(),
         "next: --report FILE lists every difference; --write-missing and --write-differing repair them"),
        ({"missing": 1, "written": 1}, 0, UNDO_LOG, "to undo this run: fastsync undo x.undo"),
        ({"missing": 1, "failed": 1}, 4, UNDO_LOG, None),
        ({"missing": 2, "written": 1}, 1, replace(UNDO_LOG, report="/a/b.jsonl"),
         "next: fastsync show /a/b.jsonl"),
        ({"same": 1}, 0, REPORT, None),
        ({"same": 1}, 130, Left(), "next: with --checkpoint FILE --resume a run goes on where it was interrupted"),
        ({"missing": 1}, 130, Left(report="x", checkpoint="/"), None),
        ({"missing": 1}, 1, Left(report="x", checkpoint="/nowhere/x"), "next: fastsync show x"),
    ],
)  # fmt: skip
def test_the_next_step(counters: dict[str, int], exit_code: int, left: Left, expected: str | None) -> None:
    """One line says what can be done next, and none is there where nothing suggests itself."""
    assert suggest_next(make_result(counters, exit_code=exit_code), left) == expected


def test_an_export_is_not_to_be_repaired() -> None:
    """Where only exports are slaves, no flag that writes is suggested."""
    found = suggest_next(make_result({"missing": 1}, "export:backup"), Left())
    assert found == "next: --report FILE lists every difference"


def test_keys_are_not_resumed() -> None:
    """An interrupted run of given keys is told of no checkpoint: it takes none."""
    assert suggest_next(make_result({}, exit_code=130, strategy="keys"), Left()) is None
