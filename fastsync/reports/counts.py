"""Counters as they stand in files, which may be of another version, or anything."""

from __future__ import annotations

from typing import Any, TypeGuard

MOST = 2**53 - 1
"""The largest number that a browser counts exactly; what is larger is no figure of a run."""


def is_count(value: Any) -> TypeGuard[int]:
    """Return whether a value can be a counter."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def as_count(value: Any) -> int:
    """Return a counter as it stands in a file, 0 where it is none."""
    if is_count(value):
        return value
    return 0
