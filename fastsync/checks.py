"""Checks: what can be wrong with the value of a flag, or with some of them together; one clear sentence for each."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from fastsync.errors import ConfigError


def check_number(flag: str, value: float | None, low: float, high: float | None = None) -> None:
    """Raise ConfigError where a value that was given is no number from `low` to `high` (None: no bound)."""
    if value is None:
        return
    allowed = f"from {low} to {high:,}" if high is not None else f"of at least {low}"
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= (high or math.inf):
        raise ConfigError(f"{flag} takes a number {allowed}, not {value!r}")


def check_choice(flag: str, value: object, *choices: str) -> None:
    """Raise ConfigError where a value is none of the choices."""
    if value not in choices:
        raise ConfigError(f"{flag} takes {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")


def check_address(flag: str, url: str | None) -> None:
    """Raise ConfigError where what was given is no address that can be connected to."""
    if url is not None and not _is_address(url):
        raise ConfigError(f"{flag} takes an address such as http://localhost:8000, not {url!r}")


def check_apart(outputs: Mapping[str, str | None]) -> None:
    """Raise ConfigError where two flags name the same file, however it is spelled; `-` is none."""
    taken: dict[Path, str] = {}
    for flag, path in outputs.items():
        if path is not None and path != "-":
            other = taken.setdefault(Path(path).resolve(), flag)
            if other != flag:
                raise ConfigError(f"{other} and {flag} cannot both go to {path}")


def check_picklable(policy: object) -> None:
    """Raise ConfigError where a policy cannot travel to the worker processes."""
    try:
        pickle.dumps(policy)
    except Exception as error:
        name = type(policy).__name__
        raise ConfigError(
            f"the policy {name} must be importable and picklable, since it runs in workers: {error}"
        ) from None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is no port
        return False
