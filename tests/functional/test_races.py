"""Races, brought about at the one moment that matters: items that change between a read and a write of fastsync.

A moment is told by request: right before (or after) the server answers it, somebody else changes master or slave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault, Request
from tests.functional.tables_behind_proxy import Table, World, item
from tests.tables import Item

Where = Callable[[World], Table]
MASTER: Where = lambda made: made.master  # noqa: E731
SLAVE: Where = lambda made: made.slave  # noqa: E731
Change = tuple[Where, Item | None]
"""Where somebody else writes, and which item; None deletes it."""

OLD, NEW, NEWER, OTHER = (item("k", v=v) for v in ("1", "2", "3", "other"))
MISSING, DIFFERING, DELETE = "--write-missing", "--write-differing", "--delete-extra"
RECHECKED, LOOKED_UP = (lambda each: each.consistent), (lambda each: not each.consistent)


@dataclass(frozen=True)
class Moment:
    """A request, told by operation, table and number, and whether the change happens before or after it is served."""

    operation: str
    where: Where
    nth: int = 1
    told_by: Callable[[Request], bool] = lambda _: True
    kind: Callable[[Callable[[], object]], Fault] = faults.before


@dataclass(frozen=True)
class Race:
    """Items of master and slave, what happens when, and what comes of it; the promise is the case's name."""

    master: Item | None
    slave: Item | None
    flags: Sequence[str]
    moment: Moment
    changes: Sequence[Change]
    left: Item | None
    found: tuple[str, str] | None = None
    exit_code: int = 0
    counted: dict[str, int] = field(default_factory=dict)


PUT = Moment("PutItem", SLAVE)
DELETED = Moment("DeleteItem", SLAVE)
SCANNED = Moment("Scan", MASTER, kind=faults.after)
SLAVE_LOOKED_UP = Moment("BatchGetItem", SLAVE, told_by=LOOKED_UP, kind=faults.after)
BEFORE_RECHECK = Moment("BatchGetItem", SLAVE, told_by=RECHECKED)
MID_RECHECK = Moment("BatchGetItem", SLAVE, told_by=RECHECKED, kind=faults.after)
AFTER_RECHECK = Moment("BatchGetItem", MASTER, told_by=RECHECKED, kind=faults.after)
BEFORE_DELETING = Moment("BatchGetItem", SLAVE, nth=2, told_by=RECHECKED)
MID_DELETING = Moment("BatchGetItem", SLAVE, nth=2, told_by=RECHECKED, kind=faults.after)
BOTH_NEWER: Sequence[Change] = ((SLAVE, NEWER), (MASTER, NEWER))
ALL = (MISSING, DIFFERING, DELETE)
VERSIONED = (*ALL, "--version-attribute", "v")
KEPT = (*ALL, "--ignore", "seen", "--keep-ignored")
WHERE = (*ALL, "--where", "v != 'other'")
AT_1, AT_2, AT_3 = (item("k", v=v) for v in (1, 2, 3))
SEEN = item("k", v="2", seen="late")

