"""Duration: how long units take at the pace that limits, tables and processes allow; arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastsync.aws.capacity import PARTITION_READS, PARTITION_WRITES


@dataclass(frozen=True)
class Rate:
    """Units per second at most, and what sets them."""

    units: float
    reason: str


@dataclass(frozen=True)
class Duration:
    """Seconds at least, and what they are due to."""

    seconds: float
    reason: str


def of_reads(processes: int) -> Rate:
    """Give the pace at which so many processes read: each works on one segment, which mostly lies in one partition."""
    return Rate(PARTITION_READS * processes, _partitions(PARTITION_READS, processes))


def of_writes(processes: int) -> Rate:
    """Give the pace at which so many processes write."""
    return Rate(PARTITION_WRITES * processes, _partitions(PARTITION_WRITES, processes))


def lasting(units: float, rates: Iterable[Rate]) -> Duration:
    """Give how long so many units take at the slowest of some rates."""
    slowest = min(rates, key=lambda rate: rate.units)
    return Duration(units / slowest.units, slowest.reason)


def spelled(seconds: float) -> str:
    """Write a duration for people, in one or two units."""
    if seconds < 60:
        return "under 1 s" if seconds < 1 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min"


def _partitions(units: int, processes: int) -> str:
    of = "one process" if processes == 1 else f"each of {processes:,} processes"
    return f"{units:,} units a second of one partition for {of}"
