"""Values of items as text: strings in quotes, numbers as their digits, binary as its length and first bytes."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from fastsync.model.digest import canonical_number
from fastsync.model.items.changes import holds
from fastsync.model.json_lines import dumps
from fastsync.model.wording import count_nouns
from fastsync.output.differences.characters import escape, quote_string

LONGEST = 80
"""Characters of a value that are shown; of a longer one the beginning and the end: two of them still fit on a line."""
HEAD, TAIL = 40, 20
"""Characters of a longer value that are shown at its beginning and at its end."""
FIRST_BYTES = 16
"""Bytes of a binary value that are shown."""
BEFORE, AFTER = 10, 30
"""Characters that are shown around the first one at which two long strings differ."""
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch


def describe_value(value: Any, *, full: bool = False) -> str:
    """Return a value in DynamoDB JSON as text: `"a"`, `549.9`, `true`, `{"a": [1, 2]}`, sets as `{1, 2}`.

    A long one has its middle left out and its length told, unless it is shown in `full`.
    """
    if holds(value, "S", str):
        return _cut_string(value["S"], full)
    return _cut(_write(value, full), full)


def describe_values(slave: Any, master: Any, *, full: bool = False) -> tuple[str, str]:
    """Return both sides' values of one path as texts, which show where two long values differ."""
    texts = describe_value(slave, full=full), describe_value(master, full=full)
    if texts[0] != texts[1]:
        return texts
    if holds(slave, "S", str) and holds(master, "S", str):
        place = _find_first_difference(slave["S"], master["S"])
        first = f"{_cut_around(slave['S'], place)}, differs from character {place + 1:,})"
        return first, f"{_cut_around(master['S'], place)})"
    if holds(slave, "B", str) and holds(master, "B", str):
        place = _find_first_difference(_decode(slave["B"]) or b"", _decode(master["B"]) or b"")
        return f"{texts[0]} (differs from byte {place + 1:,})", texts[1]
    return texts


def describe_key(key: Mapping[str, Any]) -> str:
    """Return a key as JSON with plain values, as --key takes it: `{"pk":"a","sk":7}`."""
    return "{" + ",".join(f"{quote_string(name)}:{_write_key_value(value)}" for name, value in key.items()) + "}"


def is_number(text: str) -> bool:
    """Return whether a text is a number as JSON writes it."""
    return _JSON_NUMBER(text) is not None


def _write_key_value(value: Any) -> str:
    if holds(value, "N", str):
        digits = value["N"] if is_number(value["N"]) else canonical_number(value["N"])
        if is_number(digits):
            return digits
    for kind in ("S", "B"):
        if holds(value, kind, str):
            return quote_string(value[kind])
    return escape(dumps(value))


def _write(value: Any, full: bool) -> str:
    """Return a value as text; what is no DynamoDB JSON, as in an edited file, as the JSON that it is."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        write, shape = _WRITERS.get(kind, (None, object))
        if write is not None and isinstance(inner, shape):
            return write(inner, full)
    return escape(dumps(value))


def _write_map(members: dict[str, Any], full: bool) -> str:
    inner = (f"{quote_string(name)}: {_write(members[name], full)}" for name in sorted(members))
    return "{" + ", ".join(inner) + "}"


def _write_list(members: list[Any], full: bool) -> str:
    return "[" + ", ".join(_write(member, full) for member in members) + "]"


def _write_set(kind: str) -> Callable[[list[Any], bool], str]:
    return lambda members, full: "{" + ", ".join(_write({kind: member}, full) for member in members) + "}"


def _write_binary(text: str, full: bool) -> str:
    content = _decode(text)
    if content is None:
        return escape(dumps({"B": text}))
    shown = content if full else content[:FIRST_BYTES]
    more = "..." if len(shown) < len(content) else ""
    return f"<{count_nouns(len(content), 'byte')} {shown.hex()}{more}>"


def _decode(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


_WRITERS: dict[str, tuple[Callable[[Any, bool], str], type]] = {
    "S": (lambda text, _: quote_string(text), str),
    "N": (lambda digits, _: escape(digits), str),
    "B": (_write_binary, str),
    "BOOL": (lambda truth, _: "true" if truth else "false", bool),
    "NULL": (lambda _, __: "null", bool),
    "SS": (_write_set("S"), list),
    "NS": (_write_set("N"), list),
    "BS": (_write_set("B"), list),
    "L": (_write_list, list),
    "M": (_write_map, dict),
}
"""How each type is written, and the shape of what it holds."""


def _cut(text: str, full: bool) -> str:
    if full or len(text) <= LONGEST:
        return text
    return f"{text[:HEAD]}...{text[-TAIL:]} ({len(text):,} characters)"


def _cut_string(text: str, full: bool) -> str:
    if full or len(text) <= LONGEST:
        return quote_string(text)
    return f"{quote_string(text[:HEAD])}...{quote_string(text[-TAIL:])} ({len(text):,} characters)"


def _cut_around(text: str, place: int) -> str:
    """Return the beginning of a long string, its part around a place, and its length after an open bracket."""
    part = text[max(0, place - BEFORE) : place + AFTER]
    return f"{quote_string(text[:TAIL])}...{quote_string(part)}... ({len(text):,} characters"


def _find_first_difference(one: str | bytes, other: str | bytes) -> int:
    """Return the place of the first member at which two sequences differ, or the length of the shorter one."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
