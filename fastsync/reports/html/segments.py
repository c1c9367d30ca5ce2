"""Show where in the table differences lie, from the segments in a JSON log.

Many segments share a bar, so that a page of a million of them is as small as one of a hundred.
"""

from __future__ import annotations

from typing import Any

from fastsync.model.difference import DIFFERENCES
from fastsync.reports.counts import as_count, is_count

BARS = 120
"""Bars that a chart has at most."""


class Segments:
    """The segments of one log; where one has two lines, as after a resume, the last one counts."""

    def __init__(self) -> None:
        self._scanned: dict[int, int] = {}
        self._found: dict[str, dict[int, list[int]]] = {}

    def add_line(self, line: dict[str, Any]) -> bool:
        """Add a line of a log; return whether it is one of a segment."""
        number, found = line.get("segment"), line.get("found")
        if not is_count(number) or not isinstance(found, dict):
            return False
        self._scanned[number] = as_count(line.get("scanned"))
        for slave, verdicts in found.items():
            if isinstance(verdicts, dict):
                self._found.setdefault(slave, {})[number] = [as_count(verdicts.get(name)) for name in DIFFERENCES]
        return True

    def as_document(self) -> dict[str, Any] | None:
        """Return bars of `each` segments: items scanned, and for each slave the counts by verdict; None without any."""
        if not self._scanned:
            return None
        each = max(self._scanned) // BARS + 1
        bars = max(self._scanned) // each + 1
        scanned = [0] * bars
        for number, items in self._scanned.items():
            scanned[number // each] += items
        slaves = {slave: [[0] * bars for _ in DIFFERENCES] for slave in self._found}
        for slave, segments in self._found.items():
            for number, counts in segments.items():
                for verdict, count in enumerate(counts):
                    slaves[slave][verdict][number // each] += count
        return {
            "each": each,
            "segments": len(self._scanned),
            "last": max(self._scanned),
            "scanned": scanned,
            "slaves": slaves,
        }
