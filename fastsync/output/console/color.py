"""Colours: whether a stream gets any (--color), and which one says what."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

AUTO, ALWAYS, NEVER = "auto", "always", "never"
"""The values of --color."""
_GOOD, _WARNING, _BAD, _FAINT, _BOLD = "32", "33", "31", "2", "1"
"""Parameters of "select graphic rendition" (ECMA-48, SGR). Only the eight colours that every terminal has."""


@dataclass(frozen=True)
class Colors:
    """Paint text by what it says. Where colours are not `enabled`, every text is returned as it is.

    What is painted must be free of control characters: see `wording.escape_unprintable`.
    """

    enabled: bool

    def good(self, text: str) -> str:
        """Paint what is as it should be, and what is added."""
        return self._paint(_GOOD, text)

    def warning(self, text: str) -> str:
        """Paint what somebody should look at, and what is changed."""
        return self._paint(_WARNING, text)

    def bad(self, text: str) -> str:
        """Paint what is not as it should be, and what is removed."""
        return self._paint(_BAD, text)

    def faint(self, text: str) -> str:
        """Paint what matters less than the rest."""
        return self._paint(_FAINT, text)

    def bold(self, text: str) -> str:
        """Paint what is read first."""
        return self._paint(_BOLD, text)

    def label(self, line: str) -> str:
        """Paint the `error:` or `warning:` that a line begins with, and nothing of any other line."""
        label, colon, rest = line.partition(":")
        if label == "error":
            return f"{self.bad(label + colon)}{rest}"
        if label == "warning":
            return f"{self.warning(label + colon)}{rest}"
        return line

    def _paint(self, rendition: str, text: str) -> str:
        if not self.enabled or not text:
            return text
        return f"\033[{rendition}m{text}\033[0m"


def choose_colors(wanted: str, stream: TextIO | None) -> Colors:
    """Return whether a stream gets colours. `auto`: a terminal does, unless NO_COLOR is set (https://no-color.org)."""
    if wanted == AUTO:
        return Colors(_is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    return Colors(wanted == ALWAYS)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):  # it is closed
        return False
