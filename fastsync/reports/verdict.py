"""Judge a run: say in a sentence for each slave what was found, from the statistics or, without them, from the report.

The summary on a terminal and the page both begin with these sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypedDict

from fastsync.model.difference import DIFFERENCES
from fastsync.model.settings import StrategyName
from fastsync.model.wording import LONGEST_LINE, count_nouns
from fastsync.output.statistics import UNDO
from fastsync.reports.counts import as_count

REPAIRED = ("written", "deleted")
"""Counters, and actions of a report, after which a difference is gone."""
SEEN = ("compared", "same", *DIFFERENCES, "settled", "expired", "filtered")
"""Counters of which one is above 0 where anything of a slave was compared."""
FILTERED = " among the items that --where chooses"
State = Literal["good", "bad", "unknown"]


class Verdict(TypedDict):
    """A sentence about a slave, and its `state`: all is well, something is left, or not enough was compared to know."""

    text: str
    state: State


def judge_run(
    run: Mapping[str, Any], report: str | None = None, finished: Collection[str] = (), *, filtering: bool = False
) -> list[Verdict]:
    """Return a verdict for each slave of statistics as their file has them; of another version they may lack counters.

    `report` is the file that has the differences, which a verdict on a complete run names. `finished` are slaves on
    which everything is known and done, though the run was not complete. `filtering`: only a part of the items was
    compared, which statistics show only where the master has others.
    """
    whole = {**run, "complete": True}
    verdicts = [
        _judge_slave(name, slave, whole if name in finished else run, filtering=filtering)
        for name, slave in run["slaves"].items()
    ]
    if report is None or not run.get("complete") or run.get("strategy") == UNDO:
        return verdicts
    return [_name_report(verdict, report) for verdict in verdicts]


def judge_reports(counts: Mapping[str, Mapping[str, int]], ends: Sequence[Mapping[str, Any] | None]) -> list[Verdict]:
    """Return verdicts by the lines of reports and their last lines, None where one was cut short."""
    if not ends:
        return []
    whole = all(end is not None and end["complete"] for end in ends)
    verdicts = [_judge_lines(name, lines, whole) for name, lines in counts.items()]
    if verdicts:
        return verdicts
    if not whole:
        return [_unknown("Not known: the run was not complete, or its report was cut short")]
    return [_good("No difference in the report")]


def list_uncompared(run: Mapping[str, Any]) -> list[str]:
    """Return the slaves of which a run that was not complete has compared nothing: their counters say nothing."""
    if run.get("complete"):
        return []
    return [name for name, slave in run["slaves"].items() if not any(as_count(slave.get(each)) for each in SEEN)]


def _good(text: str) -> Verdict:
    return Verdict(text=text, state="good")


def _bad(text: str) -> Verdict:
    return Verdict(text=text, state="bad")


def _unknown(text: str) -> Verdict:
    return Verdict(text=text, state="unknown")


def _judge_slave(name: str, slave: Mapping[str, Any], run: Mapping[str, Any], *, filtering: bool) -> Verdict:
    found = sum(as_count(slave.get(verdict)) for verdict in DIFFERENCES)
    if run.get("strategy") == UNDO:
        return _judge_undo(name, slave, run)
    if name in list_uncompared(run):
        return _unknown(f"{name} was not compared")
    part = _name_part(run)
    if filtering or as_count(slave.get("filtered")):
        part += FILTERED
    if not run.get("complete"):
        return _judge_incomplete(name, found, part)
    if found:
        return _judge_found(name, found, sum(as_count(slave.get(counter)) for counter in REPAIRED), part)
    if part:
        return _good(f"{name}: no difference{part}")
    if slave.get("extra") is None:
        return _good(f"{name} holds all that the master holds; extras were not looked for")
    return _good(f"{name} is in sync")


def _name_part(run: Mapping[str, Any]) -> str:
    """Return the words for the part of the tables that was compared, none where it was all of them."""
    shard = run.get("shard")
    if run.get("strategy") == StrategyName.KEYS:
        return " among these keys"
    if run.get("sample") is not None:
        return " in the sample"
    if shard is None:
        return ""
    if str(shard).partition("/")[0].isdecimal():
        return " in this shard"
    return " in these shards"


def _judge_incomplete(name: str, found: int, part: str = "") -> Verdict:
    if found:
        return _bad(f"{name} differs: {count_nouns(found, 'difference')}{part} so far; the run was not complete")
    return _unknown(f"{name}: no difference{part} so far; the run was not complete")


def _judge_found(name: str, found: int, repaired: int, part: str = "") -> Verdict:
    differences = f"{count_nouns(found, 'difference')}{part}"
    if repaired >= found:
        return _good(f"{name} was repaired: {differences}, none left")
    if repaired:
        return _bad(f"{name} differs: {differences}, {found - repaired:,} left")
    return _bad(f"{name} differs: {differences}")


def _judge_undo(name: str, slave: Mapping[str, Any], run: Mapping[str, Any]) -> Verdict:
    put_back, removed = (as_count(slave.get(counter)) for counter in REPAIRED)
    found = sum(as_count(slave.get(verdict)) for verdict in DIFFERENCES)
    left = found - put_back - removed
    if name in list_uncompared(run):
        return _unknown(f"nothing was undone on {name}")
    if left:
        return _bad(f"{name} is not as it was before the run: {left:,} of {count_nouns(found, 'item')} not undone")
    if not run.get("complete"):
        return _unknown(f"{name} may not be as it was before the run: the undo was not complete")
    done = [f"{count_nouns(put_back, 'item')} put back"] if put_back else []
    done += [f"{removed:,} removed" if done else f"{count_nouns(removed, 'item')} removed"] if removed else []
    return _good(f"{name} is as it was before the run: {', '.join(done) or 'there was nothing to undo'}")


def _judge_lines(name: str, lines: Mapping[str, int], whole: bool) -> Verdict:
    found = sum(lines.get(verdict, 0) for verdict in DIFFERENCES)
    if not whole:
        return _judge_incomplete(name, found)
    return _judge_found(name, found, sum(lines.get(f"action {action}", 0) for action in REPAIRED))


def _name_report(verdict: Verdict, report: str) -> Verdict:
    """Say in which file all differences of a slave are, where there are some left and that fits into the line."""
    text = f"{verdict['text']}, all in {report}"
    if verdict["state"] != "bad" or len(text) > LONGEST_LINE:
        return verdict
    return _bad(text)
