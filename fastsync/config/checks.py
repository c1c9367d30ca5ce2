"""Checks of single flags; each raises ConfigError with one clear sentence."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastsync.errors import ConfigError
from fastsync.model.wording import describe_exception, quote

_HOST = re.compile(rb"[0-9A-Za-z._:%-]+")


MOST = 2**31 - 1
"""The largest count that a request can hold (API reference, the type Integer); no flag needs a larger one."""
MOST_SECONDS = 1e9
"""Thirty years. The system's clocks and sleeps refuse ten times as much."""
KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
"""What an option may be, in words."""


def check_kind(flag: str, value: object, kinds: Sequence[type]) -> None:
    """Raise ConfigError where a value is of none of the `kinds`; it is not repeated, since it may be a code."""
    if isinstance(value, bool):
        fits = bool in kinds
    else:
        fits = isinstance(value, tuple(kinds)) or (isinstance(value, int) and float in kinds)
    if not fits:
        raise ConfigError(f"{flag} takes {' or '.join(KINDS[kind] for kind in kinds)}")


def check_number(flag: str, value: float | None, low: float, high: float) -> None:
    """Raise ConfigError where a value that was given is no number from `low` to `high`."""
    if value is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # nothing compares with NaN; an int of any length does
        raise ConfigError(f"{flag} takes a number from {low:,} to {high:,.0f}, not {quote(value)}")


def check_text(flag: str, text: str | None) -> None:
    """Raise ConfigError where a text holds bytes of the command line that are no UTF-8: nothing of AWS is called so."""
    if text is not None and not _is_encodable(text):
        raise ConfigError(f"{flag} takes text in UTF-8, and {quote(text)} is none")


def check_path(flag: str, path: str | None) -> None:
    """Raise ConfigError where a text can be the path of no file; `-` is none."""
    if path is None or path == "-":
        return
    try:
        os.fsencode(path)
        Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that lead to each other
        why = "a byte of it is 0" if "\0" in path else describe_exception(error)
        raise ConfigError(f"{flag} {quote(path)} cannot be the path of a file: {why}") from None


def check_choice(flag: str, value: object, *choices: str) -> None:
    """Raise ConfigError where a value is none of the choices."""
    if value not in choices:
        raise ConfigError(f"{flag} takes {', '.join(choices[:-1])} or {choices[-1]}, not {quote(value)}")


def check_picklable(policy: object) -> None:
    """Raise ConfigError where a policy cannot travel to the worker processes."""
    try:
        pickle.dumps(policy)
    except BaseException as error:
        name = type(policy).__name__
        raise ConfigError(
            f"the policy {name} must be importable and picklable, since it runs in workers: {describe_exception(error)}"
        ) from None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
