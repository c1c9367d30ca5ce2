"""The form of a help: as wide as the terminal, and never wider than a person reads."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap

WIDEST = 100
"""Columns of a help at most."""
COLUMN_OF_MEANING = 30
"""Where the meanings of flags begin at most; longer flags have a line of their own."""


class HelpFormatter(argparse.HelpFormatter):
    """Fill paragraphs; keep lines that begin with spaces, or stand under such, as they are; break no flag."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=COLUMN_OF_MEANING, width=measure_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.indent("\n\n".join(fill_paragraph(each, width) for each in text.split("\n\n")), indent)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Return all spellings of a flag, and its value once, as later versions of Python do."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)


def measure_width() -> int:
    """Return how many columns a help may have: those of the terminal, or of COLUMNS, or else 80."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def fill_paragraph(text: str, width: int) -> str:
    """Return a paragraph filled to a width. One with lines that begin with spaces is a list: each line is an entry.

    Commands in a list, at four spaces, are kept as they are.
    """
    if not re.search(r"^ ", text, re.MULTILINE):
        return _wrap(text, width, "")
    return "\n".join(line if line.startswith("    ") else _wrap_entry(line, width) for line in text.split("\n"))


def _wrap_entry(line: str, width: int) -> str:
    """Wrap a line of a list: what follows stands under the text behind the first gap of two spaces."""
    head = re.match(r" *(?:\S(?: ?\S)*? {2,})?", line)
    return _wrap(line, width, " " * (head.end() if head else 0))


def _wrap(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text.lstrip(),
        width,
        initial_indent=text[: len(text) - len(text.lstrip())],
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
