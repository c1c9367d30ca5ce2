"""Collect what only a log tells of a run: when it began and ended, its command, and its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MEANINGS = {
    0: "no differences, or none left",
    1: "differences remain",
    2: "usage or configuration error",
    3: "the tables cannot be compared",
    4: "incomplete",
    5: "refused or ended by a safety limit",
    130: "interrupted by SIGINT",
    143: "interrupted by SIGTERM",
}
"""What the exit codes mean, in a few words."""


class LogFacts:
    """The facts of one run in a log. `stats` are its statistics, None where its last line does not hold them."""

    def __init__(self) -> None:
        self.stats: dict[str, Any] | None = None
        self._started = self._last = ""
        self._ended = False
        self._exit_code: Any = None
        self._command: Any = None

    def is_of_another_run(self, line: dict[str, Any]) -> bool:
        """Return whether a line is of a run that was appended to the log after this one had ended."""
        return self._ended and "exit_code" not in line

    def add_line(self, line: dict[str, Any]) -> None:
        """Add a line of the log."""
        if not self._started:
            self._started = line["time"]
        self._last = line["time"]
        if "exit_code" in line:
            self._ended = True
            self._exit_code = line["exit_code"]
            self._command = line.get("command")
        if _is_statistics(line.get("stats")):
            self.stats = line["stats"]

    def as_document(self) -> dict[str, Any]:
        """Return the facts that are known; times are UTC, as they stand in the log."""
        facts: dict[str, Any] = {"started": self._started, "ended": self._last if self._ended else None}
        facts["exit_code"] = self._exit_code
        if type(self._exit_code) is int:
            facts["meaning"] = MEANINGS.get(self._exit_code)
        facts["command"] = self._command
        return {name: value for name, value in facts.items() if value not in (None, "")}


def find_run(facts: LogFacts, runs: Sequence[dict[str, Any]], *, only_log: bool) -> int | None:
    """Return which of the runs a log is of; without statistics in it, the only run where it is the only log."""
    if facts.stats is None:
        return 0 if only_log and len(runs) == 1 else None
    for number, run in enumerate(runs):
        if all(run[name] == facts.stats[name] for name in ("master", "slaves")):
            return number
    return None


def _is_statistics(stats: Any) -> bool:
    if not isinstance(stats, dict):
        return False
    slaves = stats.get("slaves")
    if not isinstance(stats.get("master"), dict) or not isinstance(slaves, dict):
        return False
    return all(isinstance(counters, dict) for counters in slaves.values())
