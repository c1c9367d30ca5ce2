"""JSON lines: one JSON text per line, whichever characters a reader takes for line breaks; and their checksums."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

CHECKSUM_BYTES = 8
_BREAKS = ("\x85", "\u2028", "\u2029")
"""Line breaks to some readers (Unicode Standard, 5.8) that JSON allows unescaped within strings (RFC 8259, 7)."""
_ESCAPED = {each: f"\\u{ord(each):04x}" for each in _BREAKS}
_ESCAPED_BYTES = {each.encode(): text.encode() for each, text in _ESCAPED.items()}

_encode = json.JSONEncoder(ensure_ascii=False).encode
"""As json.dumps, which makes an encoder for each call: a fifth of a line of the report."""


def dumps(value: Any, indent: int | None = None) -> str:
    r"""Return a value as JSON text that can be encoded as UTF-8 and in which only `\n` ends a line."""
    text = _encode(value) if indent is None else json.dumps(value, indent=indent, ensure_ascii=False)
    # half a surrogate pair, as in a path that is not UTF-8, becomes its JSON escape
    return escape_line_breaks(text.encode(errors="backslashreplace").decode())


def escape_line_breaks(text: str) -> str:
    r"""Escape U+0085, U+2028 and U+2029 in JSON text, so that only `\n` ends a line; the value stays the same."""
    for each, escaped in _ESCAPED.items():
        text = text.replace(each, escaped)
    return text


def escape_line_breaks_in_bytes(text: bytes) -> bytes:
    """Do the same in JSON text encoded as UTF-8, where no character contains the bytes of another."""
    for each, escaped in _ESCAPED_BYTES.items():
        text = text.replace(each, escaped)
    return text


def checksum(text: bytes) -> str:
    """Return the hexadecimal checksum that lines and files hold of their own content: against damage, not tampering."""
    return blake2b(text, digest_size=CHECKSUM_BYTES).hexdigest()
