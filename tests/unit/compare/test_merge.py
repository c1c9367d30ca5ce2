"""Merge, on tables that are played: whatever the order, the same verdicts; and what they cost."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from msgspec import Raw

from fastsync.compare.strategies.lookup import AHEAD
from fastsync.compare.strategies.window import WINDOW
from fastsync.model.keys import Key, KeyReader
from fastsync.model.messages.events import PageDone, SlaveLost, TaskDone, TaskFailed
from fastsync.model.table import KeySchema
from tests.unit import fake_tables
from tests.unit.fake_tables import Came, Change, Played, make

ID = KeySchema("id", "S")
Items = Mapping[bytes, str]
Order = Callable[[list[bytes], random.Random], list[bytes]]
BIG = 100_000
"""Bytes of an item of which forty fill a window."""


def _shuffled(keys: list[bytes], chance: random.Random) -> list[bytes]:
    return chance.sample(keys, len(keys))


def _nearly(keys: list[bytes], chance: random.Random) -> list[bytes]:
    """Move every key a little."""
    places = {key: place + chance.uniform(0, 6) for place, key in enumerate(keys)}
    return sorted(keys, key=places.__getitem__)


def _turned(keys: list[bytes], chance: random.Random) -> list[bytes]:
    """Begin somewhere else."""
    first = chance.randrange(len(keys) + 1)
    return [*keys[first:], *keys[:first]]


ORDERS: dict[str, Order] = {
    "the same": lambda keys, _: keys,
    "reversed": lambda keys, _: keys[::-1],
    "shuffled": _shuffled,
    "nearly the same": _nearly,
    "turned": _turned,
}


def _keys(count: int, prefix: str = "k") -> list[bytes]:
    return [b'{"id":{"S":"%s%05d"}}' % (prefix.encode(), number) for number in range(count)]


@st.composite
def schemas(draw: st.DrawFn) -> tuple[KeySchema, list[bytes]]:
    """Draw a key schema and keys of it: numbers of every length and sign, binary and text, with a sort key or none."""
    texts = {
        "S": st.one_of(
            st.text(st.sampled_from("aäzA0 \U0001f600"), min_size=1, max_size=4),
            st.sampled_from(["a" * 200, "a" * 199 + "b", '"\\/', "\u2028"]),
        ),
        "N": st.one_of(
            st.integers(-30, 30).map(str),
            st.integers(-(10**38) + 1, 10**38 - 1).map(str),
            st.integers(-9999, 9999).map(lambda number: f"{number / 100:.2f}".rstrip("0").rstrip(".")),
            st.sampled_from(["0.000000001", "-0.5", "12345678901234567890.123456789", "1E-100", "-9.9E+99"]),
        ),
        "B": st.one_of(
            st.sampled_from([b"\0", b"\1", b"\x80", b"\xff", b"\0\1"]), st.binary(min_size=1, max_size=9)
        ).map(lambda content: b64encode(content).decode()),
    }
    first, second = draw(st.sampled_from("SNB")), draw(st.sampled_from(["", "S", "N", "B"]))
    schema = KeySchema("h", first, "r" if second else None, second or None)
    drawn = draw(st.lists(st.tuples(texts[first], texts[second or "S"]), max_size=60, unique_by=str))
    spelled: dict[Any, bytes] = {}
    reader = KeyReader(schema)
    for one, two in drawn:
        item = {"h": {first: one}, **({"r": {second: two}} if second else {})}
        key = reader.read_key(msgspec.json.encode(item))
        spelled.setdefault(key, msgspec.json.encode(item))
    return schema, list(spelled.values())


@st.composite
def worlds(draw: st.DrawFn) -> list[Played]:
    """Draw a master and one to three slaves: random items, orders, pages and segments, one thing unlike the other."""
    schema, keys = draw(schemas())
    chance = draw(st.randoms(use_true_random=False))
    pad = draw(st.sampled_from([0, 0, BIG, 3 * BIG]))
    alike = draw(st.booleans())
    tables = []
    for place in range(draw(st.integers(2, 4))):
        share, change = draw(st.sampled_from([0.0, 0.1, 0.9, 1.0, 1.0])), draw(st.sampled_from([0.0, 0.1, 1.0]))
        order = ORDERS[draw(st.sampled_from(sorted(ORDERS)))]
        there = [key for key in order(keys, chance) if chance.random() < share]
        items = {key: "other" if place and chance.random() < change else "v" for key in there}
        salt = "" if alike else str(place)
        segment = lambda key, total, salt=salt: random.Random(f"{salt}{key}").randrange(total)  # noqa: E731
        per_page = draw(st.sampled_from([None, 1, 2, 7]))
        tables.append(make(f"t{place}", schema, items, pad, segment=segment, per_page=per_page))
    return tables


@settings(deadline=None, derandomize=True, database=None, max_examples=100)
@given(tables=worlds(), extras=st.booleans(), recheck=st.booleans(), total=st.sampled_from([1, 1, 3]))
def test_random_tables_in_random_orders(tables: list[Played], extras: bool, recheck: bool, total: int) -> None:
    """Whatever the items, the orders, the pages and the segments: the verdicts are those of brute force."""
    came = fake_tables.run(tables, total, extras=extras, recheck=recheck)
    fake_tables.hold(came, tables, extras)
    if not (extras or recheck):
        assert tables[0].looked_up == 0


@settings(deadline=None, derandomize=True, database=None, max_examples=60)
@given(tables=worlds(), extras=st.booleans(), recheck=st.booleans(), data=st.data())
def test_a_segment_left_anywhere(tables: list[Played], extras: bool, recheck: bool, data: st.DataObject) -> None:
    """A segment that is left after any page with a resume point, and taken up again, comes to the same end."""
    terms = fake_tables.terms(tables, extras, recheck)
    events = fake_tables.run_events(tables, terms)
    points = {place: event.resume for place, event in enumerate(events) if isinstance(event, PageDone) and event.resume}
    cut = data.draw(st.sampled_from(sorted(points)))
    rest = fake_tables.run_events(tables, terms, resume=points[cut])
    came = Came.of([*events[: cut + 1], *rest], len(tables))
    fake_tables.hold(came, tables, extras)


@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(tables=worlds(), strategy=st.sampled_from(["merge", "lookup"]), total=st.sampled_from([1, 3]), data=st.data())
def test_items_that_change_while_both_scans_run(
    tables: list[Played], strategy: str, total: int, data: st.DataObject
) -> None:
    """Whatever comes, goes and changes meanwhile, other items get their verdicts, and none gets one that never held."""
    states = [_changing(table, data.draw) for table in tables]
    came = fake_tables.run(tables, total, strategy=strategy)
    assert len(set(came.found)) == len(came.found)
    master, *slaves = states
    for key in set().union(*states):
        for slave, held in zip(tables[1:], slaves, strict=True):
            verdicts = {
                verdict for name, verdict, told in came.found if (name, told) == (slave.name, fake_tables.told(key))
            }
            possible = {_verdict(one, other) for one in master.get(key, {None}) for other in held.get(key, {None})}
            assert verdicts <= possible
            assert verdicts or possible & {None} or len(possible) > 1
    for tally in came.tallies[1:]:
        assert tally.same + tally.missing + tally.differing + tally.settled == came.tallies[0].scanned


def _changing(table: Played, draw: Callable[..., Any]) -> dict[Key, set[int | None]]:
    """Have some items of a table change, and give what tells all that each item is at any time."""
    states: dict[Key, set[int | None]] = {key: {crc32(item)} for key, item in table.items.items()}
    changes = []
    for key in draw(st.lists(st.sampled_from(list(states)), max_size=8)) if states else ():
        item = draw(st.sampled_from([None, table.items[key], Raw(bytes(table.items[key]).replace(b'"pad"', b'"new"'))]))
        changes.append(Change(draw(st.integers(1, 12)), key, item))
        states[key].add(None if item is None else crc32(item))
    table.changes = changes
    return states


def _verdict(master: int | None, slave: int | None) -> str | None:
    if master == slave:
        return None
    return "extra" if master is None else "missing" if slave is None else "differing"


SAME = _keys(400)
"""Keys of 400 items of 100 KB: ten windows."""
THERE = dict.fromkeys(SAME, "v")
FEWER = {key: "v" for place, key in enumerate(SAME) if place % 50}
HALF = {key: "v" for key in SAME if random.Random(key).random() < 0.5}
SOME, MORE = (dict.fromkeys(_keys(250, prefix), "v") for prefix in "xy")


def _with(others: Items, after: int) -> Items:
    """Put other items after so many of THERE."""
    listed = list(THERE.items())
    return dict([*listed[:after], *others.items(), *listed[after:]])


def _without(first: int, last: int) -> Items:
    return {key: "v" for place, key in enumerate(SAME) if not first <= place < last}


def _ordered(order: Order) -> Items:
    return dict.fromkeys(order(SAME, random.Random(5)), "v")


IN_ORDER: dict[str, tuple[Items, Items]] = {
    "equal tables": (THERE, THERE),
    "nearly the same order": (THERE, _ordered(_nearly)),
    "every item differs": (THERE, dict.fromkeys(SAME, "other")),
    "some missing": (THERE, FEWER),
    "some extra": (FEWER, THERE),
    "half of them missing": (THERE, HALF),
    "half of them extra": (HALF, THERE),
    "an empty slave": (THERE, {}),
    "an empty master": ({}, THERE),
    "nothing in common": (THERE, SOME),
    "many extras in one place": (THERE, _with(SOME, 105)),
    "many missing in one place": (THERE, _without(105, 305)),
    "many of both in one place": (_with(MORE, 105), _with(SOME, 105)),
    "many extras in front": (THERE, _with(SOME, 0)),
    "many extras behind": (THERE, _with(SOME, 400)),
    "many missing in front": (THERE, _without(0, 200)),
    "many missing behind": (THERE, _without(200, 400)),
}
IN_ANOTHER = {"reversed": _ordered(ORDERS["reversed"]), "shuffled": _ordered(_shuffled), "turned": _ordered(_turned)}
MOST_HELD = WINDOW + 2 * fake_tables.PAGE
"""Bytes of raw items of one table: a window, the page that comes in, and the one on its way."""
MOST_AHEAD = AHEAD + 3 * (fake_tables.PAGE + BIG)
"""The same by lookup: pages ahead, of which the last goes beyond, the one on its way, and the one that is compared."""


@pytest.mark.parametrize("extras", [True, False])
@pytest.mark.parametrize("shape", IN_ORDER)
def test_what_agreeing_orders_cost(shape: str, extras: bool) -> None:
    """Each table is scanned once, memory is bounded, and hardly anything is looked up but what is different."""
    tables = [make(name, ID, items, BIG) for name, items in zip("ms", IN_ORDER[shape], strict=True)]
    came = fake_tables.run(tables, extras=extras)
    fake_tables.hold(came, tables, extras)
    assert came.disagreed == 0
    master, slave = tables
    assert (master.scanned, slave.scanned) == (len(master.items), len(slave.items))
    assert max(master.held_most, slave.held_most) <= MOST_HELD
    # both sides of what is different, a few to find out why, and a window of those that came late
    assert master.looked_up + slave.looked_up <= 2 * len(came.found) + 0.5 * len(master.items) + 100
    if len(came.found) < 10 and "many" not in shape:
        assert master.looked_up == slave.looked_up == len(came.found)


@pytest.mark.parametrize("extras", [True, False])
@pytest.mark.parametrize("order", IN_ANOTHER)
def test_what_other_orders_cost(order: str, extras: bool) -> None:
    """Where orders disagree the segment says so and goes on as lookup: bounded, and little dearer than that."""
    tables = [make(name, ID, items, BIG) for name, items in zip("ms", (THERE, IN_ANOTHER[order]), strict=True)]
    came = fake_tables.run(tables, extras=extras)
    fake_tables.hold(came, tables, extras)
    assert came.disagreed == 1
    for table in tables:
        assert table.held_most <= max(MOST_HELD, MOST_AHEAD)
        assert table.scanned <= len(SAME) + 15
        assert table.looked_up <= 1.5 * len(SAME)


def test_what_lookup_holds() -> None:
    """By lookup, too, memory does not depend on the size of the tables, and each of them is scanned once."""
    tables = [make(name, ID, items, BIG) for name, items in (("m", HALF), ("s", THERE), ("t", SOME))]
    fake_tables.hold(fake_tables.run(tables, strategy="lookup"), tables)
    for table in tables:
        assert table.held_most <= MOST_AHEAD
        assert table.scanned == len(table.items)


ONE = KeySchema("id", "S", "sort", "N")
COLLECTION = [b'{"id":{"S":"one"},"sort":{"N":"%d"}}' % number for number in range(-4000, 4000)]
"""The keys of 8,000 items under one partition key, in pages of some 2,000; the windows hold a part of them."""
EVEN, ODD = dict.fromkeys(COLLECTION[::2], "v"), dict.fromkeys(COLLECTION[1::2], "v")
WHOLE = dict.fromkeys(COLLECTION, "v")
BULKS: dict[str, tuple[Items, Items]] = {
    "equal": (WHOLE, WHOLE),
    "an empty slave": (WHOLE, {}),
    "nothing in common": (EVEN, ODD),
    "extras in one place": (dict.fromkeys([*COLLECTION[:1000], *COLLECTION[7000:]], "v"), WHOLE),
    "reversed": (WHOLE, dict.fromkeys(COLLECTION[::-1], "v")),
}


@pytest.mark.parametrize("shape", BULKS)
def test_one_collection(shape: str) -> None:
    """Under one partition key, too, memory is bounded, each item is scanned once, and only strays are looked up."""
    tables = [make(name, ONE, items, 400) for name, items in zip("ms", BULKS[shape], strict=True)]
    came = fake_tables.run(tables)
    fake_tables.hold(came, tables)
    for table in tables:
        assert table.held_most <= MOST_AHEAD
        assert table.scanned <= len(table.items) + 2500 * came.disagreed  # a page that was on its way
        assert table.looked_up <= len(came.found) + 1.5 * len(table.items) * came.disagreed + 100
    assert came.disagreed == (shape == "reversed")


def test_a_slave_that_is_lost() -> None:
    """A slave whose requests fail for good is dropped wherever that happens; the others are compared to the end."""
    for operation, after in (("Scan", 0), ("Scan", 3), ("BatchGetItem", 0), ("BatchGetItem", 2)):
        count = iter(range(10_000))
        fails = lambda its, operation=operation, after=after, count=count: its == operation and next(count) >= after  # noqa: E731
        tables = [make("m", ID, THERE, BIG), make("lost", ID, HALF, BIG), make("s", ID, HALF, BIG)]
        tables[1].fails = fails
        came = Came.of(fake_tables.run_events(tables, fake_tables.terms(tables)), 3)
        assert [type(end) for end in came.ends] == [SlaveLost, TaskDone]
        assert (came.tallies[0].scanned, came.tallies[2].same) == (len(SAME), len(HALF))
        assert len([slave for slave, _, _ in came.found if slave == "s"]) == len(SAME) - len(HALF)


def test_a_master_that_is_lost() -> None:
    """A master that cannot be read any more ends the segment as failed."""
    tables = [make("m", ID, THERE, BIG), make("s", ID, THERE, BIG)]
    count = iter(range(10_000))
    tables[0].fails = lambda _: next(count) > 3
    came = Came.of(fake_tables.run_events(tables, fake_tables.terms(tables)), 2)
    assert [type(end) for end in came.ends] == [TaskFailed]


def test_a_key_that_comes_twice() -> None:
    """A scan that brings an item twice, in one page or far apart, has each of the two judged."""
    keys = _keys(60)
    for again in (keys[3], keys[40]):
        master, slave = make("m", ID, dict.fromkeys(keys, "v"), BIG), make("s", ID, dict.fromkeys(keys, "v"), BIG)
        master.twice = (4, again)
        came = fake_tables.run([master, slave])
        assert (came.found, came.tallies[0].scanned, came.tallies[1].same) == ([], 61, 61)
