"""Exports among the tables of a run: what they hold, and the key schema that they are read by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from fastsync.aws.auth.accounts import Accounts
from fastsync.aws.s3.bucket import Bucket
from fastsync.config.config import Config
from fastsync.config.exports import parse_key_schema
from fastsync.errors import ConfigError, TableError
from fastsync.exports.contents import open_export
from fastsync.exports.export import Export
from fastsync.exports.place import parse_place
from fastsync.exports.reach import open_place
from fastsync.model.table import Endpoint, KeySchema, S3Access, Side, Table, TableRef

NOWHERE = Endpoint("https://export.invalid")
"""The endpoint of an export, of which nothing is ever requested."""


class Opened(NamedTuple):
    """An export, or why it cannot be read; and how it is reached where it lies in S3."""

    export: Export | TableError
    s3: S3Access | None = None


def find_live(config: Config) -> list[int]:
    """Return the places of the tables that are no exports."""
    return [place for place, ref in enumerate(config.tables) if not ref.is_export]


def open_exports(config: Config, accounts: Accounts) -> dict[int, Opened]:
    """Open all exports, by the table's place; raise ConfigError where one is no full export.

    Those in folders come first: what local files show is refused before any request.
    """
    places = [place for place, ref in enumerate(config.tables) if ref.is_export]
    places.sort(key=lambda place: parse_place(config.tables[place].text).bucket is not None)
    return {place: _open_export(config, place, accounts) for place in places}


def _open_export(config: Config, place: int, accounts: Accounts) -> Opened:
    ref, access = config.tables[place], None
    where = parse_place(ref.text)
    try:
        if where.bucket is not None:
            access = accounts.open_s3(config.logins[place], ref.endpoint_url)

        def open_bucket(name: str) -> Bucket:
            assert access is not None
            return accounts.open_bucket(access, name, config.retrying.promptly())

        return Opened(open_export(where, open_place(where, open_bucket)), access)
    except TableError as error:
        return Opened(error, access)


def describe_exports(
    config: Config, opened: Mapping[int, Opened], described: Mapping[int, Side | TableError]
) -> dict[int, Side | TableError]:
    """Return the exports as sides, by the table's place. Items of one that is a slave expire as those of the master do.

    Items of one that is the master never expire by themselves: no item of a slave is an extra for that.

    Raises ConfigError where --key-schema is not a table's, TableError where no table could be read that tells the key.
    """
    schema = choose_key_schema(config, [side for side in described.values() if isinstance(side, Side)])
    master = described.get(0)
    ttl = master.table.ttl if isinstance(master, Side) else None
    if opened and schema is None:
        raise TableError("; ".join(str(error) for error in described.values()))
    return {
        place: _describe_export(config.tables[place], each, schema, ttl)
        for place, each in opened.items()
        if schema is not None
    }


def _describe_export(ref: TableRef, opened: Opened, schema: KeySchema, ttl: str | None) -> Side | TableError:
    export = opened.export
    if isinstance(export, TableError):
        return export
    count, size = export.item_count or 0, export.item_bytes or 0
    ref = replace(ref, session=None)  # workers cannot have it
    table = Table(ref, schema, export.identity, item_count=count, size_bytes=size, ttl=ttl)
    return Side(table, NOWHERE, account=0, s3=opened.s3)


def choose_key_schema(config: Config, live: Sequence[Side]) -> KeySchema | None:
    """Return the key schema of the run: that of its tables, or of --key-schema. None where no table could be read.

    Raises ConfigError where --key-schema is another one than a table's.
    """
    given = None if config.key_schema is None else parse_key_schema(config.key_schema)
    for side in live:
        if given is not None and side.table.keys != given:
            raise ConfigError(f"--key-schema is {given}, but {side} has the key {side.table.keys}")
    return live[0].table.keys if live else given
