"""Write lines on stderr, as text for people or as JSON for log collectors; nothing else writes there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from fastsync.model.wording import escape_unprintable
from fastsync.output.console.color import AUTO, NEVER, Colors, choose_colors
from fastsync.output.differences.characters import fit_encoding


def write_beside_bar(line: str) -> None:
    """Write a line to stderr, beside a bar that may stand there."""
    tqdm = sys.modules.get("tqdm")  # it takes 50 ms to load: there is a bar to write beside only where that was done
    write = print if tqdm is None else tqdm.tqdm.write
    write(line, file=sys.stderr)


class Log:
    """Write lines of the form "text" or "json". A JSON line has `time` (UTC), `level`, `message`, and the fields given.

    Text leaves the fields out, and has what could steer a terminal escaped; `color` is --color. Lines of JSON have no
    colours, whatever that says.
    """

    def __init__(self, form: str = "text", write: Callable[[str], None] = write_beside_bar, color: str = AUTO):
        self.json = form == "json"
        self._colors = choose_colors(NEVER if self.json else color, sys.stderr)
        self._write = write

    def info(self, message: str, **fields: Any) -> None:
        """Write where the run stands, or what it found. In text, an `error:` or `warning:` in front is coloured."""
        self._write_line("info", message, fields, self._colors.label)

    def verdict(self, message: str, state: str) -> None:
        """Write how a run came out: all is "good", something is "bad", or that is "unknown"; each has its colour."""
        paints = {"good": self._colors.good, "bad": self._colors.bad, "unknown": self._colors.warning}
        self._write_line("info", message, {}, paints[state])

    def warning(self, message: str, **fields: Any) -> None:
        """Write what somebody should look at."""
        self._write_line("warning", message, fields, lambda text: f"{self._colors.warning('fastsync:')} {text}")

    def error(self, message: str, **fields: Any) -> None:
        """Write what went wrong."""
        self._write_line("error", message, fields, lambda text: f"{self._colors.bad('fastsync:')} {text}")

    def block(self, make_lines: Callable[[Colors], Iterable[str]]) -> None:
        """Write lines of text, in which nothing steers a terminal but the colours that they are made with."""
        encoding = getattr(sys.stderr, "encoding", None)
        for line in make_lines(self._colors):
            self._write(fit_encoding(line, encoding))

    def _write_line(self, level: str, message: str, fields: dict[str, Any], paint: Callable[[str], str]) -> None:
        if self.json:
            time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            # only ASCII: a lone surrogate in a path, or a line separator in a key, cannot break the line
            self._write(json.dumps({"time": time, "level": level, "message": message, **fields}))
            return
        self._write(paint(escape_unprintable(message)))


def find_flag(arguments: list[str], flag: str) -> str | None:
    """Find the last value of a flag in arguments that could not be read, so that their error has the right form too."""
    found = None
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.removeprefix(f"{flag}=")
    return found
