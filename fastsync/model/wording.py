"""Wording: show a value or an exception in a sentence: on one line, escaped, and shortened where it is long."""

from __future__ import annotations

import re
import textwrap

LONGEST_VALUE = 100
"""Characters of a value in a sentence; only the beginning and the end of a longer one are shown."""
LONGEST_WORD = 300
"""Characters of a word in a sentence from elsewhere; paths and ARNs are shorter, numbers of 5,000 digits are not."""
LONGEST_SENTENCE = 2_000
LONGEST_LINE = 100
"""Columns of a line that fastsync composes, where names are of ordinary length."""
WHOLE_FROM = 100
"""An amount from this one on is rounded to a whole number."""
_LARGE_INT = 1 << 1_000
"""An int from this one on is not written out: Python refuses to write more than 4,300 digits."""


def quote(value: object) -> str:
    """Return a value as Python writes it, on one line, with its middle left out where it is long."""
    if isinstance(value, int) and abs(value) >= _LARGE_INT:
        return f"a number of about {int(value.bit_length() * 0.30103):,} digits"
    try:
        return shorten(repr(value))
    except BaseException:  # raised by an object of the library's caller, or for a list with a number of too many digits
        return f"a {type(value).__name__}"


def shorten(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text with its middle left out where it has more than `longest` characters."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end]}...{text[-end:]}"


def shorten_words(sentence: str) -> str:
    """Return a sentence with the middle of long words left out, and its own where it is still too long."""
    found = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: shorten(word[0]), sentence)
    return shorten(found, LONGEST_SENTENCE)


def describe_exception(error: BaseException) -> str:
    """Return the class of an exception and, on the same line, its message, where it has one."""
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except BaseException:  # the class may be somebody else's, and its __str__ may fail
        message = ""
    if not message:
        return name
    return f"{name}: {shorten(message, LONGEST_SENTENCE // 4)}"


def escape_unprintable(text: str) -> str:
    """Return a text with all unprintable characters escaped: a name may hold some that would steer a terminal."""
    return "".join(map(_escape_character, text))


def count_nouns(count: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless it is one: "1 item", "2,000 items"."""
    return f"{count:,} {choose_form(count, noun, f'{noun}s')}"


def choose_form(count: float, one: str, many: str) -> str:
    """Return the form of a word that goes with a number."""
    if count == 1:
        return one
    return many


def format_amount(amount: float) -> str:
    """Return an amount with at most one decimal, none where it is whole or large: "0.5", "12", "2,235"."""
    if amount >= WHOLE_FROM:
        return f"{amount:,.0f}"
    return f"{amount:.1f}".removesuffix(".0")


def format_units(read: float, write: float) -> str:
    """Return capacity units in words; those of writes only where there are some."""
    units = f"{format_amount(read)} read {choose_form(round(read, 1), 'unit', 'units')}"
    if write:
        units += f", {format_amount(write)} write {choose_form(round(write, 1), 'unit', 'units')}"
    return units


def format_price(usd: float) -> str:
    """Return a price in words: "under 1 cent", "$1,234.50"."""
    if usd < 0.005:
        return "under 1 cent"
    return f"${usd:,.2f}"


def format_seconds(seconds: float) -> str:
    """Return how long something took: "0.3 s", "1 min 15 s", "2 h 1 min"."""
    if seconds < 59.95:
        return f"{format_amount(max(seconds, 0.1))} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def wrap_line(line: str) -> list[str]:
    """Return a line in as many as it takes to fit into LONGEST_LINE; a number stays with the word behind it."""
    if len(line) <= LONGEST_LINE:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    bound = re.sub(r"(?<=\d) (?=\w)", "\N{NO-BREAK SPACE}", line)
    lines = textwrap.wrap(bound, LONGEST_LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [each.replace("\N{NO-BREAK SPACE}", " ") for each in lines]


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
