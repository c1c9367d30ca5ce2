"""Look-ups of slaves that lack most of what the master has: each item is looked up once, and right all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from fastsync.aws.client import BatchAnswer
from fastsync.model.keys import Key
from fastsync.model.settings import LACKING_SAMPLE
from fastsync.model.table import KeySchema
from tests.unit.fake_tables import Played, hold, make, run

SCHEMA = KeySchema("id", "S")
ITEMS, PER_PAGE = 20_000, 500
PAGES = ITEMS // PER_PAGE


@dataclass
class Counting(Played):
    """A table that counts the keys that were looked up eventually and strongly consistently."""

    at_once: int = 0
    consistent: int = 0

    def batch_get(
        self, keys: Sequence[Key], consistent: bool, _keys_only: bool = False, _checked: bool = False
    ) -> BatchAnswer:
        """Look keys up."""
        self.consistent += len(keys) * consistent
        self.at_once += len(keys) * (not consistent)
        return super().batch_get(keys, consistent)


def spell(number: int) -> bytes:
    """Spell a key."""
    return b'{"id":{"S":"%06d"}}' % number


def make_tables(there: Sequence[int], described: int) -> tuple[Played, Counting]:
    """Make a master, and a slave that has some of its items and is described to have so many."""
    master = make("master", SCHEMA, {spell(number): "a" for number in range(ITEMS)}, per_page=PER_PAGE)
    items = {key: item for number, (key, item) in enumerate(master.items.items()) if number in set(there)}
    slave = Counting("slave", SCHEMA, items)
    slave.side = replace(slave.side, table=replace(slave.side.table, item_count=described))
    return master, slave


@pytest.mark.parametrize("described", [0, ITEMS])
@pytest.mark.parametrize(
    "there",
    [
        pytest.param(range(0), id="none"),
        pytest.param(range(ITEMS), id="all"),
        pytest.param(range(ITEMS // 2), id="first half"),
        pytest.param(range(ITEMS // 2, ITEMS), id="second half"),
        pytest.param(range(0, ITEMS, 2), id="every other one"),
        pytest.param(range(0, ITEMS, 10), id="every tenth one"),
    ],
)
@pytest.mark.parametrize("recheck", [True, False])
def test_verdicts_are_right_however_much_a_slave_lacks(there: range, described: int, recheck: bool) -> None:
    """Whatever a slave has, and whatever its description says, verdicts are those of brute force."""
    tables = make_tables(there, described)
    hold(run(tables, strategy="lookup", recheck=recheck), tables)


def test_an_empty_slave_is_looked_up_once() -> None:
    """Where a slave is described as empty and is, items are only looked up strongly consistently, but for samples."""
    master, slave = make_tables(range(0), 0)
    run([master, slave], strategy="lookup", extras=False)
    assert (slave.at_once, slave.consistent) == (PAGES * LACKING_SAMPLE, ITEMS)


def test_a_slave_that_turns_out_to_be_empty_is_looked_up_once_from_then_on() -> None:
    """Where a description is out of date, the first pages tell."""
    master, slave = make_tables(range(0), ITEMS)
    run([master, slave], strategy="lookup", extras=False)
    assert slave.at_once < ITEMS
    assert slave.consistent == ITEMS


def test_a_slave_that_turns_out_to_be_full_is_looked_up_at_half_the_price() -> None:
    """Where a slave has been filled since its description was made, look-ups are eventually consistent soon."""
    master, slave = make_tables(range(ITEMS), 0)
    run([master, slave], strategy="lookup", extras=False)
    assert slave.consistent < ITEMS
    assert slave.at_once + slave.consistent == ITEMS


@pytest.mark.parametrize("there", [range(0), range(ITEMS)], ids=["empty", "full"])
def test_nothing_is_read_strongly_consistently_without_a_recheck(there: range) -> None:
    """With --no-recheck a look-up costs half, so every item is looked up at once."""
    master, slave = make_tables(there, 0)
    run([master, slave], strategy="lookup", extras=False, recheck=False)
    assert (slave.at_once, slave.consistent) == (ITEMS, 0)
