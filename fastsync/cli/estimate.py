"""fastsync estimate: what a run would take in units, money and time; only descriptions are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastsync.cli.flags import USAGE_OF_RUN, add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.config.config import Config
from fastsync.config.key_text import typed_key
from fastsync.errors import Interrupted
from fastsync.model.capacity import LIST_PRICES
from fastsync.model.settings import STRATEGIES
from fastsync.model.table import Side
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.duration import format_duration
from fastsync.plan.estimate import Estimate, StrategyEstimate, estimate_run
from fastsync.plan.forecast import Units
from fastsync.plan.survey import Survey, survey_tables
from fastsync.workers.interrupt import Interrupt

HEAD = ("strategy", "read units", "write units", "list price", "time at least")

DESCRIPTION = """\
Tell what a run with these flags would take by each strategy: capacity units, money and time.
Nothing but the tables' descriptions is read, and nothing is written."""


def make_parser() -> Parser:
    """Return the parser of `fastsync estimate`: it takes the flags of a run, and --json."""
    parser = create_parser("fastsync estimate", f"fastsync estimate {USAGE_OF_RUN} [--json]", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="tell it as JSON")
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print what a run with these flags would cost, as a table or as JSON, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    as_json, _ = flags.pop("json"), flags.pop("policy")
    config = Config.of(flags.pop("master"), flags.pop("slave"), flags)
    announce = (lambda _: None) if config.quiet else Log(config.log_format).info
    with Interrupt() as interrupt:
        try:
            found = survey_tables(config, announce)
        except Interrupted:
            return interrupt.exit_code or 130
    if config.first_key is not None:
        typed_key("--starting-key", config.first_key, found.master.table.keys)
    with foreseen_only(Phase("estimating", has_read=True)):
        _tell(config, found, as_json)
    return 4 if found.unfit else 0


def _tell(config: Config, found: Survey, as_json: bool) -> None:
    for _, error in found.unfit:
        Log(config.log_format).error(error)
    made = estimate_run(config, found)
    print(json.dumps(as_document(made), indent=2, ensure_ascii=False) if as_json else format_table(made))


def as_document(made: Estimate) -> dict[str, Any]:
    """Return all that is told as JSON takes it; a strategy is null where no table tells its size."""
    strategies: dict[str, Any] = dict.fromkeys(STRATEGIES)
    for quote in made.quotes:
        strategies[quote.forecast.strategy] = _strategy_document(quote, made.sides)
    return {
        "strategies": strategies,
        "strategy": made.choice.strategy,
        "reason": made.choice.reason,
        "segments": made.plan.total,
        "share": made.plan.share,
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
    """Return all that is told as people read it."""
    roles = ("master", *["slave"] * len(made.sides))
    tables = [_describe_table(role, side) for role, side in zip(roles, made.sides, strict=False)]
    rows = [
        HEAD,
        *(map(_format_row, made.quotes) if made.quotes else ((name, *["unknown"] * 4) for name in STRATEGIES)),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    drawn = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    chosen = f"A run would take {made.choice.strategy}: {made.choice.reason}."
    rests = ("What this rests on:", *(f"- {each}" for each in made.assumptions))
    return "\n".join([*tables, "", *drawn, "", chosen, "", *rests])


def _describe_table(role: str, side: Side) -> str:
    items, size = side.table.item_count, side.table.size_bytes
    if not items:
        return f"{role} {side}: size not known"
    each = f", {size / items:,.0f} B each" if size else ""
    return f"{role} {side}: about {items:,} items{each}"


def _format_row(quote: StrategyEstimate) -> tuple[str, ...]:
    total = quote.forecast.total
    units = (f"{total.read:,.1f}", f"{total.write:,.1f}")
    price = f"${quote.usd:,.2f}" if quote.usd >= 0.005 else "under 1 cent"
    return (quote.forecast.strategy, *units, price, format_duration(quote.duration.seconds))
