"""Collect what the page shows: all differences are counted, the first ones kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from fastsync.errors import ConfigError
from fastsync.output.differences.block import ShownDifference, describe_change
from fastsync.reports.html.log_facts import LogFacts, find_run
from fastsync.reports.html.segments import Segments
from fastsync.reports.read import Content, LogLine, ReportEnd, ReportLine, StatisticsFile
from fastsync.reports.show.sources import show_line
from fastsync.reports.verdict import Verdict, judge_reports, judge_run, list_uncompared

MOST_ROWS = 100_000
"""Differences that a page holds, where nothing else is asked for: a browser takes a second or two to open them."""
MOST_BYTES = 64_000_000
"""Bytes of differences that a page holds at most; browsers give up on pages of some hundred million."""
MOST_ATTRIBUTES = 40
"""Attribute names that the page lists, those that differ most often first."""
MOST_MESSAGES = 1000
"""Warnings and errors of logs that the page lists."""


class Gathered:
    """What was read so far. `rows` are differences as JSON text, `left_out` how many more there were."""

    def __init__(self, most_rows: int = MOST_ROWS):
        self.rows: list[str] = []
        self.left_out = 0
        self._most_rows = most_rows
        self._bytes = 0
        self._runs: list[dict[str, Any]] = []
        self._reports: list[dict[str, Any]] = []
        self._lines = 0
        self._counts: dict[str, Counter[str]] = {}
        self._attributes: Counter[str] = Counter()
        self._logs: list[LogFacts] = []
        self._courses: list[list[dict[str, Any]]] = []
        self._segments: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []
        self._messages_left_out = 0

    def add_file(self, name: str, parts: Iterable[Content]) -> None:
        """Add all of one file."""
        courses: list[list[dict[str, Any]]] = []
        segments = Segments()
        facts: LogFacts | None = None
        for part in parts:
            match part:
                case ReportLine():
                    self._add_difference(part)
                case ReportEnd():
                    self._reports.append({"name": name, "lines": self._lines, "last": part.last})
                    self._lines = 0
                case StatisticsFile():
                    self._runs.append(part.document)
                case LogLine():
                    if facts is None or facts.is_of_another_run(part.line):
                        facts = LogFacts()  # the page shows the last run of a log
                    facts.add_line(part.line)
                    if not segments.add_line(part.line):
                        self._add_log_line(part.line, courses)
        self._courses += courses
        if facts is not None:
            self._logs.append(facts)
        document = segments.as_document()
        if document is not None:
            self._segments.append({"name": name, **document})

    def as_document(self) -> dict[str, Any]:
        """Return everything but the rows, to be written as JSON. `facts` of logs name their run by its place."""
        runs = self._find_runs()
        only_log = len(self._logs) == 1
        return {
            "verdicts": self._find_verdicts(runs),
            "facts": [{**log.as_document(), "run": find_run(log, runs, only_log=only_log)} for log in self._logs],
            "runs": runs,
            "uncompared": [list_uncompared(run) for run in runs],
            "reports": self._reports,
            "counts": self._counts,
            "attributes": self._attributes.most_common(MOST_ATTRIBUTES),
            "attributes_left_out": max(0, len(self._attributes) - MOST_ATTRIBUTES),
            "courses": self._courses,
            "segments": self._segments,
            "messages": self._messages,
            "messages_left_out": self._messages_left_out,
            "left_out": self.left_out,
        }

    def _find_runs(self) -> list[dict[str, Any]]:
        """Return the statistics that were given, and those that stand only in a log."""
        runs = list(self._runs)
        for log in self._logs:
            if log.stats is not None and find_run(log, runs, only_log=False) is None:
                runs.append(log.stats)
        return runs

    def _find_verdicts(self, runs: list[dict[str, Any]]) -> list[Verdict]:
        if runs:
            return [verdict for run in runs for verdict in judge_run(run)]
        return judge_reports(self._counts, [report["last"] for report in self._reports])

    def _add_difference(self, content: ReportLine) -> None:
        self._lines += 1
        line = content.line
        counts = self._counts.setdefault(line["slave"], Counter())
        counts[line["verdict"]] += 1
        counts[f"action {line.get('action') or 'none'}"] += 1
        self._attributes.update(line["attributes"])
        try:
            text = json.dumps([*(line.get(name) for name in ROW), _describe_changes(show_line(content))])
        except RecursionError:
            raise ConfigError("a line of the report is nested more deeply than an item can be") from None
        self._bytes += len(text)
        if len(self.rows) < self._most_rows and self._bytes <= MOST_BYTES:
            self.rows.append(text)
        else:
            self.left_out += 1

    def _add_log_line(self, line: dict[str, Any], courses: list[list[dict[str, Any]]]) -> None:
        if "scanned" in line and _is_number(line.get("elapsed_seconds")):
            point = {name: line.get(name) for name in COURSE}
            if not courses or point["elapsed_seconds"] < courses[-1][-1]["elapsed_seconds"]:
                courses.append([])  # a resumed run may append to the log of the run before
            courses[-1].append(point)
        elif line["level"] != "info" and "stats" not in line:
            if len(self._messages) < MOST_MESSAGES:
                self._messages.append({name: line[name] for name in ("time", "level", "message")})
            else:
                self._messages_left_out += 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _describe_changes(shown: ShownDifference) -> list[list[Any]] | None:
    """Return path, slave's value and master's value of all changes as text, null for none; None without values.

    The fourth field says whether the values are a member of a set.
    """
    if shown.master is None and shown.slave_item is None:
        return None
    changes = (describe_change(change, full=True) for change in shown.list_changes(full=True))
    return [[each.path, each.removed, each.added, each.member] for change in changes for each in change]


ROW = ("slave", "verdict", "key", "attributes", "action", "error")
"""What a row holds, in this order, before its changes: page.js counts on it."""
COURSE = ("elapsed_seconds", "scanned", "differences", "read_units", "write_units", "throttled")
"""What is kept of a line of progress."""
