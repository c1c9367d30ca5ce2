"""How characters, values and keys look."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastsync.config.key_text import parse_key, typed_key
from fastsync.model.digest import canonical_number
from fastsync.model.table import KeySchema
from fastsync.output.differences.characters import escape, fit_encoding, quote_string
from fastsync.output.differences.values import LONGEST, describe_key, describe_value, describe_values

UNSEEN = [
    *map(chr, range(0x20)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    "\u2028",
    "\u2029",
    "\u200e",
    "\u200f",
    "\u061c",
]
UNSEEN += [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "\ud800", "\udfff", "\ufeff", "\u200b", "\xa0"]
BINARY = {"B": b64encode(bytes(range(40))).decode()}
VALUES: dict[str, tuple[Any, str]] = {
    "a text": ({"S": 'a "b" \\'}, r'"a \"b\" \\"'),
    "a number": ({"N": "549.90"}, "549.90"),
    "a text of digits": ({"S": "549.9"}, '"549.9"'),
    "an empty text": ({"S": ""}, '""'),
    "true": ({"BOOL": True}, "true"),
    "null": ({"NULL": True}, "null"),
    "a list": ({"L": [{"N": "1"}, {"S": "a"}, {"L": []}]}, '[1, "a", []]'),
    "a map": ({"M": {"b": {"N": "1"}, "a\n": {"M": {}}}}, r'{"a\n": {}, "b": 1}'),
    "a set": ({"SS": ["b", "a"]}, '{"b", "a"}'),
    "a set of numbers": ({"NS": ["1", "2"]}, "{1, 2}"),
    "a byte": ({"B": "AQ=="}, "<1 byte 01>"),
    "many bytes": (BINARY, "<40 bytes 000102030405060708090a0b0c0d0e0f...>"),
    "a type of the future": ({"X": [1]}, '{"X": [1]}'),
    "no DynamoDB JSON": ({"S": 5, "N": "\x1b"}, r'{"S": 5, "N": "\u001b"}'),
    "a set that is none": ({"SS": "ab"}, '{"SS": "ab"}'),
    "no base64": ({"B": "?"}, '{"B": "?"}'),
    "nothing": (None, "null"),
}


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_unseen_characters(character: str) -> None:
    """What steers a terminal or cannot be seen is told by the escape of JSON, alone and in quotes."""
    assert escape(f"a{character}b") != f"a{character}b"
    assert escape(character).isprintable()
    assert json.loads(quote_string(character)) == character


def test_seen_characters() -> None:
    """What can be seen stays as it is."""
    assert escape("größe 東京 😀 a\\b") == "größe 東京 😀 a\\b"
    assert escape("\x1b\n\t\r") == "\\u001b\\n\\t\\r"


def test_fit_encoding() -> None:
    """Where an encoding lacks a character it is escaped, and an arrow is one of ASCII."""
    assert fit_encoding("3 → 4 é 😀", "ascii") == "3 -> 4 \\u00e9 \\ud83d\\ude00"
    assert fit_encoding("3 → 4 é", "latin-1") == "3 -> 4 é"
    assert fit_encoding("3 → 4 é", "utf-8") == "3 → 4 é"


@pytest.mark.parametrize("case", VALUES.values(), ids=VALUES)
def test_values(case: tuple[Any, str]) -> None:
    """Every type has a form of its own, and what is no DynamoDB JSON is shown as it is."""
    value, expected = case
    assert describe_value(value) == expected


def test_long_values() -> None:
    """The middle of a long value is left out and its length told, unless it is shown in full."""
    text = "a" * 5000
    assert describe_value({"S": text}) == f'"{"a" * 40}"..."{"a" * 20}" (5,000 characters)'
    assert describe_value({"S": text}, full=True) == f'"{text}"'
    members = {"L": [{"N": "1"}] * 1000}
    assert describe_value(members).endswith("1, 1, 1] (3,000 characters)")
    assert describe_value(members, full=True).count("1") == 1000
    assert describe_value(BINARY, full=True) == f"<40 bytes {bytes(range(40)).hex()}>"
    assert describe_value({"S": "a" * LONGEST}) == f'"{"a" * LONGEST}"'


def test_long_values_that_differ_in_the_middle() -> None:
    """Two values that differ where both are cut are cut so that the difference is seen."""
    slave, master = ({"S": "x" * 2000 + middle + "z" * 2000} for middle in ("old", "new"))
    before, after = describe_values(slave, master)
    assert '"xxxxxxxxxxoldzzz' in before
    assert '"xxxxxxxxxxnewzzz' in after
    assert before.endswith("(4,003 characters, differs from character 2,001)")
    one, other = ({"B": b64encode(bytes(50) + end).decode()} for end in (b"\0", b"\1"))
    assert describe_values(one, other)[0].endswith("(differs from byte 51)")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NUMBERS = st.decimals(-(10**30), 10**30, places=3).map(str) | st.sampled_from(
    ["1E+3", "+5", ".5", "007", "-0", "1e-130"]
)
KEYS = {
    "S": TEXTS.map(lambda text: {"S": text}),
    "N": NUMBERS.map(lambda text: {"N": text}),
    "B": st.binary(min_size=1, max_size=8).map(lambda content: {"B": b64encode(content).decode()}),
}


@settings(deadline=None)
@given(st.data(), TEXTS, st.sampled_from("SNB"), st.sampled_from("SNB"))
def test_keys_can_be_pasted(data: st.DataObject, name: str, hash_type: str, range_type: str) -> None:
    """A key as it is shown is taken by the flags that take a key, and is the same key."""
    schema = KeySchema(name, hash_type, f"{name}2", range_type)
    key = {name: data.draw(KEYS[hash_type]), f"{name}2": data.draw(KEYS[range_type])}
    shown = describe_key(key)
    assert shown.isprintable()
    taken = json.loads(typed_key("--key", parse_key("--key", shown), schema))
    assert {name: _by_value(value) for name, value in taken.items()} == {
        name: _by_value(value) for name, value in key.items()
    }


def _by_value(value: dict[str, str]) -> dict[str, str]:
    return {"N": canonical_number(value["N"])} if "N" in value else value


def test_odd_keys() -> None:
    """A key that is none, in a file that somebody has edited, is shown as it is."""
    assert describe_key({"a": {"S": 1}, "b\x1b": {"N": "x"}}) == r'{"a":{"S": 1},"b\u001b":{"N": "x"}}'
