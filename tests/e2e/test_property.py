"""Random pairs of tables: brute force finds the same differences, and a repaired slave is the master."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from fastsync import Difference, Synchronizer
from tests.e2e import canonical
from tests.servers import Server
from tests.tables import Item, Keys, create_table, put_items, read_all, run_fastsync, unique

MASTER, SLAVE = "us-east-1", "us-west-2"
IGNORED = ["ignored"]
NAMES = ["a", "b", "a.b", "size", "ä", "ignored", "aws:rep:x"]
ALL: dict[str, Any] = {"write_missing": True, "write_differing": True, "delete_extra": True}
REPRODUCIBLE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Draw a number with up to 38 digits, as somebody might write it."""
    digits = draw(st.one_of(st.integers(0, 20), st.integers(0, 10**38 - 1)))
    exponent = draw(st.sampled_from([0, 0, 0, 0, -1, -7, -38, 20, 80, -80]))
    text = f"{draw(st.sampled_from(['', '-']))}{digits}" if digits else "0"
    return f"{text}E{exponent}" if exponent else text


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
BINARIES = st.binary(max_size=5).map(lambda content: b64encode(content).decode())


def sets(members: st.SearchStrategy[str], tag: str) -> st.SearchStrategy[Item]:
    """Draw sets whose members differ by value."""
    kind = tag[0]
    listed = st.lists(members, min_size=1, max_size=4, unique_by=lambda member: canonical.value({kind: member}))
    return listed.map(lambda values: {tag: values})


SCALARS: st.SearchStrategy[Item] = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    numbers().map(lambda number: {"N": number}),
    BINARIES.map(lambda content: {"B": content}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    sets(TEXTS.filter(bool), "SS"),
    sets(numbers(), "NS"),
    sets(BINARIES.filter(bool), "BS"),
)
VALUES: st.SearchStrategy[Item] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
SCHEMAS: Sequence[Keys] = [
    [("id", "S")],
    [("id", "N")],
    [("name", "B")],
    [("id", "S"), ("a-b", "N")],
    [("range", "B"), ("hash", "S")],
]
PARTS = {"S": TEXTS.filter(bool), "N": numbers(), "B": BINARIES.filter(bool)}


@dataclass(frozen=True)
class Pair:
    """A master and a slave."""

    keys: Keys
    master: Sequence[Item]
    slave: Sequence[Item]


