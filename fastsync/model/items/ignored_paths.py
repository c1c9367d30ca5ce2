r"""Nested values that --ignore-path leaves out of a comparison, and how such a path is written.

A path is names joined by `.`, with `[N]` or `[*]` for members of lists: `meta.updatedAt`, `lines[*].seen`, `tmp_*`. In
a name, `*` stands for any characters, also for none, within this name. In double quotes a name stands for itself, with
`\"` and `\\` in it: `"a.b".c`. Through a set, or past a plain value, a path names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

Fits = Callable[[str | int], bool]
"""Return whether a step of a pattern fits a name in a map, or a place in a list."""
Pattern = tuple[Fits, ...]
_NAME = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^.\[\]"\\\s]+)')
_PLACE = re.compile(r"\[(\*|[0-9]{1,9})\]")
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class IgnoredPaths:
    """The values that some paths name. Raises ValueError, with what is wrong, for a text that is no path."""

    def __init__(self, texts: Iterable[str]):
        self._patterns = [parse_path(text) for text in texts]

    def drop_values(self, attributes: Mapping[str, Raw], keys: Collection[str]) -> dict[str, Raw]:
        """Return attributes as if the named values were not there; those of `keys` stay as they are.

        The other members of a list move up; lists and maps that become empty stay.
        """
        left: dict[str, Raw] = {}
        for name, raw in attributes.items():
            inner = [] if name in keys else _go_into(self._patterns, name)
            if () in inner:
                continue
            left[name] = Raw(_encode(_prune(_parse(raw), inner))) if inner else raw
        return left

    def covers(self, path: Sequence[str | int]) -> bool:
        """Return whether a path leads to a named value, or into one."""
        patterns = list(self._patterns)
        for step in path:
            patterns = _go_into(patterns, step)
            if () in patterns:
                return True
        return False


def parse_path(text: str) -> Pattern:
    """Return the pattern that a text is; raise ValueError with what is wrong."""
    name = _NAME.match(text)
    if name is None:
        raise ValueError("a path begins with the name of an attribute")
    steps = [_fit_name(name)]
    end = name.end()
    while end < len(text):
        found = _PLACE.match(text, end)
        if found is not None:
            steps.append(_fit_place(found[1]))
        elif text[end] == "." and (found := _NAME.match(text, end + 1)) is not None:
            steps.append(_fit_name(found))
        else:
            raise ValueError(f"what follows {text[:end]!r} is neither a name after a dot, nor [N] or [*]")
        end = found.end()
    return tuple(steps)


def _fit_name(found: re.Match[str]) -> Fits:
    quoted, plain = found.groups()
    if quoted is not None:
        name = re.sub(r"\\(.)", r"\1", quoted)
        return lambda step: step == name
    if "*" not in plain:
        return lambda step: step == plain
    fits = re.compile(".*".join(map(re.escape, re.split(r"\*+", plain))), re.DOTALL).fullmatch
    return lambda step: isinstance(step, str) and fits(step) is not None


def _fit_place(text: str) -> Fits:
    if text == "*":
        return lambda step: isinstance(step, int)
    place = int(text)
    return lambda step: step == place


def _go_into(patterns: Iterable[Pattern], step: str | int) -> list[Pattern]:
    """Return what is left of the patterns whose first step fits: () where one ends here."""
    return [pattern[1:] for pattern in patterns if pattern[0](step)]


def _prune(value: Any, patterns: Sequence[Pattern]) -> Any:
    """Return a value in DynamoDB JSON without what the patterns name in it."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "M" and isinstance(inner, dict):
        return {kind: dict(_prune_members(inner.items(), patterns))}
    if kind == "L" and isinstance(inner, list):
        return {kind: [member for _, member in _prune_members(enumerate(inner), patterns)]}
    return value


def _prune_members(members: Iterable[tuple[Any, Any]], patterns: Sequence[Pattern]) -> Iterable[tuple[Any, Any]]:
    for step, value in members:
        inner = _go_into(patterns, step)
        if () not in inner:
            yield step, _prune(value, inner) if inner else value
