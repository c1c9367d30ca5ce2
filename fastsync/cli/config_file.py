"""Read a config file: TOML with the names of the flags, and a `[[slaves]]` entry for each slave in another account.

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
from pathlib import Path
from typing import Any

from fastsync.config.checks import KINDS, check_path, list_kinds
from fastsync.config.flags.flag import RUN, Flag
from fastsync.config.flags.options import list_flags
from fastsync.config.suggestions import ask_if_meant
from fastsync.errors import ConfigError
from fastsync.model.table import TableRef
from fastsync.model.wording import quote, shorten_words

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENTRY = ("table", "profile", "role-arn", "external-id", "endpoint-url")
"""The keys of a `[[slaves]]` entry. Only `table` is needed."""
MOST_BYTES = 1_000_000
"""The largest file. One with a thousand slaves has a tenth of that."""
_WORDS = {**KINDS, str: "text in quotes"}
KNOWN_KEYS = {
    spelling.removeprefix("--"): flag
    for flag in list_flags(RUN)
    for spelling in flag.spellings
    if spelling.startswith("--") and flag.name != "--config"
}
"""The flag of each name that may stand in a file."""


def read_options(path: str) -> dict[str, Any]:
    """Return the options in a file by their names in snake_case; all slaves, in order, are `slave`.

    Raises ConfigError, with the file's name, if it cannot be read, or has an unknown key or a wrong type in it.
    """
    document = read_document(path)
    if "tables" in document:
        raise ConfigError(f"{path} is the file of a fleet: run `fastsync fleet --config {path}`")
    try:
        return parse_options(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_document(path: str) -> dict[str, Any]:
    """Parse a file in UTF-8, which may begin with a byte order mark."""
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
    """Return one value of a file in which something else may be wrong; None if it cannot be read."""
    try:
        return read_document(path).get(key)
    except ConfigError:
        return None


def parse_options(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a table of TOML holds by their names in snake_case; raise ConfigError."""
    options: dict[str, Any] = {}
    for key, value in document.items():
        if key == "slaves":
            continue
        if key not in KNOWN_KEYS:
            raise ConfigError(f"there is no option {quote(key)}{ask_if_meant(key, KNOWN_KEYS)}")
        flag = KNOWN_KEYS[key]
        parsed = _parse_value(key, flag, value)
        if flag.option not in options:
            options[flag.option] = parsed
        elif flag.repeatable:
            options[flag.option] = [*options[flag.option], *parsed]
        else:
            raise ConfigError(f"{key} is given twice: another name of it stands in the file, too")
    slaves = parse_slaves(document.get("slaves", []))
    if slaves:
        options["slave"] = [*options.get("slave", []), *slaves]
    return options


def _parse_value(key: str, flag: Flag, value: Any) -> Any:
    if flag.repeatable:
        return parse_texts(key, value)
    if isinstance(value, str) and value == flag.word:
        return value
    if not any(_has_type(value, kind) for kind in flag.takes):
        # the value is not repeated: it may be a code
        word = None if flag.word is None else f'"{flag.word}"'
        raise ConfigError(f"{key} takes {list_kinds(_WORDS, flag.takes, word)}")
    if flag.turns_off is not None:
        return not value
    return value


def parse_texts(key: str, value: Any) -> list[str]:
    """Return texts that are written as a list, or as a single one; raise ConfigError on anything else."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        return value
    raise ConfigError(f"{key} takes text in quotes, or a list of such")


def _has_type(value: Any, kind: type) -> bool:
    """Return whether a value has exactly this type; a whole number is a number, too."""
    if kind is float and type(value) is int:
        return True
    return type(value) is kind


def parse_slaves(entries: Any, name: str = "[[slaves]]") -> list[TableRef]:
    """Return the tables of entries, which stand under lines with this name; raise ConfigError."""
    if not isinstance(entries, list):
        raise ConfigError("slaves is a list of entries, each under a line [[slaves]]")
    return [_parse_slave(entry, f"{name} entry {number}") for number, entry in enumerate(entries, 1)]


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