@st.composite
def otherwise(draw: st.DrawFn, value: Item) -> Item:
    """Write a value in another way: sets and maps in another order, numbers with zeros."""
    ((tag, inner),) = value.items()
    if tag == "N":
        return {"N": f"0{inner}" if inner[0] != "-" else inner}
    if tag in ("SS", "NS", "BS"):
        return {tag: draw(st.permutations(inner))}
    if tag == "L":
        return {"L": [draw(otherwise(member)) for member in inner]}
    if tag == "M":
        return {"M": {name: draw(otherwise(inner[name])) for name in draw(st.permutations(list(inner)))}}
    return value


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Draw two tables that have much in common."""
    schema = draw(st.sampled_from(SCHEMAS))
    key = st.fixed_dictionaries({name: st.fixed_dictionaries({kind: PARTS[kind]}) for name, kind in schema})
    keys = draw(st.lists(key, max_size=12, unique_by=canonical.item))
    master, slave = [], []
    for each in keys:
        item = {**draw(ATTRIBUTES), **each}
        on = draw(st.sampled_from(["both", "both", "master", "slave", "differ", "attribute"]))
        if on != "slave":
            master.append(item)
        if on == "both":
            slave.append({name: draw(otherwise(item[name])) for name in draw(st.permutations(list(item)))})
        elif on == "attribute":
            slave.append({**item, draw(st.sampled_from(NAMES)): draw(VALUES), **each})
        elif on != "master":
            slave.append({**draw(ATTRIBUTES), **each})
    return Pair(schema, master, slave)


READING = st.fixed_dictionaries(
    {
        "scan_limit": st.sampled_from([None, 1, 3]),
        "batch_read_limit": st.sampled_from([1, 2, 100]),
        "segments": st.sampled_from([1, 3]),
        "strategy": st.sampled_from(["auto", "lookup", "merge"]),
        "no_recheck": st.booleans(),
        "consistent_read": st.booleans(),
    }
)


@settings(REPRODUCIBLE, max_examples=40)
@given(pair=pairs(), reading=READING)
def test_random_tables(server: Server, pair: Pair, reading: dict[str, Any]) -> None:
    """Every difference is found exactly once, and with all flags the slave becomes the master, less `aws:rep:*`."""
    master, slave = _tables(server, pair)
    flags = {**reading, "ignore": IGNORED, "endpoint_url": server.url, "executor": "inline"}
    expected = brute_force(pair)
    found: list[Difference] = []
    result = Synchronizer(master, slave, scan_for_extra=True, listeners=[found.append], **flags).run()
    assert result.exit_code == (1 if expected else 0), result.errors
    _check(found, expected)
    found.clear()
    result = Synchronizer(master, slave, listeners=[found.append], **ALL, allow_empty_master=True, **flags).run()
    assert result.exit_code == 0, result.errors
    _check(found, expected)
    _check_slave(server, pair, slave)
    result = Synchronizer(master, slave, scan_for_extra=True, **flags).run()
    assert result.exit_code == 0
    assert result.stats["slaves"][slave]["same"] == len(pair.master)


@settings(REPRODUCIBLE, max_examples=6)
@given(pair=pairs(), reading=READING)
def test_random_tables_by_processes(dynoxide: Server, pair: Pair, reading: dict[str, Any]) -> None:
    """The same holds of the command line with worker processes."""
    master, slave = _tables(dynoxide, pair)
    arguments = ["--master", master, "--slave", slave, "--parallel", "2", "--ignore", *IGNORED]
    for name, value in reading.items():
        if value is not None and value is not False:
            arguments += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    arguments += ["--write-missing", "--write-differing", "--delete-extra", "--allow-empty-master"]
    ran = run_fastsync(*arguments, server=dynoxide)
    assert ran.exit_code == 0, ran.stderr
    found = [(line["verdict"], canonical.item(line["key"]), tuple(line["attributes"])) for line in ran.differences]
    assert sorted(found, key=repr) == sorted(brute_force(pair), key=repr)
    _check_slave(dynoxide, pair, slave)


def brute_force(pair: Pair) -> list[tuple[str, Hashable, tuple[str, ...]]]:
    """Compare two tables in memory."""
    names = [name for name, _ in pair.keys]
    master, slave = canonical.by_key(pair.master, names), canonical.by_key(pair.slave, names)
    found: list[tuple[str, Hashable, tuple[str, ...]]] = [
        *(("missing", key, ()) for key in master.keys() - slave.keys()),
        *(("extra", key, ()) for key in slave.keys() - master.keys()),
    ]
    for key in master.keys() & slave.keys():
        if names := canonical.differing(master[key], slave[key], IGNORED):
            found.append(("differing", key, tuple(names)))
    return found


def _check(found: Sequence[Difference], expected: list[tuple[str, Hashable, tuple[str, ...]]]) -> None:
    told = [(each.verdict.value, canonical.item(each.key), each.attributes) for each in found]
    assert sorted(told, key=repr) == sorted(expected, key=repr)


def _check_slave(server: Server, pair: Pair, slave: str) -> None:
    """Hold a repaired slave against the master: what was written whole, what was equal as far as it was compared."""
    names = [name for name, _ in pair.keys]
    after = canonical.by_key(read_all(server, SLAVE, slave.partition(":")[2]), names)
    master, before = canonical.by_key(pair.master, names), canonical.by_key(pair.slave, names)
    assert after.keys() == master.keys()
    for key, item in after.items():
        if key in before and not canonical.differing(master[key], before[key], IGNORED):
            assert canonical.item(item) == canonical.item(before[key])
        else:
            assert canonical.item(item) == canonical.item(canonical.replicable(master[key]))


def _tables(server: Server, pair: Pair) -> tuple[str, str]:
    names = unique(), unique()
    master, slave = (
        create_table(server, region, name, pair.keys) for region, name in zip((MASTER, SLAVE), names, strict=True)
    )
    put_items(server, MASTER, names[0], pair.master)
    put_items(server, SLAVE, names[1], pair.slave)
    return master, slave