RACES = {
    "a missing item that arrives on the slave while it is written is not overwritten, and settles": Race(
        NEW, None, ALL, PUT, [(SLAVE, NEW)], NEW, counted={"settled": 1, "missing": 0}
    ),
    "a missing item that arrives in a newer version on both sides is not set back": Race(
        NEW, None, ALL, PUT, BOTH_NEWER, NEWER, counted={"settled": 1, "written": 0}
    ),
    "an item that appears on the slave is no longer missing, and is not overwritten without --write-differing": Race(
        NEW, None, (MISSING,), PUT, [(SLAVE, OTHER)], OTHER, ("differing", "none"), 1, {"written": 0}
    ),
    "an item that appears on the slave and still differs then is written as differing": Race(
        NEW, None, (MISSING, DIFFERING), PUT, [(SLAVE, OTHER)], NEW, ("differing", "written"), 0, {"missing": 0}
    ),
    "version 3 that reaches both while version 2 is written stays": Race(
        NEW, OLD, ALL, PUT, BOTH_NEWER, NEWER, counted={"settled": 1, "written": 0, "differing": 0}
    ),
    "version 3 that reaches both while version 2 as scanned is written stays": Race(
        NEW, OLD, (*ALL, "--no-recheck"), PUT, BOTH_NEWER, NEWER, counted={"written": 0}
    ),
    "version 3 that reaches both between the two reads of the recheck stays": Race(
        NEW, OLD, ALL, MID_RECHECK, BOTH_NEWER, NEWER, counted={"written": 0}
    ),
    "version 3 that reaches both between scan and look-up stays": Race(
        NEW, OLD, ALL, SCANNED, BOTH_NEWER, NEWER, counted={"settled": 1}
    ),
    "version 3 that reaches both right after the recheck stays": Race(
        NEW, OLD, ALL, AFTER_RECHECK, BOTH_NEWER, NEWER, counted={"settled": 1, "written": 0}
    ),
    "a slave's item that changed and still differs is written with a fresh item of the master": Race(
        NEW, OLD, ALL, PUT, [(SLAVE, OTHER), (MASTER, NEWER)], NEWER, ("differing", "written")
    ),
    "an attribute that the slave's item got meanwhile is looked at before it is overwritten": Race(
        item("k", v="2"), OLD, ALL, PUT, [(SLAVE, item("k", v="2", w="x")), (MASTER, item("k", v="2", w="x"))],
        item("k", v="2", w="x"), counted={"settled": 1, "written": 0},
    ),
    "a master's item that changed after the scan is written as it is now": Race(
        NEW, OLD, ALL, SLAVE_LOOKED_UP, [(MASTER, NEWER)], NEWER, ("differing", "written")
    ),
    "a master's item that changed after the scan and was missing is written as it is now": Race(
        NEW, None, ALL, SLAVE_LOOKED_UP, [(MASTER, NEWER)], NEWER, ("missing", "written")
    ),
    "a missing item that the master loses after the scan is no difference": Race(
        NEW, None, (MISSING, DIFFERING), BEFORE_RECHECK, [(MASTER, None)], None, counted={"settled": 1}
    ),
    "a differing item that the master loses after the scan is not written": Race(
        NEW, OLD, (MISSING, DIFFERING), BEFORE_RECHECK, [(MASTER, None)], OLD, counted={"settled": 1, "differing": 0}
    ),
    "a differing item that the master loses while it is written is not written": Race(
        NEW, OLD, (MISSING, DIFFERING), PUT, [(MASTER, None), (SLAVE, None)], None, counted={"settled": 1}
    ),
    "a differing item that the slave loses while it is written is missing, and is written": Race(
        NEW, OLD, (MISSING, DIFFERING), PUT, [(SLAVE, None)], NEW, ("missing", "written")
    ),
    "a differing item that the slave loses while it is written is not written without --write-missing": Race(
        NEW, OLD, (DIFFERING,), PUT, [(SLAVE, None)], None, ("missing", "none"), 1
    ),
    "a suspect that agrees when read again is settled": Race(
        NEW, OLD, (), BEFORE_RECHECK, [(SLAVE, NEW)], NEW, counted={"settled": 1, "same": 1, "differing": 0}
    ),
    "a missing suspect that is there when read again is settled": Race(
        NEW, None, (), BEFORE_RECHECK, [(SLAVE, NEW)], NEW, counted={"settled": 1, "missing": 0}
    ),
    "a difference that becomes another one is reported as it is now": Race(
        NEW, OLD, (), BEFORE_RECHECK, [(SLAVE, None)], None, ("missing", "none"), 1
    ),
    "an extra that the master gets before it is looked at again is none": Race(
        None, OLD, ("--scan-for-extra",), BEFORE_RECHECK, [(MASTER, OLD)], OLD, counted={"extra": 0}
    ),
    "an extra that the slave has lost when it is looked at again is none": Race(
        None, OLD, ("--scan-for-extra",), BEFORE_RECHECK, [(SLAVE, None)], None, counted={"extra": 0, "settled": 0}
    ),
    "an extra that the master gets before the deletes begin is not deleted": Race(
        None, OLD, (DELETE,), BEFORE_DELETING, [(MASTER, OLD)], OLD, counted={"extra": 0, "deleted": 0}
    ),
    "an extra that the master gets while the deletes begin is not deleted": Race(
        None, OLD, (DELETE,), MID_DELETING, [(MASTER, OLD)], OLD, counted={"extra": 0, "deleted": 0}
    ),
    "an extra that the master gets is not deleted without rechecking either": Race(
        None, OLD, (DELETE, "--no-recheck"), BEFORE_RECHECK, [(MASTER, OLD)], OLD, counted={"deleted": 0}
    ),
    "an extra that is written anew on both sides while it is deleted is not deleted": Race(
        None, OLD, (DELETE,), DELETED, BOTH_NEWER, NEWER, counted={"deleted": 0}
    ),
    "an extra that changes while it is deleted and is still one then is deleted": Race(
        None, OLD, (DELETE,), DELETED, [(SLAVE, OTHER)], None, ("extra", "deleted")
    ),
    "an extra that somebody else deletes is no difference any more": Race(
        None, OLD, (DELETE,), DELETED, [(SLAVE, None)], None, counted={"extra": 0, "deleted": 0}
    ),
    "version 3 that reaches the slave alone while version 2 is written wins": Race(
        AT_2, AT_1, VERSIONED, PUT, [(SLAVE, AT_3)], AT_3, ("differing", "slave-newer"), 1,
        {"slave_newer": 1, "written": 0},
    ),
    "version 3 that reaches the slave alone between the two reads of the recheck wins": Race(
        AT_2, AT_1, VERSIONED, MID_RECHECK, [(SLAVE, AT_3)], AT_3, ("differing", "slave-newer"), 1, {"written": 0}
    ),
    "version 3 that reaches the slave alone wins without rechecking too": Race(
        AT_2, AT_1, (*VERSIONED, "--no-recheck"), PUT, [(SLAVE, AT_3)], AT_3, ("differing", "slave-newer"), 1
    ),
    "version 3 that reaches the slave while it still lacks version 2 wins": Race(
        AT_2, None, VERSIONED, PUT, [(SLAVE, AT_3)], AT_3, ("differing", "slave-newer"), 1, {"missing": 0}
    ),
    "a version that the slave gets where there was none wins": Race(
        item("k", w=1), item("k", w=2), VERSIONED, PUT, [(SLAVE, item("k", w=2, v=9))], item("k", w=2, v=9),
        ("differing", "slave-newer"), 1,
    ),
    "version 2 that the slave gets meanwhile is overwritten by version 3": Race(
        AT_3, AT_1, VERSIONED, PUT, [(SLAVE, AT_2)], AT_3, ("differing", "written"), 0, {"slave_newer": 0}
    ),
    "an attribute that is kept is the slave's as it is when it is written": Race(
        NEW, item("k", v="1", seen="early"), KEPT, PUT, [(SLAVE, item("k", v="1", seen="late"))], SEEN,
        ("differing", "written"),
    ),
    "an attribute that is kept and that the slave gets meanwhile is not lost": Race(
        NEW, OLD, KEPT, PUT, [(SLAVE, item("k", v="1", seen="late"))], SEEN, ("differing", "written")
    ),
    "an ignored attribute that changes meanwhile does not hold a write up": Race(
        NEW, item("k", v="1", seen="early"), (*ALL, "--ignore", "seen"), PUT, [(SLAVE, item("k", v="1", seen="late"))],
        NEW, ("differing", "written"),
    ),
    "an item that the master changes so that it is left out is filtered, and not written": Race(
        NEW, OLD, WHERE, BEFORE_RECHECK, [(MASTER, OTHER)], OLD, counted={"filtered": 1, "differing": 0, "settled": 0}
    ),
    "an item that is left out and equal when it is read again is filtered": Race(
        NEW, OLD, WHERE, BEFORE_RECHECK, [(MASTER, OTHER), (SLAVE, OTHER)], OTHER, counted={"filtered": 1, "settled": 0}
    ),
    "a missing item that the master changes so that it is left out is not written": Race(
        NEW, None, WHERE, BEFORE_RECHECK, [(MASTER, OTHER)], None, counted={"filtered": 1, "missing": 0}
    ),
    "an item that is left out once its race is lost is filtered": Race(
        NEW, OLD, WHERE, PUT, [(MASTER, OTHER), (SLAVE, NEWER)], NEWER, counted={"filtered": 1, "settled": 0}
    ),
    "an item that was left out by the scan is not read again": Race(
        OTHER, OLD, WHERE, SCANNED, [(MASTER, NEW)], OLD, counted={"filtered": 1, "differing": 0}
    ),
    "an extra that is left out when it is read again is left alone": Race(
        None, NEW, WHERE, BEFORE_RECHECK, [(SLAVE, OTHER)], OTHER, counted={"extra": 0, "filtered": 0}
    ),
    "an extra that is left out before the deletes begin is not deleted": Race(
        None, NEW, WHERE, BEFORE_DELETING, [(SLAVE, OTHER)], OTHER, counted={"extra": 0, "deleted": 0}
    ),
    "an extra that is left out while it is deleted is not deleted": Race(
        None, NEW, WHERE, DELETED, [(SLAVE, OTHER)], OTHER, counted={"extra": 0, "deleted": 0}
    ),
    "an extra whose key the master gets with an item that is left out is not deleted": Race(
        None, NEW, WHERE, MID_DELETING, [(MASTER, OTHER)], NEW, counted={"extra": 0, "deleted": 0}
    ),
}  # fmt: skip


