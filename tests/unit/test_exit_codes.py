"""Exit codes and statistics from events."""

from __future__ import annotations

import pytest

from fastsync.config.slicing import Slicing
from fastsync.errors import ConfigError, FastsyncError, TableError
from fastsync.model.difference import Difference, Effect, Tally, Verdict
from fastsync.model.messages.events import Event, PageDone, SlaveLost, TaskDone, TaskFailed, TaskStopped
from fastsync.model.table import TableRef
from fastsync.output.statistics import count_withheld
from fastsync.plan.segments import Plan
from fastsync.run.outcome import Outcome
from fastsync.run.result import choose_exit_code, make_statistics

MASTER, SLAVE = TableRef.parse("us-east-1:orders"), TableRef.parse("us-west-2:orders")
KEY_TEXT = r'{"id": {"S": "k\u2028ä"}}'
REFUSED = TaskFailed("segment 0: denied", refused=True)


def page(**counters: int) -> PageDone:
    return PageDone(Tally(scanned=10), (Tally(**counters),))


CASES: dict[str, tuple[list[Event], int | None, int]] = {
    "nothing there": ([TaskDone()], None, 0),
    "all the same": ([page(same=10), TaskDone()], None, 0),
    "missing": ([page(same=9, missing=1)], None, 1),
    "written": ([page(same=9, missing=1, written=1)], None, 0),
    "deleted": ([page(extra=2, deleted=2)], None, 0),
    "settled": ([page(same=9, settled=1)], None, 0),
    "contended": ([page(differing=1, contended=1)], None, 1),
    "newer": ([page(differing=1, slave_newer=1)], None, 1),
    "an item failed": ([page(missing=1, failed=1)], None, 4),
    "a segment failed": ([page(same=9), TaskFailed("segment 1: gone")], None, 4),
    "a slave was lost": ([page(same=9), SlaveLost(0, "gone", False)], None, 4),
    "refused deletes": ([page(extra=2, refused=2)], None, 5),
    "refused before failed": ([page(extra=2, refused=1, failed=1), TaskFailed("x")], None, 5),
    "withheld since a segment failed": ([page(extra=2, refused=2, withheld=2), TaskFailed("x")], None, 4),
    "withheld on one, refused on another": ([page(refused=2, withheld=1), TaskFailed("x")], None, 5),
    "denied at once": ([page(), REFUSED], None, 3),
    "denied later": ([page(same=1), REFUSED], None, 4),
    "denied and failed": ([page(), REFUSED, TaskFailed("x")], None, 4),
    "interrupted": ([page(extra=1, refused=1), TaskStopped()], 130, 130),
    "terminated": ([TaskStopped()], 143, 143),
    "stopped": ([page(same=1), TaskStopped()], None, 4),
}


def outcome(events: list[Event], interrupted: int | None = None) -> Outcome:
    made = Outcome([str(MASTER), str(SLAVE)], strategy="lookup", plan=Plan.of(Slicing(4)), extras=True)
    for event in events:
        made.add_event(event)
    made.interrupted = interrupted
    return made


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exit_codes(case: tuple[list[Event], int | None, int]) -> None:
    """What happened in a run decides its exit code, the first that holds of 130/143, 3, 5, 4, 1."""
    events, interrupted, code = case
    assert choose_exit_code(outcome(events, interrupted)) == code


@pytest.mark.parametrize(("error", "code"), [(ConfigError, 2), (TableError, 3), (FastsyncError, 4)])
def test_exit_codes_of_errors(error: type[FastsyncError], code: int) -> None:
    """Errors that end a run have the exit codes of the contract."""
    assert error.exit_code == code


def test_statistics_have_the_form_of_the_contract() -> None:
    """Every counter is there under its name; what was not looked for is null."""
    made = Outcome([str(MASTER), str(SLAVE)], strategy="lookup", plan=Plan.of(Slicing(4)), extras=False)
    made.add_event(PageDone(Tally(scanned=3, read_units=1.5), (Tally(compared=3, same=2, settled=1, read_units=2.0),)))
    stats = dict(make_statistics(made).as_document())
    assert isinstance(stats.pop("elapsed_seconds"), float)
    zero = dict.fromkeys(("missing", "differing", "slave_newer", "expired", "contended", "refused"), 0)
    zero |= dict.fromkeys(("written", "deleted", "failed", "scanned", "filtered", "changed"), 0)
    slave = {"compared": 3, "same": 2, "settled": 1, "extra": None, "read_units": 2.0, "write_units": 0.0, **zero}
    assert stats == {
        "complete": True,
        "strategy": "lookup",
        "segments": 4,
        "sample": None,
        "shard": None,
        "master": {"table": "us-east-1:orders", "scanned": 3, "read_units": 1.5},
        "slaves": {"us-west-2:orders": slave},
        "errors": [],
    }


def test_errors_of_items_are_told_once_per_slave() -> None:
    """A million failed items are one sentence with their number, the first key and the reason."""
    failed = Difference(str(SLAVE), Verdict.MISSING, {"id": {"S": "k\u2028ä"}}, (), Effect.FAILED, "too large")
    tally = Tally()
    for _ in range(3):
        tally.count_difference(failed)
    (error,) = make_statistics(outcome([PageDone(Tally(scanned=3), (tally,), (failed,) * 3)])).errors
    assert error == f"{SLAVE}: 3 items could not be repaired; the first: key {KEY_TEXT}: too large"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("effect", "why", "forms"),
    [
        (Effect.FAILED, "too large", ("1 item could not be repaired;", "2 items could not be repaired;")),
        (Effect.REFUSED, "not deleted: x", ("1 extra was not deleted: x", "2 extras were not deleted: x")),
    ],
)
def test_one_is_not_many(count: int, effect: Effect, why: str, forms: tuple[str, str]) -> None:
    """A sentence about one item is in the singular, and combining shards understands both."""
    difference = Difference(str(SLAVE), Verdict.EXTRA, {"id": {"S": "k"}}, (), effect, why)
    tally = Tally()
    for _ in range(count):
        tally.count_difference(difference)
    tally.withheld = tally.refused
    (error,) = make_statistics(outcome([PageDone(Tally(), (tally,), (difference,) * count)])).errors
    assert error.startswith(f"{SLAVE}: {forms[count - 1]}")
    assert count_withheld(str(SLAVE), [error]) == tally.refused
