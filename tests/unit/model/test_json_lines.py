"""JSON lines: one line each, whatever is in them."""

from __future__ import annotations

import json

import pytest

from fastsync.model.json_lines import checksum, escape_line_breaks, escape_line_breaks_in_bytes

TEXTS = [
    "",
    "plain",
    "a\x85b\u2028c\u2029d",
    "\\\u2028",
    "\\\\\x85",
    "\u2027\u202a\u0084\u0086",
    "\U0001f600\u2028é",
    '"\u2029"',
]


@pytest.mark.parametrize("text", TEXTS)
def test_escaping_keeps_the_value_and_one_line(text: str) -> None:
    """What is escaped parses to the same value, and has one line by the widest idea of what ends one."""
    line = json.dumps({text: [text]}, ensure_ascii=False)
    escaped = escape_line_breaks(line)
    assert json.loads(escaped) == {text: [text]}
    assert len(escaped.splitlines()) == 1
    assert escape_line_breaks_in_bytes(line.encode()) == escaped.encode()


def test_a_checksum_shows_a_changed_bit() -> None:
    """Each flipped bit makes another checksum, of sixteen characters."""
    text = b"some text"
    flipped = {
        checksum(bytes([*text[:place], text[place] ^ 1 << bit, *text[place + 1 :]]))
        for place in range(len(text))
        for bit in range(8)
    }
    assert checksum(text) not in flipped
    assert {len(each) for each in flipped} == {16}
