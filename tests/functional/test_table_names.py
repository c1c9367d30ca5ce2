"""A table that is not there: the tables that are like it are named, where the service lists them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item
from tests.tables import run_fastsync

BASE = "no such table; check its name, region and account (DescribeTable was rejected with ResourceNotFoundException)"


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and a slave that agree."""
    return make_world([item("a")], [item("a")])


def run(made: World, *tables: str) -> str:
    """Run with other tables, and return what was told; nothing can be compared."""
    ran = run_fastsync("-m", tables[0], "-s", tables[1], "--endpoint-url", made.proxy.url, "--executor", "inline")
    assert (ran.exit_code, ran.stdout) == (3, "")
    return ran.stderr


@pytest.mark.parametrize("misspelt", [str.upper, lambda name: name[:-1], lambda name: f"{name}s"], ids=range(3))
def test_names_that_are_like_it(misspelt: Callable[[str], str], made: World) -> None:
    """A misspelt name is answered with the names that are like it, whichever table it is."""
    names = [str(table).partition(":")[2] for table in (made.master, made.slave)]
    made.proxy.add(lambda _: faults.answer({"TableNames": ["others", *names]}), "ListTables")  # others' tests have many
    region, _, name = str(made.master).partition(":")
    told = run(made, f"{region}:{misspelt(name)}", str(made.slave))
    assert f"{region}:{misspelt(name)}: no such table; is " in told
    assert name in told
    region, _, name = str(made.slave).partition(":")
    assert name in run(made, str(made.master), f"{region}:{misspelt(name)}")


def test_a_name_like_none(made: World) -> None:
    """Where no name is like it, nothing is suggested."""
    assert f"us-east-1:xyzzy: {BASE}" in run(made, "us-east-1:xyzzy", str(made.slave))


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServerError", "ThrottlingException"])
def test_tables_that_may_not_be_listed(code: str, made: World) -> None:
    """Where ListTables fails the message is as it was, and nothing is tried again."""
    made.proxy.add(faults.error(code), "ListTables", nth=range(1, 99))
    assert f"{made.master}s: {BASE}" in run(made, f"{made.master}s", str(made.slave))
    assert len(made.proxy.of("ListTables")) == 1


def test_many_tables(made: World) -> None:
    """Names are read page by page, and not without end."""
    region, _, name = str(made.master).partition(":")
    made.proxy.add(lambda _: faults.answer({"TableNames": ["zzz"], "LastEvaluatedTableName": "zzz"}), "ListTables")
    assert BASE in run(made, f"{region}:{name}s", str(made.slave))
    assert 1 < len(made.proxy.of("ListTables")) <= 10
