"""Checks of single flags; each raises ConfigError with one clear sentence."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastsync.config.suggestions import ask_if_meant
from fastsync.errors import ConfigError
from fastsync.model.wording import describe_exception, quote

MOST = 2**31 - 1
"""The largest count that a request can hold (API reference, the type Integer); no flag needs a larger one."""
MOST_SECONDS = 1e9
"""Thirty years. The system's clocks and sleeps refuse ten times as much."""
MOST_UNITS = 1e12
"""Capacity units, or US dollars: more than any table ever took."""
KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
"""The types that an option may have, in words."""


def check_kind(flag: str, value: object, kinds: Sequence[type], word: str | None = None) -> None:
    """Raise ConfigError if a value has none of the types `kinds`, and is not the `word` that may stand in its place.

    The value, which may be a code, is not repeated.
    """
    if isinstance(value, str) and value == word:
        return
    if not any(_has_kind(value, kind) for kind in kinds):
        raise ConfigError(f"{flag} takes {list_kinds(KINDS, kinds, word)}")


def list_kinds(named: Mapping[type, str], kinds: Sequence[type], word: str | None) -> str:
    """Return what a flag takes in words: `a whole number or auto`."""
    return " or ".join([*(named[kind] for kind in kinds), *([] if word is None else [word])])


def _has_kind(value: object, kind: type) -> bool:
    """Return whether a value has a type. A whole number is a number; to Python, True and False would be some, too."""
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)


def check_number(flag: str, value: float | None, low: float, high: float) -> None:
    """Raise ConfigError if a value that was given is not a number from `low` to `high`."""
    if value is None:
        return
    if not _has_kind(value, float) or not low <= value <= high:  # NaN is in no range; an int may have any length
        raise ConfigError(f"{flag} takes a number from {low:,} to {high:,.0f}, not {quote(value)}")


def check_text(flag: str, text: str | None) -> None:
    """Raise ConfigError if a text has bytes of the command line in it that are not UTF-8: no name of AWS has such."""
    if text is None:
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{flag} takes text in UTF-8, and {quote(text)} is none") from None


def check_path(flag: str, path: str | None) -> None:
    """Raise ConfigError if a text cannot be the path of a file. `-` stands for stdin or stdout."""
    if path is None or path == "-":
        return
    try:
        os.fsencode(path)
        Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that lead to each other
        why = describe_exception(error)
        if "\0" in path:
            why = "a byte of it is 0"
        raise ConfigError(f"{flag} {quote(path)} cannot be the path of a file: {why}") from None


def check_input(flag: str, path: str) -> None:
    """Raise ConfigError if a text cannot be the path of a file that is read."""
    if not path:
        raise ConfigError(f"{flag} takes the name of a file, not {path!r}")
    check_path(flag, path)


def check_choice(flag: str, value: object, *choices: str) -> None:
    """Raise ConfigError if a value is none of the choices."""
    if value not in choices:
        meant = ask_if_meant(str(value), choices)
        raise ConfigError(f"{flag} takes {', '.join(choices[:-1])} or {choices[-1]}, not {quote(value)}{meant}")


def check_picklable(policy: object) -> None:
    """Raise ConfigError if a policy cannot be sent to the worker processes."""
    try:
        pickle.dumps(policy)
    except BaseException as error:
        name = type(policy).__name__
        raise ConfigError(
            f"the policy {name} must be importable and picklable, since it runs in workers: {describe_exception(error)}"
        ) from None
