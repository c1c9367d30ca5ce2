"""How many items a page may have, where a run must not do much at once: a page that is begun is finished."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from fastsync.config.config import Config
from fastsync.model.capacity import PAGE_BYTES, count_read_units, count_write_units
from fastsync.model.settings import Reading, StrategyName
from fastsync.model.throughput import limit_items
from fastsync.plan.forecast import GUESSED_SIZE, Units, Workload, forecast_partition, forecast_strategies
from fastsync.plan.segments import Plan
from fastsync.plan.survey import Survey

FEWEST = 25
"""Items of a page at least: less than one look-up request may ask for."""
SHARE = 0.005
"""Of what the whole run may consume: the most that one page should take, where all of its items differ."""
MARGIN = 1.1
"""How much more than estimated a run may take where nothing differs: sizes are averages."""
STEP = 4
"""How much larger the next page is that is tried, where smaller ones would cost too much."""


def limit_pages(config: Config, found: Survey, plan: Plan, strategy: StrategyName) -> Reading:
    """Return how tables are read, in smaller pages where writing is slow or where what the run consumes is limited."""
    reading = config.reading
    if config.write_missing or config.write_differing:
        writes = (side.pace.writes for side in found.slaves)
        reading = replace(reading, scan_limit=limit_items(writes, reading.scan_limit))
    if not config.run_limits.on_spending:
        return reading
    return _limit_by_spending(reading, config, found, plan, strategy)


def _limit_by_spending(reading: Reading, config: Config, found: Survey, plan: Plan, strategy: StrategyName) -> Reading:
    """Return the smallest pages for which the limit has room: each page is rounded up to half a unit.

    So they take no more than half of what the limit allows beyond the estimate, which may be wrong by MARGIN.
    """
    work = Workload(reading=reading, judging=config.judging, repairing=config.repairing, plan=plan)
    expected = _find_share(config, found, work, strategy)
    for items in _list_sizes(config, found):
        smaller = replace(reading, scan_limit=min(items, reading.scan_limit or items))
        share = _find_share(config, found, replace(work, reading=smaller), strategy)
        if expected is None or share is None or share - expected <= (1 - expected * MARGIN) / 2:
            return smaller
    return reading


def _find_share(config: Config, found: Survey, work: Workload, strategy: StrategyName) -> float | None:
    """Return which share of the limit the run is estimated to take, None where that is not known."""
    forecast = forecast_partition if found.exports else forecast_strategies
    forecasts = forecast(found.master.table, [side.table for side in found.slaves], work)
    totals = {each.strategy: each.total for each in forecasts}
    if strategy not in totals:
        return None
    return config.run_limits.share_of(totals[strategy].read, totals[strategy].write)


def _list_sizes(config: Config, found: Survey) -> Iterator[int]:
    """Yield numbers of items, from the one on that takes SHARE of the limit, until a page is full anyway."""
    sizes = [side.table.item_bytes or GUESSED_SIZE for side in (found.master, *found.slaves)]
    worst = _cost_of_item(config, sizes)
    items = SHARE / (config.run_limits.share_of(worst.read, worst.write) * config.processes)
    number = max(FEWEST, math.ceil(items))
    while number * min(sizes) < PAGE_BYTES:
        yield number
        number *= STEP


def _cost_of_item(config: Config, sizes: list[float]) -> Units:
    """Return what an item costs that differs on all slaves: read twice everywhere, and written."""
    reads = sum(2 * count_read_units(size, consistent=True) for size in sizes)
    writes = 0.0
    if config.write_missing or config.write_differing:
        writes = sum(count_write_units(size) for size in sizes[1:])
    return Units(reads, writes)
