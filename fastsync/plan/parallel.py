"""Take a number of processes for --parallel auto, and say why it is that one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastsync.config.config import Config
from fastsync.model.parallel import Bound, Room
from fastsync.model.table import Side
from fastsync.model.wording import choose_form, count_nouns
from fastsync.plan.forecast import GUESSED_SIZE
from fastsync.plan.survey import Survey

MOST = 64
"""Processes at most: they read 640 MB/s, and no table serves more than half of that by default (docs/scaling.md)."""
BYTES_EACH = 8 << 20
"""Bytes of a table for each process at least: its eight pages take longer than its start."""
KEYS_EACH = 100
"""Given keys for each process at least: a request to each table, and more where a partition key has many items."""
ITEMS_EACH = 1_000
"""Items of an undo for each process at least."""
UNITS_EACH = 1_250
"""Read units a second of a process that reads 10 MB/s, a page of 1 MB in 0.1 s; consistent reads take twice as many."""


@dataclass(frozen=True)
class Parallel:
    """How many processes are at work at once, and why."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"parallel {self.number}: {self.reason}"


def choose_parallel(config: Config, found: Survey, room: Room, tasks: Bound | None = None) -> Parallel:
    """Take a number of processes for a run on tables that were described; `tasks`: it has no more than these."""
    per_core = 1 if found.exports else room.per_core  # a core is busy with unpacking exports
    bounds = [*_bound_by_room(room, per_core), *_bound_by_size(found.sides, room), *_bound_by_units(config, found)]
    if tasks is not None:
        bounds.insert(0, tasks)
    return _take_least(bounds)


def choose_for_keys(config: Config, found: Survey, room: Room, keys: int) -> Parallel:
    """Take a number of processes for a run that was given so many keys."""
    reason = f"{count_nouns(keys, 'key')}, {KEYS_EACH:,} for each at least"
    enough = Bound(math.ceil(keys / KEYS_EACH), reason)
    return _take_least([enough, *_bound_by_room(room, room.per_core), *_bound_by_units(config, found)])


def choose_for_undo(items: int, room: Room) -> Parallel:
    """Take a number of processes for an undo of so many items."""
    reason = f"{count_nouns(items, 'item')}, {ITEMS_EACH:,} for each at least"
    return _take_least([Bound(math.ceil(items / ITEMS_EACH), reason), *_bound_by_room(room, room.per_core)])


def choose_for_fleet(room: Room) -> Parallel:
    """Take a number of processes for many pairs together; small tables get one each, whatever it is."""
    return _take_least(_bound_by_room(room, room.per_core))


def bound_by_segments(segments: int, whose: str = "") -> Bound:
    """Return the bound of a run that compares so many segments."""
    return Bound(segments, f"there {choose_form(segments, 'is', 'are')} {count_nouns(segments, 'segment')}{whose}")


def _take_least(bounds: Sequence[Bound]) -> Parallel:
    """Return the number of the lowest bound, of the first one where several are equal."""
    lowest = min(bounds, key=lambda bound: bound.most)
    return Parallel(max(1, lowest.most), lowest.reason)


def _bound_by_room(room: Room, per_core: int) -> list[Bound]:
    cores = Bound(per_core * room.cores, f"{per_core} for each of {count_nouns(room.cores, 'core')}")
    return [cores, Bound(MOST, "auto never takes more"), *room.bounds]


def _bound_by_size(sides: Sequence[Side], room: Room) -> Iterator[Bound]:
    """Yield how many processes the largest table keeps at work for a while."""
    size = max(side.table.size_bytes or side.table.item_count * GUESSED_SIZE for side in sides)
    if size:
        reason = f"the largest table has {_format_size(size)}, one process for each {BYTES_EACH >> 20} MB"
        yield Bound(math.ceil(size / BYTES_EACH), reason)
    else:
        yield Bound(room.cores, f"one for each of {count_nouns(room.cores, 'core')}, as no table tells its size")


def _bound_by_units(config: Config, found: Survey) -> Iterator[Bound]:
    """Yield how many processes each table can serve, by its limit or else by what it has."""
    each = UNITS_EACH * (2 if config.reading.consistent else 1)
    for side in found.sides:
        limit, known = side.pace.reads, side.table.capacity.reads.known
        if side.is_export:
            continue
        if limit is not None:
            has = f"--max-read-units allows {side} {limit.units:,.0f} read units a second"
            yield Bound(math.ceil(limit.units / each), f"{has}, and a process takes {each:,}")
        elif known is not None:
            units, name = known
            has = f"{side} has a {name} of {units:,.0f} read units a second"
            yield Bound(math.ceil(units / each), f"{has}, and a process takes {each:,}")


def _format_size(size: int) -> str:
    megabytes = size / (1 << 20)
    if megabytes < 1:
        return "less than 1 MB"
    return f"{megabytes:,.0f} MB"
