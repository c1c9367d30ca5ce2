"""How much there is to divide: the number of parts, the room that the spool takes, and what each table is read from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastsync.config.config import Config
from fastsync.exports.export import Export
from fastsync.model.table import Side
from fastsync.model.wording import count_nouns
from fastsync.plan.forecast import GUESSED_SIZE

PART_ROWS = 50_000
"""Items of all tables in a part, as far as their numbers are known: they and their digests take some 15 MB."""
MOST_PARTS = 4096
PER_PROCESS = 4
"""Parts for each process at least, so that none waits long for the last one."""
SMALL = 10_000
"""Items up to which a part for each process does."""
LIVE_ROW_BYTES = 60
"""Bytes in the spool for an item of a live table: a short key, a digest, and what a row takes."""
EXPANDED = 8
"""How many times its compressed size an export takes in the spool, where its manifest tells no size."""
TYPED = 2
"""How many times its size in the table an item takes as JSON at most, unless it is full of tiny values."""


def choose_parts_total(config: Config, sides: Sequence[Side], exports: Mapping[int, Export]) -> int:
    """Return the number of parts, by what is known of the number of items."""
    items = sum(_guess_items(side, exports.get(side.number)) for side in sides)
    least = config.processes * (PER_PROCESS if items > SMALL else 1)
    return min(MOST_PARTS, max(least, math.ceil(items / PART_ROWS)))


def _guess_items(side: Side, export: Export | None) -> int:
    if export is None or export.item_count is not None:
        return side.table.item_count
    return _guess_bytes(export) // GUESSED_SIZE


def estimate_spool(sides: Sequence[Side], exports: Mapping[int, Export], keys: int | None = None) -> int:
    """Return how many bytes the spool takes: all items of exports, and a key and a digest for each of other tables.

    Where so many whole keys were given it takes their items only, at most what all take; where partition keys were,
    nobody knows how many items (0) that is.
    """
    total = 0
    if keys is not None:
        return sum(min(_guess_bytes(each), round(keys * _guess_item_bytes(each))) for each in exports.values())
    for side in sides:
        export = exports.get(side.number)
        total += side.table.item_count * LIVE_ROW_BYTES if export is None else _guess_bytes(export)
    return total


def describe_pass(export: Export) -> str:
    """Return what given keys take of an export."""
    return (
        f"{export} cannot be asked for single keys, so all of its files are read: "
        f"{count_nouns(len(export.files), 'file')}, {export.size_bytes:,} bytes"
    )


def _guess_item_bytes(export: Export) -> float:
    """Return the bytes of an item of an export, as JSON."""
    if not export.item_count:
        return GUESSED_SIZE * TYPED + LIVE_ROW_BYTES
    return _guess_bytes(export) / export.item_count


def _guess_bytes(export: Export) -> int:
    """Return the bytes of an export's items as JSON: exactly where its files are not compressed, and else at most."""
    plain = sum(file.size_bytes for file in export.files if not file.name.endswith(".gz"))
    compressed = export.size_bytes - plain
    if compressed and export.item_bytes and export.item_count is not None:
        return plain + export.item_bytes * TYPED + export.item_count * LIVE_ROW_BYTES
    return plain + compressed * EXPANDED


def list_sources(sides: Sequence[Side], exports: Mapping[int, Export], live: Sequence[Any]) -> list[list[Any]]:
    """Return of each table what it is read from: an export's files, or what every live table is read from."""
    return [list(exports[side.number].files if side.number in exports else live) for side in sides]
