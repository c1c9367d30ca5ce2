"""Say in a sentence for each slave what a run found, from its statistics or, without them, from its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from fastsync.model.difference import DIFFERENCES
from fastsync.model.wording import count_nouns
from fastsync.output.statistics import UNDO
from fastsync.reports.html.segments import as_count

REPAIRED = ("written", "deleted")
"""Counters, and actions of a report, after which a difference is gone."""


class Verdict(TypedDict):
    """A sentence about a slave, and whether all is well with it."""

    text: str
    good: bool


def judge_run(run: Mapping[str, Any]) -> list[Verdict]:
    """Return a verdict for each slave of a statistics file, which may be of another version and lack counters."""
    return [_judge_slave(name, slave, run) for name, slave in run["slaves"].items()]


def judge_reports(counts: Mapping[str, Mapping[str, int]], ends: Sequence[Mapping[str, Any] | None]) -> list[Verdict]:
    """Return verdicts by the lines of reports and their last lines, None where one was cut short."""
    if not ends:
        return []
    whole = all(end is not None and end["complete"] for end in ends)
    verdicts = [_judge_lines(name, lines, whole) for name, lines in counts.items()]
    if verdicts:
        return verdicts
    if not whole:
        return [Verdict(text="Not known: the run was not complete, or its report was cut short", good=False)]
    return [Verdict(text="No difference in the report", good=True)]


def _judge_slave(name: str, slave: Mapping[str, Any], run: Mapping[str, Any]) -> Verdict:
    found = sum(as_count(slave.get(verdict)) for verdict in DIFFERENCES)
    repaired = sum(as_count(slave.get(counter)) for counter in REPAIRED)
    if not run.get("complete"):
        return _judge_incomplete(name, slave, found)
    if run.get("strategy") == UNDO:
        return _judge_undo(name, found, repaired)
    if found:
        return _judge_found(name, found, repaired)
    if run.get("sample") is not None:
        return Verdict(text=f"{name}: no difference in the sample", good=True)
    if run.get("shard") is not None:
        return Verdict(text=f"{name}: no difference in this shard", good=True)
    if slave.get("extra") is None:
        return Verdict(text=f"{name} holds all that the master holds; extras were not looked for", good=True)
    return Verdict(text=f"{name} is in sync", good=True)


def _judge_incomplete(name: str, slave: Mapping[str, Any], found: int) -> Verdict:
    if found:
        text = f"{name} differs: {count_nouns(found, 'difference')} so far; the run was not complete"
    elif as_count(slave.get("compared")):
        text = f"{name}: no difference so far; the run was not complete"
    else:
        text = f"{name} was not compared"
    return Verdict(text=text, good=False)


def _judge_undo(name: str, found: int, repaired: int) -> Verdict:
    if found > repaired:
        return Verdict(text=f"{name}: {found - repaired:,} of {count_nouns(found, 'item')} not taken back", good=False)
    return Verdict(text=f"{name} is as it was before the run: {count_nouns(found, 'item')} taken back", good=True)


def _judge_found(name: str, found: int, repaired: int) -> Verdict:
    differences = count_nouns(found, "difference")
    if repaired >= found:
        return Verdict(text=f"{name} was repaired: {differences}, none left", good=True)
    if repaired:
        return Verdict(text=f"{name} differs: {differences}, {found - repaired:,} left", good=False)
    return Verdict(text=f"{name} differs: {differences}", good=False)


def _judge_lines(name: str, lines: Mapping[str, int], whole: bool) -> Verdict:
    found = sum(lines.get(verdict, 0) for verdict in DIFFERENCES)
    if not whole:
        return _judge_incomplete(name, {}, found)
    return _judge_found(name, found, sum(lines.get(f"action {action}", 0) for action in REPAIRED))
