"""Divide limits among tasks that share no memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from fastsync.aws.budget import SMALLEST
from fastsync.model.messages.terms import Terms
from fastsync.model.throughput import Pace, Rate


def count_shares(terms: Terms, tasks: int) -> int | None:
    """Return how many of the tasks may be at work, each with a few units a second; None where nothing is limited."""
    both = chain.from_iterable((side.pace.reads, side.pace.writes) for side in terms.tables)
    limits = [int(rate.units / SMALLEST) for rate in both if rate is not None]
    return max(1, min(tasks, *limits)) if limits else None


def divide_limits(terms: Terms, share: int) -> Terms:
    """Return the terms of one of so many tasks: each keeps to its share of the limits."""
    if share == 1:
        return terms
    master, *slaves = (replace(side, pace=_divide_pace(side.pace, share)) for side in terms.tables)
    return replace(terms, master=master, slaves=tuple(slaves))


def _divide_pace(pace: Pace, share: int) -> Pace:
    return Pace(_divide_rate(pace.reads, share), _divide_rate(pace.writes, share))


def _divide_rate(rate: Rate | None, share: int) -> Rate | None:
    return None if rate is None else Rate(rate.units / share, rate.origin)
