"""The time that units take at the rate that limits, tables and processes allow; arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastsync.model.capacity import PARTITION_READS, PARTITION_WRITES
from fastsync.model.throughput import Rate, Throughput

UNKNOWN = Throughput()
"""The throughput of a table that reports none."""


@dataclass(frozen=True)
class Duration:
    """The least number of seconds, and the reason for it."""

    seconds: float
    reason: str


def read_rates(processes: int, limit: Rate | None = None, has: Throughput = UNKNOWN) -> list[Rate]:
    """Return the rates that bound the reads of one table: a process reads one segment, mostly in one partition."""
    return [_partition_rate(PARTITION_READS, processes), *_known_rates(has), *_limit_rates("--max-read-units", limit)]


def write_rates(processes: int, limit: Rate | None = None, has: Throughput = UNKNOWN) -> list[Rate]:
    """Return the rates that bound the writes of one table."""
    return [_partition_rate(PARTITION_WRITES, processes), *_known_rates(has), *_limit_rates("--max-write-units", limit)]


def find_duration(units: float, rates: Iterable[Rate]) -> Duration:
    """Return how long units take at the slowest of some rates."""
    slowest = min(rates, key=lambda rate: rate.units)
    return Duration(units / slowest.units, slowest.origin)


def format_duration(seconds: float) -> str:
    """Return a duration as text, in one or two units."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min"


def _partition_rate(partition: int, processes: int) -> Rate:
    readers = f"each of {processes:,} processes"
    if processes == 1:
        readers = "one process"
    return Rate(partition * processes, f"{partition:,} units a second of one partition for {readers}")


def _known_rates(has: Throughput) -> list[Rate]:
    if has.known is None:
        return []
    units, name = has.known
    if units <= 0:
        return []
    return [Rate(units, f"its {name} of {units:,.0f} units a second")]


def _limit_rates(flag: str, limit: Rate | None) -> list[Rate]:
    if limit is None:
        return []
    return [Rate(limit.units, f"{flag} of {limit.units:,.0f}, {limit.origin}")]
