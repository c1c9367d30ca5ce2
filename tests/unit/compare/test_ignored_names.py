"""Names that are ignored are looked for in items that nobody parses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from fastsync.compare.ignored_names import IgnoredNames
from fastsync.compare.pairs import Pairs
from fastsync.model.digest import Digester

ITEMS: dict[str, tuple[str, str, bool]] = {
    "there": ("seen", '{"id": {"S": "1"}, "seen": {"N": "1"}}', True),
    "misspelt": ("sen", '{"id": {"S": "1"}, "seen": {"N": "1"}}', False),
    "without blanks": ("seen", '{"id":{"S":"1"},"seen":{"N":"1"}}', True),
    "with many": ("seen", '{ "seen" \n:\t{"N":"1"}}', True),
    "the beginning of another": ("see", '{"seen": {"N": "1"}}', False),
    "a value": ("seen", '{"id": {"S": "seen"}}', False),
    "a value that looks like a name": ("seen", '{"id": {"S": "\\"seen\\":"}}', False),
    "a member of a set": ("seen", '{"id": {"SS": ["seen"]}}', False),
    "nested": ("seen", '{"id": {"M": {"seen": {"N": "1"}}}}', False),
    "nested and not": ("seen", '{"id": {"M": {"seen": {"N": "1"}}}, "seen": {"N": "1"}}', True),
    "a type": ("S", '{"id": {"S": "1"}}', False),
    "not a type": ("S", '{"S": {"S": "1"}}', True),
    "other letters": ("Größe", '{"Größe": {"N": "1"}}', True),
    "other letters, escaped": ("Größe", '{"Gr\\u00f6\\u00dfe": {"N": "1"}}', True),
    "escaped in capitals": ("Größe", '{"Gr\\u00F6\\u00DFe": {"N": "1"}}', True),
    "escaped in part": ("Größe", '{"Gr\\u00f6ße": {"N": "1"}}', True),
    "escaped, another": ("Größe", '{"Gr\\u00f6\\u00dfen": {"N": "1"}}', False),
    "quotes": ('a"b', '{"a\\"b": {"N": "1"}}', True),
    "quotes by number": ('a"b', '{"a\\u0022b": {"N": "1"}}', True),
    "a slash": ("a/b", '{"a/b": {"N": "1"}}', True),
    "a slash, escaped": ("a/b", '{"a\\/b": {"N": "1"}}', True),
    "a backslash": ("a\\b", '{"a\\\\b": {"N": "1"}}', True),
    "beyond 16 bits": ("😀", '{"\\ud83d\\ude00": {"N": "1"}}', True),
    "a dot": ("a.b", '{"a": {"M": {"b": {"N": "1"}}}}', False),
    "a name with a dot": ("a.b", '{"a.b": {"N": "1"}}', True),
}


def pairs_of(*items: str, master: bool = True) -> Pairs:
    """Return a page of items that only one side has."""
    raws: list[Any] = [Raw(item.encode()) for item in items]
    none: list[Any] = [None] * len(raws)
    return Pairs(0, none, raws if master else none, none if master else raws)


@pytest.mark.parametrize("master", [True, False])
@pytest.mark.parametrize(("name", "item", "expected"), ITEMS.values(), ids=ITEMS)
def test_attributes_are_found(name: str, item: str, expected: bool, master: bool) -> None:
    """A name is found where an item has that attribute, however it is written, and nowhere else."""
    assert (name in json.loads(item)) == expected
    looking = IgnoredNames([name])
    looking.look(pairs_of('{"id": {"S": "0"}}', item, '{"id": {"S": "2"}}', master=master))
    assert looking.take_new() == ((name,) if expected else ())


def test_each_name_is_told_once() -> None:
    """A name that was seen is told once, with the page on which that was."""
    looking = IgnoredNames(["a", "b", "c"])
    looking.look(pairs_of())
    assert looking.take_new() == ()
    looking.look(pairs_of('{"a": {"N": "1"}}'))
    assert looking.take_new() == ("a",)
    looking.look(pairs_of('{"a": {"N": "1"}, "b": {"N": "1"}}'))
    looking.add({"a", "b", "c", "d"})
    assert looking.take_new() == ("b", "c")
    assert looking.take_new() == ()


def test_items_whose_bytes_differ_are_parsed_anyway() -> None:
    """Where items are compared by attributes, those that are ignored are noted."""
    digester = Digester(frozenset({"seen", "gone"}))
    assert digester.find_differing(Raw(b'{"id":{"S":"1"}}'), Raw(b'{"id":{"S":"1"},"seen":{"N":"1"}}')) == ()
    assert digester.ignored_seen == {"seen"}
