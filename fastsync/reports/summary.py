"""Sum a run up in a few lines: first the verdict on each slave, then counts, units and money, then what to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fastsync.model.capacity import LIST_PRICES
from fastsync.model.settings import StrategyName
from fastsync.model.wording import (
    choose_form,
    count_nouns,
    escape_unprintable,
    format_amount,
    format_price,
    format_seconds,
    format_units,
    wrap_line,
)
from fastsync.output.statistics import EstimatedDifferences, Result, SampleStatistics, SlaveCounters, Statistics
from fastsync.reports.verdict import State, judge_run, list_uncompared

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
EFFECTS_OF_UNDO = {
    "same": "as before already",
    "written": "put back",
    "deleted": "removed",
    "contended": "changed since the run and left alone",
    "refused": "refused",
    "failed": "failed",
}
NOT_ALL = "the run did not see or do everything; what it did not reach is not known"
"""What remains of a run that was not complete, where nothing more is known."""


class Line(NamedTuple):
    """A line of the summary. `state` is that of a verdict; an `exact` line is never divided into several."""

    text: str
    state: State | None = None
    exact: bool = False

    def wrap(self) -> list[str]:
        """Return the line as lines of ordinary width, with nothing in them that could steer a terminal."""
        text = escape_unprintable(self.text)
        if self.exact:
            return [text]
        return wrap_line(text)


def summarize(result: Result, report: str | None = None, *, verbose: bool = False) -> list[Line]:
    """Return the lines that say what a run found, did, consumed, and could not find out.

    `report` is the file that has the differences. With `verbose` the lines also tell what the units were spent on.
    """
    errors = result.errors
    verdicts = judge_run(result.stats, report, result.finished, filtering=result.filtering)
    lines = [Line(verdict["text"], verdict["state"]) for verdict in verdicts]
    if not result.complete:
        lines.append(Line(f"INCOMPLETE: {result.remaining or NOT_ALL}"))
    lines += map(Line, _describe_counts(result.statistics))
    lines.append(Line(_describe_units(result)))
    if verbose:
        lines += map(Line, [*_describe_tables(result.statistics), *result.details])
    lines += [Line(note, exact=True) for note in result.notes if note != result.remaining]
    lines += [Line(f"warning: {warning}", exact=True) for warning in result.warnings]
    lines += [Line(f"error: {error}", exact=True) for error in errors[:MOST_ERRORS]]
    if len(errors) > MOST_ERRORS:
        lines.append(Line(f"... and {count_nouns(len(errors) - MOST_ERRORS, 'more error')}, see --stats"))
    return lines


def _describe_counts(statistics: Statistics) -> Iterator[str]:
    yield _describe_run(statistics)
    uncompared = list_uncompared(statistics.as_document())
    for name, slave in statistics.slaves.items():
        if name not in uncompared:
            yield from _describe_slave(name, slave, statistics)
    if any(slave.extra is None for slave in statistics.slaves.values()):
        yield "extras not looked for: --scan-for-extra also finds items that only a slave has"
    yield from _describe_part(statistics)


def _describe_run(statistics: Statistics) -> str:
    master, seconds = statistics.master, format_seconds(statistics.elapsed_seconds)
    items = count_nouns(master.scanned, "item")
    if statistics.is_undo:
        return f"{master.table}: {items} that the run wrote, looked at in {seconds}"
    if statistics.segments is None:
        return f"{master.table}: {items} read by {choose_form(master.scanned, 'its key', 'their keys')} in {seconds}"
    if statistics.strategy == StrategyName.PARTITION:
        parts = count_nouns(statistics.segments, "part")
        return f"{master.table}: {items} read in {seconds} ({statistics.strategy}, {parts})"
    segments = count_nouns(statistics.segments, "segment")
    return f"{master.table}: {items} scanned in {seconds} ({statistics.strategy}, {segments})"


def _describe_slave(name: str, slave: SlaveCounters, statistics: Statistics) -> Iterator[str]:
    if statistics.is_undo:
        done = _list_counters(slave, EFFECTS_OF_UNDO)
        yield f"{name}: {', '.join(done) or 'nothing was undone'}"
        return
    found = [f"{slave.same:,} same", f"{slave.missing:,} missing", f"{slave.differing:,} differing"]
    if slave.extra is not None:
        found.append(f"{slave.extra:,} extra")
    found += _list_counters(slave, {counter: counter for counter in FOUND})
    yield f"{name}: {', '.join(found)}"
    done = _list_counters(slave, EFFECTS)
    if done:
        yield f"  of these {', '.join(done)}"


def _list_counters(slave: SlaveCounters, words: Mapping[str, str]) -> list[str]:
    """Return each counter that is not 0, with its word."""
    return [f"{getattr(slave, counter):,} {word}" for counter, word in words.items() if getattr(slave, counter)]


def _describe_units(result: Result) -> str:
    """Return what all tables together consumed, and its price."""
    master, slaves = result.statistics.master, result.statistics.slaves.values()
    read = master.read_units + sum(slave.read_units for slave in slaves)
    write = sum(slave.write_units for slave in slaves)
    line = format_units(read, write)
    if read or write:
        line += f", {format_price(LIST_PRICES.money(read, write))}"
    if result.recheck_units and not result.statistics.is_undo:
        line += f" ({format_amount(result.recheck_units)} of them to read suspects again)"
    return line


def _describe_tables(statistics: Statistics) -> Iterator[str]:
    if not statistics.is_undo:
        yield f"  {statistics.master.table}: {format_units(statistics.master.read_units, 0)}"
    for name, slave in statistics.slaves.items():
        yield f"  {name}: {format_units(slave.read_units, slave.write_units)}"


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
