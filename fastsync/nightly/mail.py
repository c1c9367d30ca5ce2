"""What a scheduled run prints for a mail: how it ended, the summary, what went wrong, and where its files are."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastsync.model.wording import count_nouns
from fastsync.nightly.files import Files
from fastsync.output.log import Log
from fastsync.output.statistics import Result, parse_statistics
from fastsync.reports.summary import summarize

MOST_LINES = 20
"""Warnings and errors that go into a mail; the log has them all."""


def print_outcome(code: int, files: Files, text: str, counted: bool) -> None:
    """Print what a run came to, by its part of the log, and by its statistics where it has `counted` anything."""
    logged = filter(None, map(_parse_line, text.split("\n")))
    warnings = [line["message"] for line in logged if line["level"] != "info" and "stats" not in line]
    lines = warnings
    if counted:
        with suppress(OSError, ValueError):
            statistics = parse_statistics(files["stats.json"].read_bytes())
            others = [each for each in warnings if each not in statistics.errors]
            lines = [text for line in summarize(Result(statistics, code, others)) for text in line.wrap()]
    log = Log()
    log.error(f"the {files.what} ended with exit code {code}")
    for line in lines[:MOST_LINES]:
        log.info(line)
    if len(lines) > MOST_LINES:
        log.info(f"... and {count_nouns(len(lines) - MOST_LINES, 'more line')}")
    log.info(f"files: {files['*']}")


def print_fleet_outcome(code: int, files: Files, text: str, folder: Path) -> None:
    """Print what a run of a fleet came to, by its part of the log: what went wrong, and the worst pairs."""
    logged = list(filter(None, map(_parse_line, text.split("\n"))))
    told = [line["message"] for line in logged if line["level"] != "info"]
    table = [line["message"] for line in logged if line.get("table")]
    log = Log()
    log.error(f"the {files.what} ended with exit code {code}")
    for lines, noun in ((told, "more line"), (table, "more pair")):
        for line in lines[:MOST_LINES]:
            log.info(line)
        if len(lines) > MOST_LINES:
            log.info(f"... and {count_nouns(len(lines) - MOST_LINES, noun)}")
    log.info(f"files: {folder}, {files['log']}")


def _parse_line(text: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        line = json.loads(text)
        if isinstance(line, dict) and "level" in line and "message" in line:
            return line
    return None