IN_LOOKUP_ONLY = {
    "a master's item that changed after the scan is written as it is now",  # merge looks no slave up first
    "a master's item that changed after the scan and was missing is written as it is now",
    "a missing suspect that is there when read again is settled",  # in merge it may only have come late: the same
}


@pytest.mark.parametrize(
    ("promise", "strategy"),
    [(promise, "lookup") for promise in RACES]
    + [(promise, "merge") for promise in RACES if promise not in IN_LOOKUP_ONLY],
)
def test_race(make_world: MakeWorld, promise: str, strategy: str) -> None:
    """What the case's name says."""
    race = RACES[promise]
    # one more item on both sides, so that the master is not empty
    made = make_world(*([item("always", n=1), *([its] if its else [])] for its in (race.master, race.slave)))
    moment = race.moment
    rule = made.proxy.add(
        moment.kind(lambda: _change(made, race.changes)),
        moment.operation,
        table=moment.where(made).name,
        nth=(moment.nth,),
        where=moment.told_by,
    )
    ran = made.run_inline(*race.flags, "--strategy", strategy)
    assert rule.struck == 1, "the moment never came"
    assert made.slave.get("k") == race.left
    assert tables_behind_proxy.actions(ran) == ([("k", *race.found)] if race.found else [])
    counted = ran.stats["slaves"][str(made.slave)]
    assert {what: counted[what] for what in race.counted} == race.counted
    assert (ran.exit_code, ran.stats["errors"], ran.end["complete"]) == (race.exit_code, [], True)
    verdicts = sum(counted[what] for what in ("same", "missing", "differing", "settled", "filtered"))
    assert verdicts == ran.stats["master"]["scanned"]


