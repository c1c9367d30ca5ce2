"""Read a TOML file with the names of the flags, and a `[[slaves]]` entry for each slave in another account.

master = "us-east-1:orders"
write-missing = true
[[slaves]]
table = "eu-west-1:orders"
profile = "europe"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from fastsync.config.checks import KINDS, check_path
from fastsync.config.config import Config, kinds_of
from fastsync.errors import ConfigError
from fastsync.model.table import TableRef
from fastsync.model.wording import quote, shorten_words

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENTRY = ("table", "profile", "role-arn", "external-id", "endpoint-url")
"""What a `[[slaves]]` entry may say; `table` it has to."""
MOST_BYTES = 1_000_000
"""Of a file: one with a thousand slaves has a tenth of that."""
_WORDS = {**KINDS, str: "text in quotes"}
_TEXTS = tuple[str, ...]
_KINDS: Mapping[str, Any] = {
    **{name: kind for name, kind in get_type_hints(Config).items() if name != "slaves"},
    "master": str,
    "slave": _TEXTS,
    "policy": str,
}
"""Every name that stands in a file as it does in the flags, with the type of its value."""
_OTHERWISE = {"ignore_att": "ignore", "no_progress": "progress"}
"""Names of flags that are not what the option is called."""


def read_options(path: str) -> dict[str, Any]:
    """Read a file and give its options by their names in snake_case, all slaves in order as `slave`.

    Raises ConfigError, with the file's name, where it cannot be read, or has an unknown name or a wrong type in it.
    """
    document = _parse(path)
    try:
        return _parse_options(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parse(path: str) -> dict[str, Any]:
    """Read a file, with or without a byte order mark before its UTF-8 text."""
    check_path("--config", path)
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"--config {path} cannot be read: {error.strerror or error}") from None
    if len(text) > MOST_BYTES:
        raise ConfigError(f"--config {path} is not TOML of flags: it has more than {MOST_BYTES:,} bytes")
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except ValueError as error:  # bad TOML as well as bad UTF-8, and a number of thousands of digits
        raise ConfigError(f"--config {path} is not TOML: {shorten_words(str(error))}") from None
    except RecursionError:
        raise ConfigError(f"--config {path} is not TOML of flags: it is nested too deeply") from None


def read_one_option(path: str, key: str) -> Any:
    """Return one value of a file in which something else may be wrong; None where that cannot be had."""
    try:
        return _parse(path).get(key)
    except ConfigError:
        return None


def _parse_options(document: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for key, value in document.items():
        if key == "slaves":
            continue
        name, option = _parse_option(key, value)
        if name in options:
            raise ConfigError(f"{key} says once more what another name has said")
        options[name] = option
    if entries := _parse_slaves(document.get("slaves", [])):
        options["slave"] = [*options.get("slave", []), *entries]
    return options


def _parse_option(key: str, value: Any) -> tuple[str, Any]:
    spelled = key.replace("-", "_")
    name = _OTHERWISE.get(spelled, spelled)
    if name not in _KINDS or "_" in key:
        raise ConfigError(f"there is no option {quote(key)}{_suggest_name(key)}")
    if _KINDS[name] == _TEXTS:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ConfigError(f"{key} takes text in quotes, or a list of such")
        return name, texts
    kinds = kinds_of(_KINDS[name])
    if not any(type(value) is kind or (kind is float and type(value) is int) for kind in kinds):
        # the value is not repeated: it may be a code
        raise ConfigError(f"{key} takes {' or '.join(_WORDS[kind] for kind in kinds)}")
    return name, not value if spelled == "no_progress" else value


def _suggest_name(key: str) -> str:
    names = [name.replace("_", "-") for name in (*_KINDS, *_OTHERWISE)]
    close = get_close_matches(key.replace("_", "-"), names, 1)
    return f"; is {close[0]!r} meant?" if close else ""


def _parse_slaves(entries: Any) -> list[TableRef]:
    if not isinstance(entries, list):
        raise ConfigError("slaves is a list of entries, each under a line [[slaves]]")
    return [_parse_slave(entry, f"[[slaves]] entry {number}") for number, entry in enumerate(entries, 1)]


def _parse_slave(entry: Any, where: str) -> TableRef:
    if not isinstance(entry, dict):
        raise ConfigError("slaves is a list of entries, each under a line [[slaves]]; for names alone there is slave")
    for key, value in entry.items():
        if key not in ENTRY:
            raise ConfigError(
                f"{where} takes {', '.join(ENTRY)}, not {quote(key)}; flags stand above the first [[slaves]]"
            )
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{key} in {where} takes text in quotes")
    if "table" not in entry:
        raise ConfigError(f"{where} needs a table")
    return replace(
        TableRef.parse(entry["table"], entry.get("endpoint-url")),
        profile=entry.get("profile"),
        role_arn=entry.get("role-arn"),
        external_id=entry.get("external-id"),
    )
