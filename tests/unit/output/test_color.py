"""Colours: who gets them, and that they are all that is added."""

from __future__ import annotations

import io
import re

import pytest

from fastsync.output.console.color import Colors, choose_colors
from fastsync.output.log import Log

ESCAPE = re.compile(r"\033\[\d+m")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("wanted", "terminal", "variables", "enabled"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": "0"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("always", False, {}, True),
        ("always", True, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
        ("purple", True, {}, False),
    ],
)
def test_who_gets_colours(
    wanted: str, terminal: bool, variables: dict[str, str], enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets colours unless NO_COLOR is set and not empty; the flag wins over both."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert choose_colors(wanted, Terminal() if terminal else io.StringIO()) == Colors(enabled)


def test_a_stream_that_is_closed_or_not_there() -> None:
    """Where there is no stream there are no colours, and no error."""
    closed = io.StringIO()
    closed.close()
    assert choose_colors("auto", closed) == choose_colors("auto", None) == Colors(False)


def log_lines(form: str, color: str) -> list[str]:
    """Return a line of each kind."""
    lines: list[str] = []
    log = Log(form, lines.append, color)
    for line in ("error: it failed", "warning: look at it", "errors: none", "plain"):
        log.info(line)
    log.warning("a warning")
    log.error("an error")
    log.verdict("all well", "good")
    log.verdict("it differs\033", "bad")
    return lines


def test_colours_add_nothing_but_colours() -> None:
    """Painted lines are the plain ones with colours, and what could steer a terminal stays escaped."""
    plain, painted = log_lines("text", "never"), log_lines("text", "always")
    assert [ESCAPE.sub("", line) for line in painted] == plain
    assert [bool(ESCAPE.search(line)) for line in painted] == [True, True, False, False, True, True, True, True]
    assert "\\x1b" in plain[-1]


def test_lines_of_json_have_no_colours() -> None:
    """A log collector never sees a colour, whatever is asked for."""
    assert not any("033" in line or "\033" in line or "u001b[" in line for line in log_lines("json", "always"))
