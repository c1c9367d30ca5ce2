"""Describe the statistics of a run in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastsync.model.settings import StrategyName
from fastsync.model.wording import count_nouns, escape_unprintable
from fastsync.output.statistics import EstimatedDifferences, SampleStatistics, SlaveCounters, Statistics

MOST_ERRORS = 10
"""Errors that the summary spells out; the statistics have them all."""
FOUND = ("settled", "expired", "filtered")
"""Counters that a slave's line shows where they are not 0."""
EFFECTS = {
    "written": "written",
    "deleted": "deleted",
    "contended": "contended and left alone",
    "slave_newer": "newer on the slave and left alone",
    "changed": "changed since the report and left alone",
    "refused": "refused",
    "failed": "failed",
}
"""What became of differences, by counter."""
EFFECTS_OF_UNDO = EFFECTS | {"written": "put back", "deleted": "removed"}


def format_summary(statistics: Statistics, warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Return a few lines that say what a run found, did, consumed, and could not find out."""
    errors = statistics.errors
    lines = [_describe_run(statistics)]
    for name, slave in statistics.slaves.items():
        lines += _describe_slave(name, slave, statistics)
    lines += _describe_part(statistics)
    lines += [escape_unprintable(note) for note in notes]
    lines += [f"warning: {escape_unprintable(warning)}" for warning in warnings]
    lines += [f"error: {escape_unprintable(error)}" for error in errors[:MOST_ERRORS]]
    if len(errors) > MOST_ERRORS:
        lines.append(f"... and {count_nouns(len(errors) - MOST_ERRORS, 'more error')}, see --stats")
    if not statistics.complete:
        lines.append("INCOMPLETE: the run did not see or do everything; what it did not reach is not known")
    return "\n".join(lines)


def _describe_run(statistics: Statistics) -> str:
    master, seconds = statistics.master, f"{statistics.elapsed_seconds:.1f} s"
    items = count_nouns(master.scanned, "item")
    if statistics.is_undo:
        return f"{master.table}: {items} that the run wrote, looked at in {seconds} (same: as before the run)"
    if statistics.segments is None:
        return f"{master.table}: {items} read by their keys in {seconds}, {master.read_units:,.1f} read units"
    segments = count_nouns(statistics.segments, "segment")
    how = f"({statistics.strategy}, {segments}), {master.read_units:,.1f} read units"
    return f"{master.table}: {items} scanned in {seconds} {how}"


def _describe_slave(name: str, slave: SlaveCounters, statistics: Statistics) -> list[str]:
    found = [f"{slave.same:,} same", f"{slave.missing:,} missing", f"{slave.differing:,} differing"]
    if slave.extra is None:
        found.append("extras not looked for")
    else:
        found.append(f"{slave.extra:,} extra")
    found += _list_counters(slave, {counter: counter for counter in FOUND})
    lines = [f"{name}: {', '.join(found)}"]
    done = _list_counters(slave, EFFECTS_OF_UNDO if statistics.is_undo else EFFECTS)
    if done:
        lines.append(f"  of these {', '.join(done)}")
    if slave.extra is None and _suggests_equality(slave, statistics):
        lines.append("  (whether it holds more than the master was not looked at: --scan-for-extra)")
    lines.append(f"  {slave.read_units:,.1f} read units, {slave.write_units:,.1f} write units")
    return lines


def _list_counters(slave: SlaveCounters, words: Mapping[str, str]) -> list[str]:
    """Return each counter that is not 0, with its word."""
    return [f"{getattr(slave, counter):,} {word}" for counter, word in words.items() if getattr(slave, counter)]


def _suggests_equality(slave: SlaveCounters, statistics: Statistics) -> bool:
    """Return whether a reader may think that the slave holds nothing else: merge read all of it, or all is equal."""
    return statistics.strategy == StrategyName.MERGE or not (slave.missing or slave.differing)


def _describe_part(statistics: Statistics) -> list[str]:
    """Return what says plainly that only a part of the tables was compared, and what that lets expect of the whole."""
    sample, shard = statistics.sample, statistics.shard
    if sample is not None:
        return _describe_sample(sample)
    if shard is None:
        return []
    if shard.partition("/")[0].isdecimal():
        return [f"SHARD {shard}: only this host's segments were compared; the other shards have the rest"]
    return [f"SHARDS {shard}: only the segments of these are in the figures above"]


def _describe_sample(sample: SampleStatistics) -> list[str]:
    segments = f"{sample.segments:,} of {count_nouns(sample.of, 'segment')}"
    first = f"SAMPLE: only {segments} were compared (seed {sample.seed}); the figures above are of these"
    return [first, *(f"  {name}: {_describe_estimate(found)}" for name, found in sample.estimate.items())]


def _describe_estimate(found: EstimatedDifferences | None) -> str:
    if found is None:
        return "differences in the whole table cannot be estimated"
    differences = count_nouns(found.differences, "difference")
    high = "an unknown number" if found.high is None else f"{found.high:,}"
    return f"about {differences} in the whole table (95 % confidence: {found.low:,} to {high})"
