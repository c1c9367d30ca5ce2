"""fastsync estimate: what a run would cost in units, money and time. Only the tables' descriptions are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from fastsync.cli.flags import USAGE_OF_RUN, add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.config.config import Config
from fastsync.config.key_text import typed_key
from fastsync.errors import Interrupted
from fastsync.model.capacity import LIST_PRICES
from fastsync.model.settings import STRATEGIES, StrategyName
from fastsync.model.table import Side
from fastsync.model.wording import format_price
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.duration import format_duration
from fastsync.plan.estimate import Estimate, StrategyEstimate, estimate_keys, estimate_run
from fastsync.plan.forecast import Units
from fastsync.plan.keys.plan import plan_keys_of, read_keys_of
from fastsync.plan.survey import survey_tables
from fastsync.run.parallel import settle_parallel
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.room import measure_room

HEAD = ("strategy", "read units", "write units", "list price", "time at least")
UNKNOWN = ("unknown",) * (len(HEAD) - 1)
"""The row of a strategy where no table reports its size."""

DESCRIPTION = """\
Print what a run with these flags would take with each strategy: capacity units, money and time.
Only the tables' descriptions are read, and nothing is written."""


def make_parser() -> Parser:
    """Return the parser of `fastsync estimate`: it takes the flags of a run, and --json."""
    parser = create_parser("fastsync estimate", f"fastsync estimate {USAGE_OF_RUN}", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print what a run with these flags would cost, as a table or as JSON, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    as_json, _ = flags.pop("json"), flags.pop("policy")
    config = Config.of(flags.pop("master"), flags.pop("slave"), flags)
    log = Log(config.log_format, color=config.color)
    announce = (lambda _: None) if config.quiet else log.info
    given = read_keys_of(config)
    with Interrupt() as interrupt:
        try:
            found = survey_tables(config, announce)
        except Interrupted:
            return interrupt.exit_code or 130
    if config.first_key is not None:
        typed_key("--starting-key", config.first_key, found.master.table.keys)
    config = settle_parallel(config, found, measure_room, announce, given=given)
    keys = None
    if given is not None:
        with closing(given.store):
            keys = plan_keys_of(config, given, found)
    with foreseen_only(Phase("estimating", has_read=True)):
        for _, error in found.unfit:
            log.error(error)
        _print_estimate(estimate_run(config, found) if keys is None else estimate_keys(config, found, keys), as_json)
    return 4 if found.unfit else 0


def _print_estimate(estimate: Estimate, as_json: bool) -> None:
    if as_json:
        print(json.dumps(as_document(estimate), indent=2, ensure_ascii=False))
    else:
        print(format_table(estimate))


def as_document(made: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON takes it. A strategy is null where no table reports its size."""
    strategies: dict[str, Any] = dict.fromkeys(_list_strategies(made))
    for quote in made.quotes:
        strategies[quote.forecast.strategy] = _strategy_document(quote, made.sides)
    return {
        "strategies": strategies,
        "strategy": made.choice.strategy,
        "reason": made.choice.reason,
        "segments": None if made.choice.strategy == StrategyName.KEYS else made.plan.total,
        "share": None if made.choice.strategy == StrategyName.KEYS else made.plan.share,
        "tables": {str(side): {"items": side.table.item_count, "bytes": side.table.size_bytes} for side in made.sides},
        "prices": {**asdict(LIST_PRICES), "unit": "USD per million units"},
        "assumptions": list(made.assumptions),
    }


def _strategy_document(quote: StrategyEstimate, sides: Sequence[Side]) -> dict[str, Any]:
    forecast = quote.forecast
    return {
        **_units_document(forecast.total),
        "usd": round(quote.usd, 6),
        "seconds": round(quote.duration.seconds, 3),
        "limited_by": quote.duration.reason,
        "master": _units_document(forecast.master),
        "slaves": dict(zip(map(str, sides[1:]), map(_units_document, forecast.slaves), strict=True)),
    }


def _units_document(units: Units) -> dict[str, float]:
    return {"read_units": units.read, "write_units": units.write}


def format_table(made: Estimate) -> str:
    """Return an estimate as text: the tables, a row for each strategy, the choice, and the assumptions."""
    master, *slaves = made.sides
    tables = [_describe_table("master", master), *(_describe_table("slave", side) for side in slaves)]
    rows = [HEAD, *map(_format_row, made.quotes)]
    if not made.quotes:
        rows += [(name, *UNKNOWN) for name in _list_strategies(made)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    choice = f"A run would take {made.choice.strategy}: {made.choice.reason}."
    assumptions = [f"- {assumption}" for assumption in made.assumptions]
    return "\n".join([*tables, "", *aligned, "", choice, "", "What this rests on:", *assumptions])


def _list_strategies(made: Estimate) -> Sequence[StrategyName]:
    """Return the strategies that a run could take."""
    if made.choice.strategy not in STRATEGIES:
        return (made.choice.strategy,)
    return STRATEGIES


def _describe_table(role: str, side: Side) -> str:
    items, size = side.table.item_count, side.table.size_bytes
    if not items:
        return f"{role} {side}: size not known"
    if not size:
        return f"{role} {side}: about {items:,} items"
    return f"{role} {side}: about {items:,} items, {size / items:,.0f} B each"


def _format_row(quote: StrategyEstimate) -> tuple[str, ...]:
    total = quote.forecast.total
    time = format_duration(quote.duration.seconds)
    return (quote.forecast.strategy, f"{total.read:,.1f}", f"{total.write:,.1f}", format_price(quote.usd), time)
