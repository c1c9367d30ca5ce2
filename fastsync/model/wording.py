"""Wording: how a value or an exception is shown in a sentence: on one line, nothing raw in it, cut where it is long."""

from __future__ import annotations

import re

LONGEST_VALUE = 100
"""Characters of a value in a sentence; of a longer one the beginning and the end are shown."""
LONGEST_WORD = 300
"""Characters of a word in a sentence from elsewhere; paths and ARNs are shorter, numbers of 5,000 digits are not."""
LONGEST_SENTENCE = 2_000
_LARGE_INT = 1 << 1_000
"""From here on an int is not written out: Python refuses that from 4,300 digits on."""


def quote(value: object) -> str:
    """Return a value as Python writes it, on one line and cut in the middle where it is long."""
    if isinstance(value, int) and abs(value) >= _LARGE_INT:
        return f"a number of about {int(value.bit_length() * 0.30103):,} digits"
    try:
        return shorten(repr(value))
    except BaseException:  # of a value of the library's caller, or of a list with a number too long to be written
        return f"a {type(value).__name__}"


def shorten(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text with its middle left out where it has more than `longest` characters."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end]}...{text[-end:]}"


def shorten_words(sentence: str) -> str:
    """Return a sentence with its long words cut in the middle, and as a whole no longer than a sentence should be."""
    found = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: shorten(word[0]), sentence)
    return shorten(found, LONGEST_SENTENCE)


def describe_exception(error: BaseException) -> str:
    """Return the kind of an exception, and on the same line what it says, where it says anything."""
    kind = type(error).__name__
    try:
        said = " ".join(str(error).split())
    except BaseException:  # whoever made it may have made it badly
        said = ""
    return f"{kind}: {shorten(said, LONGEST_SENTENCE // 4)}" if said else kind


def escape_unprintable(text: str) -> str:
    """Return a text with everything escaped that could steer a terminal: names hold what their writers put there."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def count_nouns(count: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless it is one: "1 item", "2,000 items"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def choose_form(count: int, one: str, many: str) -> str:
    """Return the form of a word that goes with a number."""
    return one if count == 1 else many
