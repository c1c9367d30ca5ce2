"""The result of a run, from its outcome: statistics, exit code, errors, warnings and notes."""

from __future__ import annotations

from fastsync.errors import TableError
from fastsync.library.progress import Progress
from fastsync.model.settings import StrategyName
from fastsync.output.statistics import (
    OVERSPENT,
    EstimatedDifferences,
    MasterCounters,
    Result,
    SampleStatistics,
    SlaveCounters,
    Statistics,
    find_exit_code,
)
from fastsync.run.notes import (
    describe_cost,
    describe_errors,
    describe_remaining,
    describe_run,
    describe_warnings,
)
from fastsync.run.outcome import Outcome
from fastsync.run.sampling import Interval
from fastsync.workers.interrupt import Interrupt


def make_result(outcome: Outcome, interrupt: Interrupt) -> Result:
    """Return the result of a run, and stop its clock."""
    outcome.stop_clock()
    outcome.interrupted = interrupt.exit_code
    outcome.cancelled = interrupt.cancelled
    return Result(
        statistics=make_statistics(outcome),
        exit_code=choose_exit_code(outcome),
        warnings=describe_warnings(outcome),
        notes=describe_run(outcome),
        details=describe_cost(outcome),
        finished=outcome.finished,
        filtering=outcome.filtering,
        remaining=describe_remaining(outcome),
        recheck_units=sum(tally.recheck_units for tally in (outcome.master, *outcome.slaves)),
    )


def measure_progress(outcome: Outcome, expected: int) -> Progress:
    """Return how far a run is; `expected` are the items of the whole master by the service's estimate, 0 for none.

    How many items there are of given keys nobody knows, and they have no segments.
    """
    plan = outcome.plan
    of_keys = outcome.strategy == StrategyName.KEYS
    return Progress(
        scanned=outcome.master.scanned,
        expected=None if of_keys else round(expected * plan.share) or None,
        differences=sum(tally.differences for tally in outcome.slaves),
        segments_done=outcome.segments.done,
        segments=0 if of_keys else len(plan.numbers),
    )


def choose_exit_code(outcome: Outcome) -> int:
    """Return the first that holds: interrupted (130, 143), not comparable (3), refused (5), incomplete (4), 1, 0."""
    if outcome.interrupted:
        return outcome.interrupted
    if outcome.refused:
        return TableError.exit_code
    if outcome.overspent:
        return OVERSPENT
    return find_exit_code(outcome.slaves, outcome.complete)


def make_statistics(outcome: Outcome) -> Statistics:
    """Return the statistics of a run, or of its part so far."""
    plan, slaves = outcome.plan, zip(outcome.slave_names, outcome.slaves, strict=True)
    of_keys = outcome.strategy == StrategyName.KEYS
    return Statistics(
        complete=outcome.complete,
        strategy=outcome.strategy,
        segments=None if of_keys else plan.total,
        elapsed_seconds=outcome.elapsed_seconds,
        sample=_make_sample(outcome),
        shard=None if plan.slicing.shard is None else str(plan.slicing.shard),
        master=MasterCounters(
            table=outcome.names[0], scanned=outcome.master.scanned, read_units=outcome.master.read_units
        ),
        slaves={name: SlaveCounters.from_tally(tally, outcome.extras, of_keys=of_keys) for name, tally in slaves},
        errors=describe_errors(outcome),
    )


def _make_sample(outcome: Outcome) -> SampleStatistics | None:
    plan, sample = outcome.plan, outcome.plan.slicing.sample
    if sample is None:
        return None
    estimates = outcome.segments.estimates(plan)
    return SampleStatistics(
        fraction=sample.fraction,
        segments=len(plan.numbers),
        of=plan.total,
        seed=sample.seed,
        estimate={name: _make_estimate(found) for name, found in estimates.items()},
    )


def _make_estimate(found: Interval | None) -> EstimatedDifferences | None:
    if found is None:
        return None
    return EstimatedDifferences(differences=found.estimate, low=found.low, high=found.high)
