"""--where from the command line: random tables against brute force, what is refused, what is told, and keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import jmespath
import pytest
from hypothesis import given, settings

from fastsync import Difference, Synchronizer
from fastsync.model.items.plain import make_plain
from tests.e2e import canonical
from tests.e2e.cases import S, item
from tests.e2e.test_property import ALL, MASTER, READING, REPRODUCIBLE, SLAVE, Pair, pairs
from tests.servers import Server
from tests.tables import Item, Ran, create_table, put_items, read_all, run_fastsync, unique

EXPRESSIONS = [
    "a",
    "a == b",
    "!a && !b",
    "a > `1` || size",
    "contains(a, 'x')",
    "length(@) > `2`",
    "id",
    "id > 'M' || hash == 'AA=='",
    "id >= `10`",
    '"a.b" != null',
    "ignored",
    "nothing",
]


def _is_true(expression: str, made: Item) -> bool:
    try:
        value = jmespath.search(expression, {name: make_plain(each) for name, each in made.items()})
    except Exception:
        return False
    return not (value is None or value is False or value in ("", [], {}))


@settings(REPRODUCIBLE, max_examples=60)
@given(pair=pairs(), reading=READING, expression=st.sampled_from(EXPRESSIONS))
def test_random_tables(dynoxide: Server, pair: Pair, reading: dict[str, Any], expression: str) -> None:
    """Just the differences of chosen items are found and repaired, and all master items are counted."""
    names = [name for name, _ in pair.keys]
    tables = {MASTER: unique(), SLAVE: unique()}
    for (region, name), items in zip(tables.items(), (pair.master, pair.slave), strict=True):
        create_table(dynoxide, region, name, pair.keys)
        put_items(dynoxide, region, name, items)
    chosen = [made for made in pair.master if _is_true(expression, made)]
    master, slave = canonical.by_key(pair.master, names), canonical.by_key(pair.slave, names)
    ours = canonical.by_key(chosen, names)
    extras = canonical.by_key([made for made in pair.slave if _is_true(expression, made)], names)
    expected: set[Any] = {("missing", key, ()) for key in ours.keys() - slave.keys()}
    expected |= {("extra", key, ()) for key in extras.keys() - master.keys()}
    for key in ours.keys() & slave.keys():
        if differing := canonical.differing(ours[key], slave[key], []):
            expected.add(("differing", key, tuple(differing)))
    heard: list[Difference] = []
    result = Synchronizer(
        f"{MASTER}:{tables[MASTER]}",
        f"{SLAVE}:{tables[SLAVE]}",
        listeners=[heard.append],
        where=expression,
        allow_empty_master=True,
        endpoint_url=dynoxide.url,
        executor="inline",
        **ALL,
        **reading,
    ).run()
    assert result.exit_code == 0, result.errors
    assert {(each.verdict.value, canonical.item(each.key), each.attributes) for each in heard} == expected
    (counted,) = result.stats["slaves"].values()
    assert counted["filtered"] == len(pair.master) - len(chosen)
    law = sum(counted[name] for name in ("same", "missing", "differing", "settled", "expired", "filtered"))
    assert law == counted["compared"] == len(pair.master)
    left = canonical.by_key(read_all(dynoxide, SLAVE, tables[SLAVE]), names)
    untouched = slave.keys() - {key for _, key, _ in expected}
    assert left.keys() == untouched | ours.keys()


def _run(server: Server, master: Sequence[Item], slave: Sequence[Item], *flags: str, ttl: str | None = None) -> Ran:
    names = {MASTER: unique(), SLAVE: unique()}
    for (region, name), items in zip(names.items(), (master, slave), strict=True):
        create_table(server, region, name, [("id", "S")])
        put_items(server, region, name, items)
    return run_fastsync(
        "--master", f"{MASTER}:{names[MASTER]}", "--slave", f"{SLAVE}:{names[SLAVE]}", *flags, server=server
    )


BAD = {
    "status = 'active'": "--where takes a JMESPath expression such as status == 'active', not \"status = 'active'\": "
    "what begins with \"= 'active'\" at character 8 is not understood",
    "foo(a)": "there is no function foo()",
    "a || length(a, b)": "length() takes 1 argument, and 2 are given",
    "": "it is empty",
}


@pytest.mark.parametrize("expression", BAD)
def test_a_bad_expression_is_refused(expression: str) -> None:
    """A bad expression is one sentence and exit code 2, before any request."""
    ran = run_fastsync("-m", "us-east-1:a", "-s", "us-west-2:b", "--where", expression)
    assert ran.exit_code == 2
    assert BAD[expression] in ran.stderr
    assert ran.stderr.count("\n") <= 2


def test_two_expressions_are_refused(tmp_path: Path) -> None:
    """--where twice is an error that tells to join them; so is a list in a file."""
    twice = ("--where", "a", "--where", "b")
    ran = run_fastsync("-m", "us-east-1:a", "-s", "us-west-2:b", *twice)
    assert (ran.exit_code, "&&" in ran.stderr) == (2, True), ran.stderr
    config = tmp_path / "config.toml"
    config.write_text('master = "us-east-1:a"\nslave = "us-west-2:b"\nwhere = ["a", "b"]\n')
    assert run_fastsync("--config", str(config)).exit_code == 2


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_an_expression_that_is_true_of_nothing_is_told(dynoxide: Server, strategy: str) -> None:
    """A misspelt attribute is exit code 0 with a warning, and no promise that the tables agree."""
    items = [item(f"i{n}", status=S("active")) for n in range(5)]
    ran = _run(dynoxide, items, [], "--where", 'status == "active"', "--strategy", strategy)
    assert ran.exit_code == 0, ran.stderr
    assert "warning: --where was true of none of 5 items of the master, so nothing was compared" in ran.stderr
    assert "single quotes" in ran.stderr
    assert "in sync" not in ran.stderr
    assert "no difference among the items that --where chooses" in ran.stderr


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_items_that_cannot_be_asked_are_told_once(dynoxide: Server, strategy: str) -> None:
    """How many items an expression cannot be evaluated for is told once, over all segments, with the first reason."""
    items = [item(f"i{n:03}", **({"tags": S("x")} if n % 2 else {})) for n in range(100)]
    flags = ("--where", "contains(tags, 'x')", "--strategy", strategy, "--segments", "4", "--scan-limit", "7")
    ran = _run(dynoxide, items, [*items, item("j")], *flags, "--scan-for-extra", "--parallel", "2")
    assert ran.exit_code == 0, ran.stderr
    told = [line for line in ran.stderr.splitlines() if "could not be evaluated" in line]
    assert len(told) == 1, ran.stderr
    assert "for 50 items of the master: left out; the first: JMESPathTypeError: In function contains()" in told[0]


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_what_is_left_out_is_not_looked_up(dynoxide: Server, strategy: str) -> None:
    """An item that is left out costs its part of the scan and nothing more."""
    items = [item(f"i{n}", tenant=S("ours" if n == 0 else "theirs")) for n in range(100)]
    ran = _run(dynoxide, items, [], "--where", "tenant == 'ours'", "--strategy", strategy)
    (counted,) = ran.stats["slaves"].values()
    assert (counted["missing"], counted["filtered"]) == (1, 99)
    assert counted["read_units"] + ran.stats["master"]["read_units"] <= 10


KEYS = [item(f"k{n}", tenant=S("ours" if n < 2 else "theirs")) for n in range(4)]
DELETED = {
    "an item that is chosen": (item("z", tenant=S("ours")), 0),
    "no item that is chosen": (item("z", tenant=S("theirs")), 5),
}


@pytest.mark.parametrize("what", DELETED)
def test_extras_of_keys(dynoxide: Server, tmp_path: Path, what: str) -> None:
    """With keys that only the slave has, the master is asked for an item of which the expression is true."""
    there, exit_code = DELETED[what]
    keys = tmp_path / "keys"
    keys.write_text("".join(json.dumps({"id": made["id"]["S"]}) + "\n" for made in KEYS))
    flags = ("--keys", str(keys), "--delete-extra", "--where", "tenant == 'ours'")
    ran = _run(dynoxide, [there], KEYS, *flags)
    assert ran.exit_code == exit_code, ran.stderr
    assert [line["verdict"] for line in ran.differences] == ["extra", "extra"]
    if exit_code:
        assert "no item of which --where is true" in ran.stderr


def test_another_expression_is_another_job(dynoxide: Server, tmp_path: Path) -> None:
    """A checkpoint is of one expression: with another the resume is refused, and says what differs."""
    checkpoint = str(tmp_path / "checkpoint")
    items = [item(f"i{n:03}", v=S("x")) for n in range(100)]
    names = [unique(), unique()]
    for region, name in zip((MASTER, SLAVE), names, strict=True):
        create_table(dynoxide, region, name, [("id", "S")])
        put_items(dynoxide, region, name, items)
    tables = ("-m", f"{MASTER}:{names[0]}", "-s", f"{SLAVE}:{names[1]}", "--checkpoint", checkpoint)
    outputs = ("--report", str(tmp_path / "report"), "--stats", str(tmp_path / "stats"), "--scan-limit", "10")
    stopped = run_fastsync(*tables, *outputs, "--where", "v == 'x'", "--max-duration", "0", server=dynoxide)
    assert stopped.exit_code == 4, stopped.stderr
    other = run_fastsync(*tables, *outputs, "--where", "v == 'y'", "--resume", server=dynoxide)
    assert other.exit_code == 2, other.stderr
    assert "--where was \"v == 'x'\" and is now \"v == 'y'\"" in other.stderr
    ran = run_fastsync(*tables, *outputs, "--where", "v == 'x'", "--resume", server=dynoxide)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stats["slaves"][f"{SLAVE}:{names[1]}"]["same"] == 100