def _change(made: World, changes: Sequence[Change]) -> None:
    for where, new in changes:
        if new is None:
            where(made).delete("k")
        else:
            where(made).put(new)


@pytest.mark.parametrize("fault", [faults.lost, faults.executed_but_failed, faults.bad_crc, faults.cut_body])
@pytest.mark.parametrize("times", [1, 2])
def test_a_write_that_had_succeeded_counts_as_written(make_world: MakeWorld, fault: Fault, times: int) -> None:
    """A PutItem or DeleteItem whose answer is lost is found done when it is tried again: `written`, `deleted`."""
    rich = {**item("k", v="2"), "set": {"SS": ["b", "a"]}, "n": {"N": "10.50"}, "m": {"M": {"x": {"NULL": True}}}}
    made = make_world([rich, {**rich, "id": {"S": "l"}}], [item("l", v="1", w="gone"), item("x", v="1")])
    for operation in ("PutItem", "DeleteItem"):
        made.proxy.add(fault, operation, nth=range(1, 2 * times + 1 if operation == "PutItem" else times + 1))
    ran = made.run_inline(*ALL)
    assert tables_behind_proxy.actions(ran) == [
        ("k", "missing", "written"),
        ("l", "differing", "written"),
        ("x", "extra", "deleted"),
    ]
    counted = ran.stats["slaves"][str(made.slave)]
    assert (counted["written"], counted["deleted"], counted["contended"], counted["failed"]) == (2, 1, 0, 0)
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert made.run_inline("--scan-for-extra").exit_code == 0


