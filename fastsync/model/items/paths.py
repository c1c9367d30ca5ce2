"""How the path of a nested value is written: `lines[2].qty`, `"a.b".c`. It is the notation of --ignore-path."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""Where a value stands in an item: the name of an attribute, then names in maps and places in lists."""

_PLAIN_NAME = re.compile(r"""[^.\[\]*"\\]+""").fullmatch
"""Names that stand as they are, as far as their characters can be seen; all others stand in double quotes."""


def format_path(path: Path) -> str:
    r"""Return a path as text: names joined by `.`, and `[N]` for places in lists.

    A name that is empty, or has dots, brackets, stars, quotes, backslashes, spaces or characters that cannot be seen,
    stands in double quotes, with `\"` and `\\` in them. Different paths have different texts.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif text:
            text += f".{_format_name(step)}"
        else:
            text = _format_name(step)
    return text


def _format_name(name: str) -> str:
    if _PLAIN_NAME(name) and name.isprintable() and " " not in name:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
