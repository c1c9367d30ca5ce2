"""Sentences about a run, from its outcome: errors, warnings, and notes on cost, segments, order and throttling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fastsync.model.difference import Effect, Tally, Verdict
from fastsync.model.json_lines import dumps
from fastsync.model.settings import StrategyName
from fastsync.model.wording import choose_form, count_nouns, format_amount, format_seconds, format_units
from fastsync.plan.segments import Plan
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.outcome import Outcome
from fastsync.run.segment_totals import SegmentTotals
from fastsync.workers.interrupt import name_signal

FEW = 5
"""Names of settings that a sentence lists."""
UNEVEN = 2.0
"""Report a segment as skewed from this multiple of the average on..."""
MANY_ITEMS = 10_000
"""... if it has at least this many items..."""
LONG = 10.0
"""... or took at least this many seconds."""


def describe_errors(outcome: Outcome) -> list[str]:
    """Return every error; extras that were not deleted for one, and items that failed, are a sentence per slave."""
    return [*outcome.errors, *_describe_refused(outcome, withheld=True), *_describe_failed(outcome)]


def describe_warnings(outcome: Outcome) -> list[str]:
    """Return for each slave what a safety limit refused, and why; and of which keys and attributes nothing is there."""
    return [
        *_describe_refused(outcome, withheld=False),
        *_describe_vain_keys(outcome),
        *_describe_filter(outcome),
        *_describe_vain_ignores(outcome),
    ]


def _describe_vain_ignores(outcome: Outcome) -> Iterator[str]:
    """Yield which --ignore has ignored nothing, where all that was to be compared was seen."""
    if outcome.ignored_seen is None or not (outcome.complete and outcome.compared):
        return
    whole = outcome.plan.share == 1 and outcome.strategy != StrategyName.KEYS and not outcome.filtering
    items = "no item" if whole else "no item that was compared"
    for name in sorted(outcome.ignored - outcome.ignored_seen):
        yield f"--ignore {name}: {items} had this attribute"


def _describe_vain_keys(outcome: Outcome) -> Iterator[str]:
    for name, tally in zip(outcome.slave_names, outcome.slaves, strict=True):
        if tally.absent and not (tally.compared or tally.extra or tally.only_here):
            keys = choose_form(tally.absent, "the key is", f"none of the {tally.absent:,} keys is")
            negated = " not" if tally.absent == 1 else ""
            yield f"{name}: {keys}{negated} on either side"


def _describe_filter(outcome: Outcome) -> Iterator[str]:
    """Yield for how many items --where could not be evaluated, and whether it was true of none."""
    unevaluated = max((tally.unevaluated for tally in outcome.slaves), default=0)
    if unevaluated or outcome.filter_failure:
        items = "some items of slaves"
        if unevaluated:
            items = f"{count_nouns(unevaluated, 'item')} of the master"
        why = f"; the first: {outcome.filter_failure}" if outcome.filter_failure else ""
        yield f"--where could not be evaluated for {items}: left out{why}"
    scanned = max((tally.compared for tally in outcome.slaves), default=0)
    if outcome.filtering and outcome.complete and scanned and all(map(_is_all_filtered, outcome.slaves)):
        yield (
            f"--where was true of none of {count_nouns(scanned, 'item')} of the master, so nothing was compared; text "
            "stands in single quotes: status == 'active'"
        )


def _is_all_filtered(tally: Tally) -> bool:
    return tally.compared == tally.filtered and not tally.extra


def _describe_failed(outcome: Outcome) -> Iterator[str]:
    for tally, first in outcome.first_differences(Effect.FAILED):
        items = f"{count_nouns(tally.failed, 'item')}"
        yield f"{first.slave}: {items} could not be repaired; the first: key {dumps(first.key)}: {first.error}"


def _describe_refused(outcome: Outcome, withheld: bool) -> Iterator[str]:
    """Yield what of each slave was refused: by a safety limit, or `withheld` because something failed."""
    for tally, first in outcome.first_differences(Effect.REFUSED):
        if bool(tally.withheld) is withheld:
            noun = "extra" if first.verdict is Verdict.EXTRA else "difference"
            were = choose_form(tally.refused, "was", "were")
            yield f"{first.slave}: {count_nouns(tally.refused, noun)} {were} {first.error}"


def describe_run(outcome: Outcome) -> list[str]:
    """Return what is worth knowing about how the run went."""
    return [
        *([describe_remaining(outcome)] if outcome.interrupted else []),
        *_describe_keys(outcome),
        *outcome.notes,
        *describe_segments(outcome.segments, outcome.plan, name_segment(outcome.strategy)),
        *_describe_order(outcome),
        *_describe_throttling(outcome),
    ]


def describe_remaining(outcome: Outcome) -> str:
    """Return what has interrupted a run, if anything has, and what it left to do; "" where neither is known."""
    if not outcome.interrupted:
        return outcome.left
    by = "cancel()" if outcome.cancelled else name_signal(outcome.interrupted)
    return f"interrupted by {by}; {outcome.left or 'what was not reached is not known'}"


def describe_left(segments: int, of: int, extras: int, strategy: str = StrategyName.LOOKUP) -> str:
    """Return what a run leaves to do: segments to compare, else extras that wait for their delete; "" for nothing."""
    if segments and strategy == StrategyName.KEYS:
        return "some keys are not compared"
    if segments:
        verb = choose_form(of, "is", "are")
        return f"{segments:,} of {count_nouns(of, name_segment(strategy))} {verb} not compared to the end"
    if extras:
        return f"{count_nouns(extras, 'extra')} {choose_form(extras, 'was', 'were')} not deleted"
    return ""


def name_segment(strategy: str) -> str:
    """Return what a run calls the slices of its tables."""
    return "part" if strategy == StrategyName.PARTITION else "segment"


def _describe_keys(outcome: Outcome) -> Iterator[str]:
    """Yield what became of keys that have no verdict."""
    for name, tally in zip(outcome.slave_names, outcome.slaves, strict=True):
        if tally.absent:
            yield f"{name}: {tally.absent:,} {choose_form(tally.absent, 'key is', 'keys are')} on neither side"
        if tally.only_here:
            keys = choose_form(tally.only_here, "key is", "keys are")
            yield f"{name}: {tally.only_here:,} {keys} only on the slave; --scan-for-extra reports such as extra"


def describe_settings(master: str, differing: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield one sentence on how many settings of the slaves differ from the master's, where any does."""
    slaves = {slave: names for slave, names in differing.items() if names}
    if not slaves:
        return
    told = [f"{count_nouns(len(names), 'setting')} on {slave} ({_list_few(names)})" for slave, names in slaves.items()]
    command = " ".join(["fastsync settings -m", master, *(f"-s {slave}" for slave in slaves)])
    yield f"the tables are not set up alike: {'; '.join(told)}; see {command}"