@pytest.mark.parametrize(
    ("slave", "verdict", "operation"),
    [(OLD, "differing", "PutItem"), (None, "missing", "PutItem"), (OLD, "extra", "DeleteItem")],
)
def test_an_item_that_changes_under_every_attempt(
    make_world: MakeWorld, slave: Item | None, verdict: str, operation: str
) -> None:
    """An item that changes each time is `contended` after a few attempts, left alone, and a remaining difference."""
    made = make_world([item("always"), *([] if verdict == "extra" else [NEW])], [item("always"), slave or item("x")])
    count = iter(range(1000))

    def change() -> None:
        number = next(count)
        if verdict == "missing" and number % 2:
            made.slave.delete("k")
        else:
            made.slave.put(item("k", v=f"changed {number}"))

    made.proxy.add(faults.before(change), operation, where=lambda each: "k" in str(each.body))
    ran = made.run("--write-missing", "--write-differing", "--delete-extra")
    (line,) = [each for each in ran.differences if each["key"] == item("k")]
    assert line["action"] == "contended"
    assert "changed" in line["error"]
    assert ran.exit_code == 1
    assert ran.stats["complete"]
    assert ran.stats["slaves"][str(made.slave)]["contended"] == 1
    attempts = [each for each in made.proxy.of(operation) if "k" in str(each.body)]
    assert 2 <= len(attempts) <= 5
    assert {each.status for each in attempts} == {400}
    if verdict != "missing":
        assert made.slave.get("k") == item("k", v=f"changed {len(attempts) - 1}")


REVIEWED = {
    "PutItem": ([NEW], [OLD], DIFFERING),
    "DeleteItem": ([item("always")], [item("always"), OLD], DELETE),
}
"""What is reviewed, by the request that repairs it."""


@pytest.mark.parametrize("operation", REVIEWED)
@pytest.mark.parametrize("unchanged", [True, False])
def test_a_reviewed_item_that_changes_at_the_last_moment(
    make_world: MakeWorld, tmp_path: Path, operation: str, unchanged: bool
) -> None:
    """With --if-unchanged it is left alone as `changed`; without, the repair is decided anew, by what is there now."""
    master, slave, flag = REVIEWED[operation]
    made = make_world(master, slave)
    report = tmp_path / "reviewed.jsonl"
    assert made.run("--scan-for-extra", "--report", str(report), "--report-values").exit_code == 1
    made.proxy.add(faults.before(lambda: made.slave.put(OTHER)), operation, nth=(1,))
    only = ["--if-unchanged"] if unchanged else []
    ran = made.run("--keys", str(report), *only, flag, "--strategy", "auto")
    (line,) = ran.differences
    if unchanged:
        assert (line["action"], ran.exit_code) == ("changed", 1)
        assert made.slave.get("k") == OTHER
    else:
        assert (line["action"], ran.exit_code) == ("written" if operation == "PutItem" else "deleted", 0)
        assert made.slave.get("k") == (NEW if operation == "PutItem" else None)
