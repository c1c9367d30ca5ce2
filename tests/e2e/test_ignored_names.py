"""--ignore of a name that no item had is told at the end, and only where that is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fastsync import Synchronizer
from tests.e2e.cases import N, item
from tests.servers import Server
from tests.tables import create_table, put_items, run_fastsync, unique

MASTER = [item(f"{number}", seen=N(1), **{"Größe": N(2)}) for number in range(50)] + [item("gone", rare=N(1))]
SLAVE = [item(f"{number}", seen=N(1), **{"Größe": N(2)}) for number in range(49)] + [item("49", seen=N(1), copied=N(1))]
THERE = ("seen", "Größe", "rare", "copied", "id")
ABSENT = ("sen", "Größ", "S", "seen.x")


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """Tables in which some items are equal by their bytes, and some are not."""
    given = []
    for flag, region, items in (("-m", "us-east-1", MASTER), ("-s", "us-west-2", SLAVE)):
        name = unique()
        given += [flag, create_table(dynoxide, region, name)]
        put_items(dynoxide, region, name, items)
    return given


def ignore(names: Sequence[str]) -> list[str]:
    """Return the flags that ignore attributes."""
    return [word for name in names for word in ("--ignore", name)]


@pytest.mark.parametrize("executor", ["processes", "inline"])
@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_names_that_no_item_had(strategy: str, executor: str, tables: Sequence[str], dynoxide: Server) -> None:
    """Each of them is a warning; names that only the master, the slave or a single item had are none."""
    flags = ("--strategy", strategy, "--executor", executor, "--segments", "3")
    ran = run_fastsync(*tables, *flags, *ignore([*THERE, *ABSENT]), server=dynoxide)
    assert ran.exit_code == 1
    told = [line for line in ran.stderr.splitlines() if "--ignore" in line]
    assert told == [f"warning: --ignore {name}: no item had this attribute" for name in sorted(ABSENT)]
    quiet = run_fastsync(*tables, *flags, *ignore(ABSENT), "--quiet", server=dynoxide)
    assert quiet.stderr.count("no item had this attribute") == len(ABSENT)


def test_the_library_tells_it_too(tables: Sequence[str], dynoxide: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Result.warnings` has it; exit code and `complete` stay as they are."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    run = Synchronizer(tables[1], tables[3], ignore=["sen"], executor="inline", endpoint_url=dynoxide.url).run
    result = run()
    assert (result.exit_code, result.complete) == (1, True)
    assert list(result.warnings) == ["--ignore sen: no item had this attribute"]


def test_parts_and_empty_tables(tables: Sequence[str], dynoxide: Server) -> None:
    """A part of the tables says so; where nothing was compared, or the run is not complete, nothing is said."""
    part = run_fastsync(*tables, "--ignore", "sen", "--segments", "2", "--shard", "0/2", server=dynoxide)
    assert "--ignore sen: no item that was compared had this attribute" in part.stderr
    stopped = run_fastsync(*tables, "--ignore", "sen", "--max-duration", "0", server=dynoxide)
    assert stopped.exit_code == 4
    assert "this attribute" not in stopped.stderr
    empty = ["-m", create_table(dynoxide, "us-east-1", unique()), "-s", create_table(dynoxide, "us-west-2", unique())]
    assert "this attribute" not in run_fastsync(*empty, "--ignore", "sen", server=dynoxide).stderr
