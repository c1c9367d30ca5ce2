"""What goes with an export among the tables, and the key schema where no table tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastsync.errors import ConfigError
from fastsync.exports.place import parse_place
from fastsync.model.settings import StrategyName
from fastsync.model.table import KeySchema
from fastsync.model.wording import quote

if TYPE_CHECKING:
    from fastsync.config.config import Config

KEY_SCHEMA_FORM = (
    "--key-schema takes the key's names and types (S, N or B), partition key first, for example orderId:S,line:N"
)
LONGEST_NAME = 255
"""Bytes of the name of a key attribute (API reference, KeySchemaElement)."""


def parse_key_schema(text: str) -> KeySchema:
    """Parse `orderId:S` or `orderId:S,line:N`; raise ConfigError on anything else."""
    parts = [part.strip().rpartition(":") for part in text.split(",")]
    names = [name for name, _, _ in parts]
    kinds = [kind for _, _, kind in parts]
    fits = all(0 < len(name.encode(errors="replace")) <= LONGEST_NAME for name in names)
    if len(parts) > 2 or not fits or not set(kinds) <= {"S", "N", "B"}:
        raise ConfigError(f"{KEY_SCHEMA_FORM}, not {quote(text)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"--key-schema names {quote(names[0])} twice; a key has two different attributes at most")
    if len(parts) == 1:
        return KeySchema(names[0], kinds[0])
    return KeySchema(names[0], kinds[0], names[1], kinds[1])


def check_exports(config: Config) -> None:
    """Raise ConfigError where a flag does not go with an export that is among the tables."""
    if config.key_schema is not None:
        parse_key_schema(config.key_schema)
    exports = [ref for ref in config.tables if ref.is_export]
    for ref in exports:
        parse_place(ref.text)
    if not exports:
        return
    if config.master is None:
        raise ConfigError(f"{exports[0]} is an export, which is never written to")
    _refuse_flags(config)
    _refuse_writes(config)
    if len(exports) == len(config.tables):
        _check_without_table(config)


def _refuse_flags(config: Config) -> None:
    given = {
        "--strategy": config.strategy != StrategyName.AUTO,
        "--sample": config.sample is not None,
        "--shard": config.shard is not None,
        "--starting-key": config.starting_key is not None,
        "--executor spark": config.executor == "spark",
    }
    for flag, is_given in given.items():
        if is_given:
            raise ConfigError(
                f"{flag} does not go with an export: all of it is read, and compared by the strategy partition"
            )


def _refuse_writes(config: Config) -> None:
    slave = next((ref for ref in config.slaves if ref.is_export), None)
    writing = {
        "--write-missing": config.write_missing,
        "--write-differing": config.write_differing,
        "--delete-extra": config.delete_extra,
    }
    for flag, is_given in writing.items():
        if slave is not None and is_given:
            raise ConfigError(
                f"{flag}: {slave} is an export, which is never written to; leave the flag out, or the export"
            )


def _check_without_table(config: Config) -> None:
    if config.key_schema is None:
        raise ConfigError(f"only exports are compared, and none tells its table's key: {KEY_SCHEMA_FORM}")
    if config.ignore_expired:
        raise ConfigError(
            "--ignore-expired needs a table among those compared: an export does not tell by which attribute items "
            "expire"
        )
