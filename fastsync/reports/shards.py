"""Check the statistics of shards against each other, and add them up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fastsync.config.slicing import MAX_SEGMENTS, Shard
from fastsync.errors import ConfigError
from fastsync.model.difference import Tally
from fastsync.model.table import TableRef
from fastsync.model.wording import shorten_words

MIXED = "mixed"
"""The strategy of a whole whose shards did not all follow the same one: the verdicts are the same by both."""
MOST_NAMED = 20
"""Missing shards that a sentence names; of a thousand the others are only counted."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]
_COUNTERS: dict[str, Any] = {
    name: Count if isinstance(zero, int) else Amount for name, zero in Tally().as_dict().items()
} | {"extra": Count | None}
Counters: Any = msgspec.defstruct("Counters", list(_COUNTERS.items()), forbid_unknown_fields=True)


class Master(msgspec.Struct):
    """What statistics say of the master."""

    table: str
    scanned: Count
    read_units: Amount


class ShardStatistics(msgspec.Struct):
    """The statistics of a shard, as a file of `--stats` holds them."""

    complete: bool
    strategy: Literal["lookup", "merge"]
    segments: Annotated[int, Meta(ge=1, le=MAX_SEGMENTS)]
    elapsed_seconds: Amount
    sample: None
    shard: str
    master: Master
    slaves: Annotated[dict[str, Counters], Meta(min_length=1)]
    errors: list[str]


@dataclass(frozen=True)
class ShardFile:
    """One shard: which one it is, its statistics, and the file that they stand in."""

    file: str
    shard: Shard
    stats: ShardStatistics

    @classmethod
    def of(cls, file: str, told: Any) -> ShardFile:
        """Read the statistics of a shard; raise ConfigError where they are of a whole run, or no statistics at all."""
        if told.get("shard", "") is None:
            raise ConfigError(f"{file} is of a whole run, and not of a shard: there is nothing to add to it")
        try:
            stats = msgspec.convert(told, ShardStatistics)
            shard = Shard.parse(stats.shard)
            for table in (stats.master.table, *stats.slaves):
                TableRef.parse(table)
        except (ValueError, ConfigError) as error:  # a ValueError too where a lone surrogate stands in the wrong place
            raise ConfigError(f"{file} is no statistics of a shard: {shorten_words(str(error))}") from None
        if shard.of > stats.segments:
            raise ConfigError(f"{file} is no statistics of a shard: {stats.segments} segments are not {shard.of} parts")
        return cls(file, shard, stats)


def tally_of(counters: Mapping[str, Any]) -> Tally:
    """Make a tally of the counters that statistics hold; what was not looked for counts as 0."""
    return Tally(**{name: value or 0 for name, value in counters.items()})


def _check_sums(file: str, stats: ShardStatistics) -> None:
    """Raise ConfigError where counters contradict each other, as in a file that was changed."""
    for name, counters in stats.slaves.items():
        tally = tally_of({counter: getattr(counters, counter) for counter in _COUNTERS})
        wrong = _contradiction(tally, stats.master.scanned, stats.complete)
        if wrong is not None:
            raise ConfigError(f"{file} contradicts itself, so it was changed or is damaged: {name}: {wrong}")


def _contradiction(tally: Tally, scanned: int, complete: bool) -> str | None:
    if tally.counted != tally.compared:
        sums = "same, missing, differing, settled, expired and filtered"
        return f"{sums} add up to {tally.counted:,}, and compared is {tally.compared:,}"
    if tally.compared > scanned or (complete and tally.compared < scanned):
        return f"{tally.compared:,} items were compared, and {scanned:,} scanned of the master"
    if tally.acted_on > tally.differences:
        return f"more became of differences than the {tally.differences:,} that there are"
    return None


def find_missing(parts: Sequence[ShardFile]) -> list[int]:
    """Return the numbers of the shards that are not there."""
    return sorted(set(range(parts[0].shard.of)) - {part.shard.number for part in parts})


def add_up_shards(parts: Sequence[ShardFile]) -> dict[str, Any]:
    """Return the statistics of the whole in the form of those of a run.

    Raises ConfigError where two files do not belong together, or one contradicts itself. Where shards are missing the
    whole is not complete, its errors name them, and `shard` tells which are there ("0,2-4/6").
    """
    _refuse_others(parts)
    for part in parts:
        _check_sums(part.file, part.stats)
    stats = [part.stats for part in parts]
    absent = find_missing(parts)
    strategies = {each.strategy for each in stats}
    return {
        "complete": not absent and all(each.complete for each in stats),
        "strategy": strategies.pop() if len(strategies) == 1 else MIXED,
        "segments": stats[0].segments,
        "elapsed_seconds": max(each.elapsed_seconds for each in stats),
        "sample": None,
        "shard": _format_numbers(sorted(part.shard.number for part in parts), parts[0].shard.of) if absent else None,
        "master": {
            "table": stats[0].master.table,
            "scanned": sum(each.master.scanned for each in stats),
            "read_units": math.fsum(each.master.read_units for each in stats),
        },
        "slaves": {name: _sum_slaves([each.slaves[name] for each in stats]) for name in stats[0].slaves},
        "errors": [*(error for each in stats for error in each.errors), *_describe_missing(absent, parts[0].shard.of)],
    }


def _refuse_others(parts: Sequence[ShardFile]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for what, of_one, of_other in zip(_COMMON, _common_terms(first), _common_terms(part), strict=True):
            if of_one != of_other:
                told = f"{what} {of_one} in {first.file} and {of_other} in {part.file}"
                raise ConfigError(f"what does not belong together cannot be added up: {told}")
    files: dict[int, str] = {}
    for part in parts:
        if (other := files.get(part.shard.number)) is not None:
            raise ConfigError(f"{other} and {part.file} are both of shard {part.shard}, which counts once")
        files[part.shard.number] = part.file


_COMMON = ("the master is", "slaves are", "segments are", "shards are", "slaves whose extras were looked for are")


def _common_terms(part: ShardFile) -> tuple[str, ...]:
    """Return what all shards of a run have in common, as text."""
    stats = part.stats
    extras = (name for name, slave in stats.slaves.items() if slave.extra is not None)
    slaves, looked_for = (", ".join(sorted(names)) or "none" for names in (stats.slaves, extras))
    return (stats.master.table, slaves, str(stats.segments), str(part.shard.of), looked_for)


def _sum_slaves(slaves: Sequence[Any]) -> dict[str, int | float | None]:
    return {name: _sum_values([getattr(slave, name) for slave in slaves]) for name in _COUNTERS}


def _sum_values(values: Sequence[int | float | None]) -> int | float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return math.fsum(known) if isinstance(known[0], float) else sum(known)


def _describe_missing(absent: Sequence[int], of: int) -> list[str]:
    if not absent:
        return []
    named = ", ".join(f"{number}/{of}" for number in absent[:MOST_NAMED])
    more = f" and {len(absent) - MOST_NAMED:,} more" if len(absent) > MOST_NAMED else ""
    noun, verb = ("shard", "is") if len(absent) == 1 else ("shards", "are")
    return [f"{noun} {named}{more} {verb} missing: what is in the segments of a missing shard is not known"]


def _format_numbers(numbers: Sequence[int], of: int) -> str:
    """Write numbers in their order as ranges: 0,2-4/6."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return f"{','.join('-'.join(map(str, each)) for each in ranges)}/{of}"