def _list_few(names: Sequence[str]) -> str:
    if len(names) > FEW:
        return f"{', '.join(names[:FEW])}, ..."
    return ", ".join(names)


def describe_resume(path: str | None, found: Checkpoint | None) -> str:
    """Return what --resume has found at the path of the checkpoint."""
    if found is None:
        return f"there is no checkpoint {path} to resume: starting afresh"
    if found.ended:
        return f"the run of the checkpoint {path} had ended, with items that failed: starting afresh"
    return f"going on from the checkpoint {path}; the figures will be those of the whole job"


def describe_checkpoint(path: Path, *, ended: bool) -> str:
    """Return what becomes of a checkpoint that is kept; `ended`: only items that failed are left."""
    if ended:
        return f"the checkpoint {path} is kept, since items failed: --resume starts afresh and tries them again"
    return f"the checkpoint {path} says how far this came: --resume goes on from there"


def describe_cost(outcome: Outcome) -> list[str]:
    """Return what a run was estimated to consume."""
    if outcome.forecast is None:
        return []
    total, rechecks = outcome.forecast.total, outcome.forecast.rechecks
    note = f"estimated {format_units(total.read, total.write)}"
    if rechecks:
        note += f" ({format_amount(rechecks)} to read suspects again, from the counts alone)"
    return [note]


def describe_segments(segments: SegmentTotals, plan: Plan, noun: str = "segment") -> Iterator[str]:
    """Yield which segment is much larger than the others, and which took much longer; `noun` is what it is."""
    largest, slowest = segments.largest, segments.slowest
    if largest.amount >= MANY_ITEMS and largest.times_average >= UNEVEN:
        yield (
            f"{noun} {largest.number} of {plan.total} is the largest: {largest.amount:,.0f} items, "
            f"{format_amount(largest.times_average)} times the average"
        )
        if noun == "segment":
            yield "  the items of one partition key cannot be divided, the others can: more --segments"
    if slowest.amount >= LONG and slowest.times_average >= UNEVEN:
        yield (
            f"{noun} {slowest.number} of {plan.total} was the slowest: {format_seconds(slowest.amount)}, "
            f"{format_amount(slowest.times_average)} times the average"
        )


def _describe_order(outcome: Outcome) -> Iterator[str]:
    for name, count in zip(outcome.slave_names, outcome.disagreements, strict=True):
        if count:
            yield (
                f"{name}: its scan brings items in another order than the master's, in {count:,} of "
                f"{count_nouns(outcome.plan.total, 'segment')}"
            )
            yield "  which went on as lookup: --strategy lookup is cheaper then"


def _describe_throttling(outcome: Outcome) -> Iterator[str]:
    for name, tally in zip(outcome.names, (outcome.master, *outcome.slaves), strict=True):
        if tally.throttled:
            requests = choose_form(tally.throttled, "request was", "requests were")
            yield (
                f"{name}: {tally.throttled:,} {requests} throttled; "
                "--max-read-units, --max-write-units or less --parallel help"
            )
