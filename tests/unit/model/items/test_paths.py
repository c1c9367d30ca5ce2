"""How paths are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastsync.model.items.paths import Path, format_path

CASES: dict[str, Path] = {
    "status": ("status",),
    "lines[2].qty": ("lines", 2, "qty"),
    "grid[0][11]": ("grid", 0, 11),
    '"a.b".c': ("a.b", "c"),
    'a."b.c"[1]': ("a", "b.c", 1),
    '"lines[2]"': ("lines[2]",),
    '"tmp_*"': ("tmp_*",),
    '"two words"': ("two words",),
    '" "': (" ",),
    '"\tname"': ("\tname",),
    '"a\u00a0b"': ("a\u00a0b",),
    '"say \\"hi\\""': ('say "hi"',),
    '"back\\\\slash"': ("back\\slash",),
    'm."".x': ("m", "", "x"),
    "aws:rep:updatetime": ("aws:rep:updatetime",),
    "größe.größe-2": ("größe", "größe-2"),
    "0.1": ("0", "1"),
}
_STEP = re.compile(r'\[(\d+)\]|"((?:[^"\\]|\\.)*)"|([^.\[\]*" \\]+)')


def read_path(text: str) -> Path:
    """Read a path step by step, by what decides how --ignore-path is written; apart from the program."""
    found: list[str | int] = []
    place = 0
    while place < len(text):
        if text[place] == ".":
            place += 1
        step = _STEP.match(text, place)
        assert step is not None, (text, place)
        number, quoted, plain = step.groups()
        if number is not None:
            found.append(int(number))
        else:
            found.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        place = step.end()
    return tuple(found)


@pytest.mark.parametrize(("text", "path"), CASES.items(), ids=ascii)
def test_written_form(text: str, path: Path) -> None:
    """Names that a path's own signs would tear apart stand in quotes, all others as they are."""
    assert format_path(path) == text
    assert read_path(text) == path


NAMES = st.text(st.sampled_from('ab.[]*"\\ 0é\n'), max_size=4) | st.text(max_size=3)


@settings(deadline=None)
@given(NAMES, st.lists(NAMES | st.integers(0, 99), max_size=5))
def test_every_path_can_be_read_back(name: str, steps: list[str | int]) -> None:
    """Whatever the names are, a path's text leads to the same value."""
    path = (name, *steps)
    assert read_path(format_path(path)) == path
