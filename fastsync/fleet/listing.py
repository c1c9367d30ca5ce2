"""What `fastsync fleet --list` prints: the pairs with their sizes and what comparing them would cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastsync.errors import FastsyncError
from fastsync.fleet.access import FleetAccess
from fastsync.fleet.pairs import Pair
from fastsync.fleet.table import NOT_KNOWN, align_cells
from fastsync.model.wording import format_price
from fastsync.plan.duration import format_duration
from fastsync.plan.estimate import Estimate, StrategyEstimate, estimate_run
from fastsync.plan.survey import survey_tables

AT_ONCE = 8
"""Pairs whose tables are described at once."""
HEAD = ("pair", "master", "slaves", "items", "size", "strategy", "read units", "list price", "time at least")


@dataclass(frozen=True)
class Listed:
    """One pair, with its estimate or the error for which there is none. Of pairs with given keys there is none."""

    pair: Pair
    estimate: Estimate | None
    error: FastsyncError | None = None
    unfit: Sequence[str] = ()

    @property
    def chosen(self) -> StrategyEstimate | None:
        """The estimate of the strategy that a run would take; None where no table tells its size."""
        if self.estimate is None:
            return None
        strategy = self.estimate.choice.strategy
        return next((each for each in self.estimate.quotes if each.forecast.strategy == strategy), None)


def estimate_pairs(pairs: Sequence[Pair], access: FleetAccess, announce: Callable[[str], object]) -> list[Listed]:
    """Describe the tables of all pairs and estimate each; nothing of an item is read."""

    def estimate(pair: Pair) -> Listed:
        config = pair.config
        try:
            found = survey_tables(config, announce, access.share_from(0))
        except FastsyncError as error:
            return Listed(pair, None, error)
        unfit = [error for _, error in found.unfit]
        return Listed(pair, None if config.of_keys else estimate_run(config, found), unfit=unfit)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(estimate, pairs))


def format_list(listed: Sequence[Listed]) -> Iterator[str]:
    """Yield the lines of the list, in the order of the file."""
    yield from align_cells([HEAD, *map(_make_row, listed)], left=3)


def _make_row(listed: Listed) -> tuple[str, ...]:
    pair = listed.pair
    names = (pair.name, str(pair.master), ", ".join(map(str, pair.slaves)))
    if listed.estimate is None:
        return (*names, *[NOT_KNOWN] * 6)
    table = listed.estimate.sides[0].table
    items = f"{table.item_count:,}" if table.item_count else NOT_KNOWN
    size = _format_bytes(table.size_bytes) if table.size_bytes else NOT_KNOWN
    strategy, chosen = str(listed.estimate.choice.strategy), listed.chosen
    if chosen is None:
        return (*names, items, size, strategy, *[NOT_KNOWN] * 3)
    time = format_duration(chosen.duration.seconds)
    return (*names, items, size, strategy, f"{chosen.forecast.total.read:,.1f}", format_price(chosen.usd), time)


def _format_bytes(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
