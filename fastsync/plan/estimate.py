"""Estimate the units, the price and the duration of a run by each strategy, and list the assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastsync.config.config import Config
from fastsync.model.capacity import LIST_PRICES
from fastsync.model.settings import StrategyName
from fastsync.model.table import Side
from fastsync.plan.duration import Duration, find_duration, read_rates, write_rates
from fastsync.plan.exports.sizes import describe_pass, estimate_spool
from fastsync.plan.forecast import GUESSED_SIZE, Forecast, Size, Units, presume_sizes
from fastsync.plan.keys.plan import KeyPlan
from fastsync.plan.segments import Plan
from fastsync.plan.strategy_choice import Choice, choose_keys, choose_partition, forecast_run, prefer_strategy
from fastsync.plan.survey import Survey


@dataclass(frozen=True)
class StrategyEstimate:
    """One strategy: its units, its list price in USD, and how long it takes at least."""

    forecast: Forecast
    usd: float
    duration: Duration


@dataclass(frozen=True)
class Estimate:
    """The estimates for a run (none where no table reports its size), its choice of strategy, and the assumptions."""

    sides: Sequence[Side]
    plan: Plan
    choice: Choice
    quotes: Sequence[StrategyEstimate]
    assumptions: Sequence[str]


def estimate_keys(config: Config, found: Survey, keys: KeyPlan) -> Estimate:
    """Estimate a run that was given its keys."""
    sides = [found.master, *found.slaves]
    choice = choose_keys(config, found, keys)
    quotes = [_estimate_strategy(each, sides, min(config.processes, len(keys.chunks))) for each in choice.forecasts]
    assumptions = ["every key is there on both sides, with its table's average size, and none differs"]
    if not quotes:
        assumptions = ["how many items a partition key holds is not known before they are read"]
    assumptions += [describe_pass(export) for export in found.exports.values()]
    assumptions += _assume_exports(found, keys.items)
    if quotes:
        assumptions.append(_assume_price())
    plan = Plan.of_chunks(config.slicing, len(keys.chunks))
    return Estimate(sides=sides, plan=plan, choice=choice, quotes=quotes, assumptions=assumptions)


def estimate_run(config: Config, found: Survey) -> Estimate:
    """Estimate a run on tables that were described."""
    plan = Plan.of(config.slicing, found.largest)
    sides = [found.master, *found.slaves]
    if found.exports:
        choice = choose_partition(config, found, plan)
    else:
        choice = prefer_strategy(config, forecast_run(config, found, plan))
    quotes = [
        _estimate_strategy(forecast, sides, min(config.processes, len(plan.numbers))) for forecast in choice.forecasts
    ]
    sizes = presume_sizes([side.table for side in sides])
    assumptions = [
        *_assume_sizes(sides, sizes),
        *_tell_of_empty(config, found, plan),
        *_assume_part(config, plan),
        *_assume_differences(config, found.slaves, sizes),
        *_assume_exports(found),
        _assume_price(),
        *(f"{quote.forecast.strategy} takes no less time: {quote.duration.reason}" for quote in quotes),
    ]
    if config.strategy == StrategyName.AUTO and choice.strategy == StrategyName.MERGE:
        assumptions.append("every slave allows Scan, which merge needs; where one does not, a run takes lookup")
    return Estimate(sides=sides, plan=plan, choice=choice, quotes=quotes, assumptions=assumptions)


def _estimate_strategy(forecast: Forecast, sides: Sequence[Side], processes: int) -> StrategyEstimate:
    total = forecast.total
    tables = zip(sides, (forecast.master, *forecast.slaves), strict=True)
    spans = [span for side, units in tables for span in _find_durations(side, units, processes)]
    return StrategyEstimate(
        forecast, LIST_PRICES.money(total.read, total.write), max(spans, key=lambda span: span.seconds)
    )


def _find_durations(side: Side, units: Units, processes: int) -> list[Duration]:
    """Return how long the reads and the writes of one table take; nobody knows how long an export does."""
    if side.is_export:
        return [Duration(0.0, f"{side}: an export has no capacity that limits it")]
    pace, capacity = side.pace, side.table.capacity
    spans = (
        find_duration(units.read, read_rates(processes, pace.reads, capacity.reads)),
        find_duration(units.write, write_rates(processes, pace.writes, capacity.writes)),
    )
    return [Duration(span.seconds, f"{side}: {span.reason}") for span in spans]


def _assume_sizes(sides: Sequence[Side], sizes: Sequence[Size]) -> list[str]:
    if not sizes:
        return ["no table tells its size: the service counts about every six hours, and a new table tells nothing"]
    lines = ["counts and sizes are what the tables tell, up to six hours old; every item has its table's average size"]
    silent = (side for side in sides if not side.table.item_count)
    lines += [f"{side} tells no size (new, or empty): it is taken for as large as the others" for side in silent]
    if not any(side.table.size_bytes for side in sides):
        lines.append(f"no table tells its bytes: items are taken for {GUESSED_SIZE} B")
    return lines


def _tell_of_empty(config: Config, found: Survey, plan: Plan) -> list[str]:
    """Say what a run takes where slaves that tell no size are empty, as those are that a copy is made into."""
    silent = [str(side) for side in found.slaves if not side.table.item_count]
    if found.exports or not silent or not found.master.table.item_count:
        return []
    forecasts = forecast_run(config, found, plan, silent_are_empty=True)
    reads = ", ".join(f"{each.total.read:,.0f} read units by {each.strategy}" for each in forecasts)
    missing = f"if {' and '.join(silent)} hold{'s' * (len(silent) == 1)} nothing, every item is missing"
    if not config.repairing.write_missing:
        return [f"{missing}: {reads}"]
    return [f"{missing} and written: {reads}, and {forecasts[0].total.write:,.0f} write units"]


def _assume_exports(found: Survey, keys: int | None = None) -> list[str]:
    needed = estimate_spool(found.sides, found.exports, keys)
    if not found.exports or not needed:
        return []
    return [
        f"no capacity is used for an export; a run needs about {needed:,} bytes of disk while it is at work (--spool)"
    ]


def _assume_part(config: Config, plan: Plan) -> list[str]:
    lines = []
    if plan.share < 1:
        lines.append(f"figures are those of {len(plan.numbers):,} of {plan.total:,} segments")
    if config.starting_key is not None:
        lines.append("what lies before --starting-key is in the figures too")
    return lines


def _assume_differences(config: Config, slaves: Sequence[Side], sizes: Sequence[Size]) -> list[str]:
    repairing, lines = config.repairing, []
    for side, size in zip(slaves, sizes[1:], strict=False):
        apart = size.items - sizes[0].items
        if apart < 0:
            written = _affirm("written", repairing.write_missing)
            lines.append(f"{side}: {-apart:,.0f} items are missing, by the counts, and {written}")
        elif apart and repairing.find_extras:
            deleted = _affirm("deleted", repairing.delete_extra)
            lines.append(f"{side}: {apart:,.0f} items are extra, by the counts, and {deleted}")
    lines.append(_assume_no_other_difference(config))
    return lines


def _assume_no_other_difference(config: Config) -> str:
    costs = []
    if not config.no_recheck:
        costs.append("a unit per 4 KB on the master and on the slave to be read again")
    if not config.repairing.nothing:
        costs.append("a unit per KB on the slave to be written")
    if not costs:
        return "no other item differs"
    return f"no other item differs; each one that does takes {', and '.join(costs)}"


def _affirm(word: str, holds: bool) -> str:
    """Return a word, or its negation."""
    if holds:
        return word
    return f"not {word}"


def _assume_price() -> str:
    return (
        f"prices are list prices of {LIST_PRICES.region} since {LIST_PRICES.since}, on demand, standard class: "
        f"${LIST_PRICES.reads} per million read units, ${LIST_PRICES.writes} per million write units; other regions, "
        "discounts, transfer between regions and indexes are left out"
    )
