"""Characters that cannot be seen, or that would steer a terminal: told by the escapes of JSON instead."""

from __future__ import annotations

ARROW, ASCII_ARROW = "→", "->"
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LARGEST_PLAIN = 0xFFFF
"""The last character that one escape of JSON can name; others take two (RFC 8259, 7)."""


def escape(text: str) -> str:
    r"""Return a text whose unprintable characters are escaped as in JSON: `\n`, `\u001b`. Backslashes stay as they are.

    Unprintable are control characters, separators of lines, signs of direction, halves of pairs, and what else cannot
    be told from nothing or from a plain space.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape_character(character) for character in text)


def quote_string(text: str) -> str:
    """Return a text as a string of JSON, in which every character can be seen."""
    backslashed = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escape(backslashed)}"'


def fit_encoding(text: str, encoding: str | None) -> str:
    """Return a text with what an encoding lacks escaped, and its arrows as `->`: a terminal may know ASCII only."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.replace(ARROW, ASCII_ARROW)
        return "".join(each if _is_encodable(each, encoding) else _escape_character(each) for each in text)
    return text


def _is_encodable(character: str, encoding: str | None) -> bool:
    try:
        character.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escape_character(character: str) -> str:
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number <= _LARGEST_PLAIN:
        return f"\\u{number:04x}"
    high, low = divmod(number - _LARGEST_PLAIN - 1, 1 << 10)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
