"""Unprocessed keys: every key is answered however the service doles them out, and only a standstill is an end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault
from tests.functional.tables_behind_proxy import item

SHAPES: Mapping[str, Callable[[], Fault]] = {
    "the first half": lambda: faults.unprocessed(faults.first_half),
    "every other": lambda: faults.unprocessed(faults.every_other),
    "all but one": lambda: faults.unprocessed(faults.all_but_one),
    "changing subsets": lambda: faults.unprocessed(faults.Changing(2)),
    "backwards": lambda: faults.unprocessed(faults.first_half, faults.backwards),
    "numbers spelled otherwise": lambda: faults.unprocessed(faults.every_other, faults.long_numbers),
    "spelled otherwise and backwards": lambda: faults.unprocessed(
        faults.all_but_one, lambda keys: faults.backwards(faults.long_numbers(keys))
    ),
}


IN_THE_PROGRAM = (("all but one", "2"), ("spelled otherwise and backwards", "10"))
"""Cases that run as a process of their own, which takes longer; the others use the library in this one."""


@pytest.mark.parametrize("retries", ["2", "10"])
@pytest.mark.parametrize("shape", SHAPES)
def test_partial_answers_are_never_fatal(make_world: MakeWorld, shape: str, retries: str) -> None:
    """As long as keys are answered nothing fails, whatever --max-retries, through hundreds of partial rounds."""
    keys = (("id", "N"), ("sort", "S"))
    master = [item(n, sort=f"s{n % 5}", v=n) for n in range(600)]
    made = make_world(master, [{**each, "v": {"N": "-1"}} if n % 60 == 9 else each
                               for n, each in enumerate(master) if n % 60 != 30], keys=keys)  # fmt: skip
    rule = made.proxy.add(SHAPES[shape](), "BatchGetItem")
    run = made.run if (shape, retries) in IN_THE_PROGRAM else made.run_inline
    ran = run("--max-retries", retries, "--scan-limit", "300")
    found = ran.stats["slaves"][str(made.slave)]
    assert (found["missing"], found["differing"], found["same"]) == (10, 10, 580)
    assert (ran.exit_code, ran.stats["errors"], len(ran.differences)) == (1, [], 20)
    assert rule.struck > (100 if shape == "all but one" else 10)


@pytest.mark.parametrize("shape", SHAPES)
def test_partial_answers_about_what_no_scan_has_brought(make_world: MakeWorld, shape: str) -> None:
    """What a merge looks up, since it met no partner, is asked for until it is answered; none is taken on trust."""
    keys = (("id", "N"), ("sort", "S"))
    master = [item(n, sort=f"s{n % 5}", v=n) for n in range(120)]
    only_there = [item(-n, sort=f"s{n % 5}", v=n) for n in range(1, 121)]
    made = make_world(master, [*only_there, *master[::40]], keys=keys)
    rule = made.proxy.add(SHAPES[shape](), "BatchGetItem")
    ran = made.run_inline("--strategy", "merge", "--scan-for-extra", "--max-retries", "2", "--scan-limit", "60")
    found = ran.stats["slaves"][str(made.slave)]
    assert (found["missing"], found["extra"], found["same"], found["settled"]) == (117, 120, 3, 0)
    assert (ran.exit_code, ran.stats["errors"], len(ran.differences)) == (1, [], 237)
    assert rule.struck > 10


def test_rounds_without_any_key_are_borne_between_rounds_with_some(make_world: MakeWorld) -> None:
    """Answers that bring nothing, fewer in a row than --max-retries, are waited out again and again."""
    master = [item(f"{n:03}") for n in range(10)]  # never split, so that its rounds are in a row
    made = make_world(master, master[3:])
    made.proxy.add(
        faults.in_turn([*[faults.unprocessed(faults.every_key)] * 2, faults.unprocessed(faults.all_but_one)]),
        "BatchGetItem",
        table=made.slave.name,
    )
    ran = made.run("--max-retries", "2")
    assert (ran.exit_code, len(ran.differences), ran.stats["errors"]) == (1, 3, [])
    assert len(made.proxy.of("BatchGetItem", made.slave.name)) >= 30


@pytest.mark.parametrize("parallel", ["1", "3"])
def test_a_standstill_ends(make_world: MakeWorld, parallel: str) -> None:
    """A slave that answers no key at all is given up in the end, by name, and the other slave is compared."""
    master = [item(f"{n:03}") for n in range(250)]
    made = make_world(master, master, master[2:])
    stuck, fine = made.slaves
    made.proxy.add(faults.unprocessed(faults.every_key), "BatchGetItem", table=stuck.name)
    ran = made.run("--max-retries", "3", "--write-missing", "--delete-extra", "--parallel", parallel)
    assert ran.exit_code == 4
    assert not ran.stats["complete"]
    assert not ran.end["complete"]
    assert all(str(stuck) in error and "unprocessed" in error for error in ran.stats["errors"])
    assert ran.stats["slaves"][str(stuck)]["missing"] == 0
    assert ran.stats["slaves"][str(fine)]["written"] == 2
    # 24 look-ups at once at most, four rounds each, halved batches meanwhile
    assert len(made.proxy.of("BatchGetItem", stuck.name)) <= 24 * 4 * int(parallel)
    assert fine.all() == made.master.all()
    assert made.proxy.of("DeleteItem") == []


def test_a_standstill_of_the_only_slave(make_world: MakeWorld) -> None:
    """Nothing is said to be equal or missing on a slave that never answered; the run is incomplete."""
    made = make_world([item("a"), item("b")], [item("a")])
    made.proxy.add(faults.unprocessed(faults.every_key), "BatchGetItem", table=made.slave.name)
    ran = made.run("--max-retries", "2", "--write-missing")
    assert (ran.exit_code, ran.report) == (4, [{"complete": False, "differences": 0}])
    assert str(made.slave) in ran.stderr
    assert made.slave.get("b") is None


def test_a_standstill_of_the_master_in_looking_for_extras(make_world: MakeWorld) -> None:
    """Extras are not believed in, and not deleted, while the master does not answer."""
    made = make_world([item("a")], [item("a"), item("b")])
    made.proxy.add(faults.unprocessed(faults.every_key), "BatchGetItem", table=made.master.name)
    ran = made.run("--max-retries", "2", "--delete-extra")
    assert (ran.exit_code, ran.differences) == (4, [])
    assert str(made.master) in ran.stats["errors"][0]
    assert made.slave.get("b") is not None


def test_the_batch_size_adapts(make_world: MakeWorld) -> None:
    """Batches shrink when keys come back, and grow to --batch-read-limit again when none do."""
    master = [item(f"{n:04}") for n in range(2400)]
    made = make_world(master, master)
    made.proxy.add(faults.unprocessed(faults.first_half), "BatchGetItem", nth=range(1, 5))
    ran = made.run("--scan-limit", "100")
    sizes = [len(each.keys) for each in made.proxy.of("BatchGetItem", made.slave.name)]
    assert sizes[0] == 100
    low = min(sizes[2:12])
    assert low <= 25
    assert max(sizes[sizes.index(low) :]) == 100
    assert (ran.exit_code, tables_behind_proxy.what_counts(ran)["scanned"]) == (0, 2400)
