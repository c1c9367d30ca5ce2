"""Choose a run's strategy, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.scan import Scan
from fastsync.config.config import Config
from fastsync.errors import RequestFailed
from fastsync.model.settings import Reading, StrategyName
from fastsync.model.table import Side
from fastsync.model.wording import format_amount
from fastsync.plan.forecast import Forecast, Workload, forecast_keys, forecast_partition, forecast_strategies
from fastsync.plan.keys.plan import KeyPlan
from fastsync.plan.segments import Plan
from fastsync.plan.survey import Survey, call_in_parallel

DENIED = "AccessDeniedException"


@dataclass(frozen=True)
class Choice:
    """A strategy, the reason for it, and the forecasts of all strategies (none where no sizes are known).

    `probed` are the read units that each slave's probe has cost, in order.
    """

    strategy: StrategyName
    reason: str
    forecasts: tuple[Forecast, ...]
    probed: tuple[float, ...] = ()

    @property
    def forecast(self) -> Forecast | None:
        """The forecast of the chosen strategy, None where there is none."""
        return {each.strategy: each for each in self.forecasts}.get(self.strategy)

    def __str__(self) -> str:
        estimates = ", ".join(f"{each.strategy} {format_amount(each.total.read)}" for each in self.forecasts)
        basis = "no estimates"
        if estimates:
            basis = f"estimated read units: {estimates}"
        return f"strategy {self.strategy}: {self.reason} ({basis})"


def choose_strategy(config: Config, found: Survey, plan: Plan) -> Choice:
    """Choose the strategy that the flags name; for `auto` the cheaper one that the slaves' policies allow.

    Before `auto` takes merge, each slave is asked for one item, since only an answer tells whether Scan is allowed.
    """
    choice = prefer_strategy(config, forecast_run(config, found, plan))
    if config.strategy != StrategyName.AUTO or choice.strategy != StrategyName.MERGE:
        return choice
    expected = choice.forecast
    if expected is not None and config.run_limits.find_excess(expected.total.read, expected.total.write):
        return choice  # the run does not start, so nothing is to be read
    # credentials are asked for here: botocore's sessions are not safe for threads
    keyring = Keyring(found.credentials())
    probes = call_in_parallel([partial(_probe_scan, side, config, keyring) for side in found.slaves])
    denied = [str(side) for side, (allowed, _) in zip(found.slaves, probes, strict=True) if not allowed]
    choice = replace(choice, probed=tuple(units for _, units in probes))
    if denied:
        choice = replace(choice, strategy=StrategyName.LOOKUP, reason=f"Scan on {denied[0]} is denied")
    return choice


def choose_keys(config: Config, found: Survey, keys: KeyPlan) -> Choice:
    """Return the choice of a run that was given its keys, with a forecast unless it was given partition keys."""
    wanted = keys.count_keys(len(found.slaves))
    forecasts: tuple[Forecast, ...] = ()
    if wanted is not None:
        tables = [side.table for side in found.slaves]
        forecasts = (forecast_keys(found.master.table, tables, wanted, config.judging),)
    return Choice(StrategyName.KEYS, "keys were given", forecasts)


def choose_partition(config: Config, found: Survey, plan: Plan) -> Choice:
    """Return the choice of a run with exports; `plan` is that of the scans of its tables."""
    work = Workload(reading=config.reading, judging=config.judging, repairing=config.repairing, plan=plan)
    forecasts = forecast_partition(found.master.table, [side.table for side in found.slaves], work)
    return Choice(StrategyName.PARTITION, "an export is compared", forecasts)


def forecast_run(config: Config, found: Survey, plan: Plan, *, silent_are_empty: bool = False) -> tuple[Forecast, ...]:
    """Forecast both strategies from the tables' descriptions. For `silent_are_empty` see forecast.presume_sizes."""
    work = Workload(reading=config.reading, judging=config.judging, repairing=config.repairing, plan=plan)
    slaves = [side.table for side in found.slaves]
    return forecast_strategies(found.master.table, slaves, work, silent_are_empty=silent_are_empty)


def prefer_strategy(config: Config, expected: Sequence[Forecast]) -> Choice:
    """Choose by flags and forecasts alone."""
    made = tuple(expected)
    if config.strategy != StrategyName.AUTO:
        return Choice(config.strategy, "asked for", made)
    if config.starting_key is not None:
        return Choice(StrategyName.LOOKUP, "a scan from --starting-key on goes with no other", made)
    if not made:
        return Choice(
            StrategyName.MERGE, "the tables do not tell their sizes yet, and it is seldom the dearer one", made
        )
    lookup, merge = (each.total.read for each in made)
    if lookup < merge:
        return Choice(StrategyName.LOOKUP, "the cheaper one", made)
    if merge < lookup:
        return Choice(StrategyName.MERGE, "the cheaper one", made)
    return Choice(StrategyName.MERGE, "no dearer, in fewer requests", made)


def _probe_scan(side: Side, config: Config, keyring: Keyring) -> tuple[bool, float]:
    """Return whether Scan is allowed on a slave, and the units that asking cost. The run reports all other errors."""
    access = Clients(keyring)
    client = access.client_of(
        side, Reading(scan_limit=1, consistent=config.consistent_read), config.retrying.promptly()
    )
    try:
        client.scan_page(Scan(0, 1, keys_only=True), b"")
    except RequestFailed as error:
        return error.code != DENIED, 0.0
    finally:
        access.close_all()
    return True, client.take_usage().read_units
