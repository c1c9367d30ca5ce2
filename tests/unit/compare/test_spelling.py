"""A page of a live table is taken to be written as an export only after equal bytes were seen, and never after unequal
ones of an equal item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import Raw

from fastsync.compare.screen import Screen
from fastsync.compare.spelling import Spelling
from fastsync.model.keys import KeyReader
from fastsync.model.messages.terms import Terms
from fastsync.model.table import KeySchema
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.part_files import LEFT_OUT
from fastsync.spool.part_writer import Rows
from fastsync.spool.table import SpooledTable
from tests.unit import builders

SCHEMA = KeySchema("id", "S")
ITEMS = [Raw(b'{"id":{"S":"%d"},"a":{"N":"1"}}' % number) for number in range(300)]
RESPELLED = [Raw(b'{"a":{"N":"1"},"id":{"S":"%d"}}' % number) for number in range(300)]
DIFFERENT = [Raw(b'{"id":{"S":"%d"},"a":{"N":"2"}}' % number) for number in range(300)]
EXPORT = "export:/backup"


def pack(items: Sequence[Raw]) -> list[bytes]:
    """Return the keys of items as the spool has them."""
    return KeyPacker(SCHEMA).pack(KeyReader(SCHEMA).read_keys(items))


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    """Return a run whose master is an export that is in the spool already, and whose slave is a live table."""
    found = replace(builders.terms(builders.A, master=EXPORT), spool=str(tmp_path))
    write(found, 0, ITEMS)
    return found


def write(terms: Terms, number: int, items: Sequence[Raw], marks: Sequence[bytes] = ()) -> None:
    """Write the items of an export into the spool."""
    table = SpooledTable.begin(terms.spool or "", number, ["a"])
    writer = table.open_writer(0, 2)
    writer.add_rows(Rows(pack(items), marks or Screen(terms).digest(items), lines=range(len(items)), items=items))
    writer.finish()
    writer.close()


def ask(terms: Terms, pages: Sequence[Sequence[Raw]], part: int = 0) -> list[bool]:
    """Return what is taken to be true of pages that come one after the other."""
    screen = Screen(terms)
    spelling = Spelling(terms, screen, part, 2)
    return [spelling.is_alike(pack(items), screen.digest(items), items) for items in pages]


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    ("pages", "alike"),
    [
        ([ITEMS[:10], ITEMS], [False, True]),
        ([RESPELLED, ITEMS], [False, False]),
        ([ITEMS, [*ITEMS[:290], *RESPELLED[290:]], ITEMS], [True, False, False]),
        ([DIFFERENT, ITEMS], [False, True]),
        ([[], ITEMS], [False, True]),
    ],
    ids=["alike", "unlike", "unlike-later", "different", "empty-first"],
)
def test_bytes_decide_where_equal_items_have_equal_bytes(
    terms: Terms, pages: Sequence[Sequence[Raw]], alike: list[bool], part: int
) -> None:
    """Enough items with equal bytes are asked for; one equal item with others ends it; different items say nothing."""
    assert ask(terms, pages, part) == alike


def test_nothing_is_known_without_an_export(terms: Terms, tmp_path: Path) -> None:
    """Where no file of an export is divided yet, all its items are left out, or two tables are live, forms are made."""
    empty = tmp_path / "empty"
    empty.mkdir()
    SpooledTable.begin(str(empty), 0, ["a"])
    assert ask(replace(terms, spool=str(empty)), [ITEMS, ITEMS]) == [False, False]
    write(terms, 0, ITEMS, [LEFT_OUT] * len(ITEMS))
    assert ask(terms, [ITEMS, ITEMS]) == [False, False]
    both_live = replace(builders.terms(builders.A, EXPORT), spool=str(tmp_path))
    write(both_live, 2, ITEMS)
    assert ask(both_live, [ITEMS, ITEMS]) == [False, False]


def test_a_file_that_is_being_written_again_says_nothing(terms: Terms, tmp_path: Path) -> None:
    """Where the rows of an export cannot be read, forms are made."""
    (tmp_path / "0-0").write_bytes(b"")
    assert ask(terms, [ITEMS, ITEMS]) == [False, False]
