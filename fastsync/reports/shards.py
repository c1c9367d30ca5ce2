"""Check the statistics of shards against each other, and add them up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from fastsync.config.slicing import Shard
from fastsync.errors import ConfigError
from fastsync.model.difference import Tally
from fastsync.model.table import TableRef
from fastsync.model.wording import shorten_words
from fastsync.output.statistics import MasterCounters, SlaveCounters, Statistics

MIXED = "mixed"
"""The strategy of a whole whose shards did not all follow the same one: the verdicts are the same by both."""
MOST_NAMED = 20
"""Missing shards that a sentence names; of a thousand the others are only counted."""


class ShardStatistics(Statistics, frozen=True):
    """The statistics of a shard, as `--stats` writes them."""

    strategy: Literal["lookup", "merge"]
    sample: None
    shard: str
    slaves: Annotated[dict[str, SlaveCounters], Meta(min_length=1)]


@dataclass(frozen=True)
class ShardFile:
    """One shard: which one it is, its statistics, and the file that they stand in."""

    file: str
    shard: Shard
    stats: ShardStatistics

    @classmethod
    def parse(cls, file: str, document: dict[str, Any]) -> ShardFile:
        """Return the shard of a statistics file; raise ConfigError where it is of a whole run, or is damaged."""
        if document.get("shard", "") is None:
            raise ConfigError(f"{file} is of a whole run, and not of a shard: there is nothing to add to it")
        try:
            stats = msgspec.convert(document, ShardStatistics)
            shard = Shard.parse(stats.shard)
            for table in (stats.master.table, *stats.slaves):
                TableRef.parse(table)
        except (ValueError, ConfigError) as error:  # a ValueError too where a lone surrogate stands in the wrong place
            raise ConfigError(f"{file} is no statistics of a shard: {shorten_words(str(error))}") from None
        if stats.segments is None or shard.of > stats.segments:
            raise ConfigError(f"{file} is no statistics of a shard: {stats.segments} segments are not {shard.of} parts")
        return cls(file, shard, stats)


def find_missing(files: Sequence[ShardFile]) -> list[int]:
    """Return the numbers of the shards that have no file."""
    return sorted(set(range(files[0].shard.of)) - {each.shard.number for each in files})


def add_up_shards(files: Sequence[ShardFile]) -> Statistics:
    """Return the statistics of the whole, in the form of those of a run.

    Raises ConfigError where two files do not belong together, or one contradicts itself. Where shards are missing the
    whole is not complete, its errors name them, and `shard` lists those that were added up ("0,2-4/6").
    """
    _refuse_strangers(files)
    _refuse_doubles(files)
    for each in files:
        _refuse_contradictions(each)
    stats = [each.stats for each in files]
    first, of, missing = stats[0], files[0].shard.of, find_missing(files)
    errors = [error for each in stats for error in each.errors]
    return Statistics(
        complete=not missing and all(each.complete for each in stats),
        strategy=_find_strategy(stats),
        segments=first.segments,
        elapsed_seconds=max(each.elapsed_seconds for each in stats),
        sample=None,
        shard=_format_numbers([each.shard.number for each in files], of) if missing else None,
        master=_add_up_masters([each.master for each in stats]),
        slaves={name: _add_up_slaves([each.slaves[name] for each in stats]) for name in first.slaves},
        errors=errors + _describe_missing(missing, of),
    )


def _find_strategy(stats: Sequence[Statistics]) -> str:
    strategies = {each.strategy for each in stats}
    if len(strategies) > 1:
        return MIXED
    return strategies.pop()


def _add_up_masters(masters: Sequence[MasterCounters]) -> MasterCounters:
    return MasterCounters(
        table=masters[0].table,
        scanned=sum(each.scanned for each in masters),
        read_units=math.fsum(each.read_units for each in masters),
    )


def _add_up_slaves(slaves: Sequence[SlaveCounters]) -> SlaveCounters:
    sums = {name: _add_up([getattr(each, name) for each in slaves]) for name in SlaveCounters.__struct_fields__}
    return SlaveCounters(**sums)


def _add_up(values: Sequence[Any]) -> Any:
    """Return the sum of counters of one kind: counts, amounts, or None where nothing was counted.

    UNSET is a counter that shards do not have: they are given no keys.
    """
    if None in values:
        return None
    if UNSET in values:
        return UNSET
    if isinstance(values[0], float):
        return math.fsum(values)
    return sum(values)


def _refuse_contradictions(shard: ShardFile) -> None:
    """Raise ConfigError where counters contradict each other, as in a file that was changed."""
    for name, counters in shard.stats.slaves.items():
        wrong = _find_contradiction(counters.as_tally(), shard.stats.master.scanned, shard.stats.complete)
        if wrong is not None:
            raise ConfigError(f"{shard.file} contradicts itself, so it was changed or is damaged: {name}: {wrong}")


def _find_contradiction(tally: Tally, scanned: int, complete: bool) -> str | None:
    if tally.counted != tally.compared:
        counters = "same, missing, differing, settled, expired and filtered"
        return f"{counters} add up to {tally.counted:,}, and compared is {tally.compared:,}"
    if tally.compared > scanned or (complete and tally.compared < scanned):
        return f"{tally.compared:,} items were compared, and {scanned:,} scanned of the master"
    if tally.acted_on > tally.differences:
        return f"more became of differences than the {tally.differences:,} that there are"
    return None


def _refuse_strangers(files: Sequence[ShardFile]) -> None:
    """Raise ConfigError where a file is of another run than the first."""
    first = files[0]
    expected = _describe_run(first)
    for other in files[1:]:
        for what, found in _describe_run(other).items():
            if found != expected[what]:
                raise ConfigError(
                    f"what does not belong together cannot be added up: "
                    f"{what} {expected[what]} in {first.file} and {found} in {other.file}"
                )


def _describe_run(shard: ShardFile) -> dict[str, str]:
    """Return what all shards of a run have in common."""
    stats = shard.stats
    return {
        "the master is": stats.master.table,
        "slaves are": _list_names(stats.slaves),
        "segments are": str(stats.segments),
        "shards are": str(shard.shard.of),
        "slaves whose extras were looked for are": _list_names(
            name for name, slave in stats.slaves.items() if slave.extra is not None
        ),
    }


def _list_names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _refuse_doubles(files: Sequence[ShardFile]) -> None:
    """Raise ConfigError where two files are of the same shard."""
    first: dict[int, str] = {}
    for each in files:
        if each.shard.number in first:
            other = first[each.shard.number]
            raise ConfigError(f"{other} and {each.file} are both of shard {each.shard}, which counts once")
        first[each.shard.number] = each.file


def _describe_missing(missing: Sequence[int], of: int) -> list[str]:
    """Return the error that names the missing shards, none where all are known."""
    if not missing:
        return []
    named = ", ".join(f"{number}/{of}" for number in missing[:MOST_NAMED])
    if len(missing) > MOST_NAMED:
        named += f" and {len(missing) - MOST_NAMED:,} more"
    subject = f"shard {named} is" if len(missing) == 1 else f"shards {named} are"
    return [f"{subject} missing: what is in the segments of a missing shard is not known"]


def _format_numbers(numbers: Sequence[int], of: int) -> str:
    """Return numbers in their order as ranges: 0,2-4/6."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, each)) for each in ranges) + f"/{of}"
