"""How long units take at the rate that limits, tables and processes allow; arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastsync.model.capacity import PARTITION_READS, PARTITION_WRITES
from fastsync.model.throughput import Rate, Throughput

NOTHING_TOLD = Throughput()


@dataclass(frozen=True)
class Duration:
    """Seconds at least, and what they are due to."""

    seconds: float
    reason: str


def read_rates(processes: int, limit: Rate | None = None, has: Throughput = NOTHING_TOLD) -> list[Rate]:
    """Return what bounds the reads of one table: a process works on one segment, mostly in one partition."""
    return _collect_rates(PARTITION_READS, processes, has, None if limit is None else ("--max-read-units", limit))


def write_rates(processes: int, limit: Rate | None = None, has: Throughput = NOTHING_TOLD) -> list[Rate]:
    """Return what bounds the writes of one table."""
    return _collect_rates(PARTITION_WRITES, processes, has, None if limit is None else ("--max-write-units", limit))


def find_duration(units: float, rates: Iterable[Rate]) -> Duration:
    """Return how long so many units take at the slowest of some rates."""
    slowest = min(rates, key=lambda rate: rate.units)
    return Duration(units / slowest.units, slowest.origin)


def format_duration(seconds: float) -> str:
    """Write a duration for people, in one or two units."""
    if seconds < 60:
        return "under 1 s" if seconds < 1 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min"


def _collect_rates(partition: int, processes: int, has: Throughput, limit: tuple[str, Rate] | None) -> list[Rate]:
    of = "one process" if processes == 1 else f"each of {processes:,} processes"
    rates = [Rate(partition * processes, f"{partition:,} units a second of one partition for {of}")]
    if has.known is not None and has.known[0] > 0:
        units, name = has.known
        rates.append(Rate(units, f"its {name} of {units:,.0f} units a second"))
    if limit is not None:
        flag, rate = limit
        rates.append(Rate(rate.units, f"{flag} of {rate.units:,.0f}, {rate.origin}"))
    return rates
