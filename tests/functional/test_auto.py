"""auto: the cheaper strategy that the slaves' policies allow, told with its reason before the work begins."""

from __future__ import annotations

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item, no_traceback

AUTO = ("--strategy", "auto")
ITEMS = [item(f"{number:03}", n=number) for number in range(60)]


def scans(made: World) -> list[int | None]:
    """Give the limits of the scans of the first slave, in order."""
    return [request.body.get("Limit") for request in made.proxy.of("Scan", made.slave.name)]


def test_auto_takes_the_cheaper_one(make_world: MakeWorld) -> None:
    """Small items are merged: the slave is asked for one item first, and then scanned; both estimates are told."""
    made = make_world(ITEMS, ITEMS[3:])
    ran = made.run(*AUTO, "--no-recheck")
    assert (ran.exit_code, ran.stats["strategy"]) == (1, "merge")
    assert scans(made) == [1, None]
    first = ran.stderr.splitlines()[0]
    assert first.startswith("strategy merge: the cheaper one (estimated read units: lookup ")
    assert ", merge " in first


def test_what_asking_cost_is_counted(make_world: MakeWorld) -> None:
    """The item that was read to find out whether Scan is allowed is in the slave's read units."""
    made = make_world([], [])
    asked, plain = (made.run(*AUTO, *flags).stats["slaves"][str(made.slave)] for flags in ([], ["--strategy", "merge"]))
    assert asked["read_units"] == plain["read_units"] + 0.5


def test_auto_where_scan_is_denied(make_world: MakeWorld) -> None:
    """Where one slave denies Scan all are looked up, completely, and the reason is told."""
    made = make_world(ITEMS, ITEMS, ITEMS[3:])
    denying = made.slaves[1]
    made.proxy.add(faults.DENIED, "Scan", table=denying.name)
    ran = made.run(*AUTO, "--write-missing")
    assert (ran.exit_code, ran.stats["strategy"], ran.stats["errors"]) == (0, "lookup", [])
    assert f"strategy lookup: Scan on {denying} is denied (estimated read units: lookup " in ran.stderr
    assert denying.all() == made.master.all()
    assert len(made.proxy.of("Scan", denying.name)) == 1
    assert scans(made) == [1]
    no_traceback(ran)


@pytest.mark.parametrize("fault", ["THROTTLED", "INTERNAL"])
def test_a_slave_that_only_stumbles(make_world: MakeWorld, fault: str) -> None:
    """A fault while asking is no denial: the run meets it, or it has passed by then."""
    made = make_world(ITEMS, ITEMS)
    made.proxy.add(getattr(faults, fault), "Scan", table=made.slave.name, nth=range(1, 7))
    ran = made.run(*AUTO)
    assert (ran.exit_code, ran.stats["strategy"]) == (0, "merge"), ran.stderr


def test_auto_with_a_starting_key(make_world: MakeWorld) -> None:
    """A scan from a starting key on goes with lookup, and no slave is scanned for it."""
    made = make_world(ITEMS, ITEMS)
    ran = made.run(*AUTO, "--starting-key", '{"id":"nowhere"}')
    assert ran.stats["strategy"] == "lookup"
    assert "--starting-key" in ran.stderr.splitlines()[0]
    assert scans(made) == []


def test_auto_with_a_slave_that_is_much_larger(make_world: MakeWorld) -> None:
    """A slave that is much larger than the master is looked up, unless its extras are asked for."""
    made = make_world(ITEMS[:1], [item(f"{number:04}", text="x" * 400) for number in range(200)])
    assert made.run(*AUTO).stats["strategy"] == "lookup"
    assert made.run(*AUTO, "--scan-for-extra").stats["strategy"] == "merge"


def test_a_strategy_that_is_asked_for(make_world: MakeWorld) -> None:
    """Where a strategy is given nothing is asked, and nothing is announced."""
    made = make_world(ITEMS, ITEMS)
    for strategy in ("lookup", "merge"):
        ran = made.run("--strategy", strategy)
        assert ran.stats["strategy"] == strategy
        assert f"strategy {strategy}:" not in ran.stderr
    assert 1 not in scans(made)


def test_quiet(make_world: MakeWorld) -> None:
    """--quiet does not tell which strategy is taken."""
    made = make_world(ITEMS, ITEMS)
    ran = made.run(*AUTO, "--quiet")
    assert (ran.stats["strategy"], ran.stderr) == ("merge", "")
