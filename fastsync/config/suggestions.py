"""Did you mean: the known word that a misspelt one comes nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MOST_SUGGESTED = 3
"""Words that a question names at most; with more of them nobody is helped."""
LIKENESS = 0.6
"""How alike two words are at least, of 1 (difflib's ratio)."""
MOST_COMPARED = 200
"""Characters of a word that are compared: no known word has as many, and the time grows with their square."""


def find_similar(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words that a misspelt one may stand for: those that it begins, else the nearest one."""
    plain = {_simplify(each): each for each in known}
    given = _simplify(word)[:MOST_COMPARED]
    begun = [each for simple, each in plain.items() if given and simple.startswith(given)]
    if 0 < len(begun) <= MOST_SUGGESTED:
        return begun
    return [plain[simple] for simple in _rank_near(given, plain)[:1]]


def find_nearest(word: str, known: Iterable[str], likeness: float = LIKENESS) -> list[str]:
    """Return up to three other words that are like this one (by `likeness` of 1 at least), the nearest first."""
    plain: dict[str, list[str]] = {}
    for each in known:
        if each != word:
            plain.setdefault(_simplify(each), []).append(each)
    near = _rank_near(_simplify(word)[:MOST_COMPARED], plain, likeness)
    return [each for simple in near for each in plain[simple]][:MOST_SUGGESTED]


def ask_if_meant(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that refuses a word: "; is 'merge' meant?", or nothing where no word is near."""
    return format_question([repr(each) for each in find_similar(word, known)])


def format_question(suggested: Sequence[str]) -> str:
    """Return "; is a or b meant?", or nothing where there is nothing to suggest."""
    if not suggested:
        return ""
    *others, last = suggested
    words = f"{', '.join(others)} or {last}" if others else last
    return f"; is {words} meant?"


def _rank_near(given: str, known: Iterable[str], likeness: float = LIKENESS) -> list[str]:
    """Return up to three words that are like the given one, first of all those of the same letters in another order."""
    near = difflib.get_close_matches(given, known, MOST_SUGGESTED, likeness)
    return sorted(near, key=lambda each: sorted(each) != sorted(given))


def _simplify(word: str) -> str:
    return word.lower().replace("_", "-").lstrip("-")
