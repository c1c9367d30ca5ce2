"""Read the settings of all tables; what may not be read is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastsync.aws.describe import describe_table
from fastsync.aws.settings.requests import NOT_TOLD, ask_continuous_backups, ask_tags, ask_time_to_live
from fastsync.config.config import Config
from fastsync.errors import RequestFailed, TableError
from fastsync.model.table import Table
from fastsync.plan.access import Reached, reach_all_tables
from fastsync.plan.settings.compare import is_ignored
from fastsync.plan.settings.values import (
    RECOVERY,
    TAGS,
    TTL,
    UNKNOWN,
    describe_values,
    read_recovery,
    read_tags,
    read_time_to_live,
)
from fastsync.plan.survey import call_in_parallel


@dataclass(frozen=True)
class TableSettings:
    """The settings of one table by name.

    `untold` are sentences on what the credentials may not read, or the server does not know; `failed` on what could not
    be read for another reason.
    """

    values: Mapping[str, Any]
    untold: Sequence[str]
    failed: Sequence[str]


def read_all_settings(config: Config, ignored: Sequence[str]) -> list[TableSettings | TableError]:
    """Return the settings of the master and of each slave, or why a table cannot be read; ask for nothing ignored.

    Raises ConfigError for an unknown profile, TableError for a table that is given twice.
    """
    reached = reach_all_tables(config)
    return call_in_parallel([partial(_read_settings, each, ignored) for each in reached])


def _read_settings(reached: Reached | TableError, ignored: Sequence[str]) -> TableSettings | TableError:
    if isinstance(reached, TableError):
        return reached
    try:
        table = describe_table(reached.ref, reached.transport)
        values = describe_values(table.description, reached.endpoint.signed_region or table.ref.region)
        untold: list[str] = []
        failed: list[str] = []
        for name, ask in _list_requests(table, reached).items():
            if is_ignored(name, ignored):
                continue
            try:
                values[name] = ask()
            except RequestFailed as error:
                values[name] = UNKNOWN
                sentences = untold if error.code in NOT_TOLD else failed
                sentences.append(f"{name} is unknown: {error}")
        return TableSettings(values, untold, failed)
    except TableError as error:
        return error
    finally:
        reached.transport.close()


def _list_requests(table: Table, reached: Reached) -> dict[str, Callable[[], Any]]:
    """Return how each setting is asked for that the description does not tell."""
    ref, transport = reached.ref, reached.transport
    arn = table.replication.arn or ref.name
    return {
        TTL: lambda: read_time_to_live(ask_time_to_live(ref, transport)),
        RECOVERY: lambda: read_recovery(ask_continuous_backups(ref, transport)),
        TAGS: lambda: read_tags(ask_tags(arn, transport)),
    }
