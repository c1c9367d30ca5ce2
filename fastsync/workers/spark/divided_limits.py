"""Divide limits among tasks that share no memory."""

from __future__ import annotations

from dataclasses import replace

from fastsync.aws.budget import SMALLEST
from fastsync.model.events import Terms
from fastsync.model.table import Side
from fastsync.model.throughput import Pace, Rate


def count_shares(terms: Terms, tasks: int) -> int | None:
    """Give how many of so many tasks may be at work, each with a few units a second; None where nothing is limited."""
    paces = [pace for side in _all_sides(terms) for pace in (side.pace.reads, side.pace.writes) if pace is not None]
    return max(1, min(tasks, *(int(pace.units / SMALLEST) for pace in paces))) if paces else None


def _all_sides(terms: Terms) -> tuple[Side, ...]:
    return (terms.master, *terms.slaves)


def divide_limits(terms: Terms, share: int) -> Terms:
    """Return the terms of one of so many tasks: each keeps to its share of the limits."""
    if share == 1:
        return terms
    master, *slaves = (replace(side, pace=_divide_pace(side.pace, share)) for side in _all_sides(terms))
    return replace(terms, master=master, slaves=tuple(slaves))


def _divide_pace(pace: Pace, share: int) -> Pace:
    reads, writes = (
        None if rate is None else Rate(rate.units / share, rate.origin) for rate in (pace.reads, pace.writes)
    )
    return Pace(reads, writes)
