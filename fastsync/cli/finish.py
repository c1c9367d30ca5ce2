"""Tell what a run came to: a summary for people, or lines of JSON; and return its exit code."""

from __future__ import annotations

from fastsync.output.log import Log
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.summary import format_summary


def report_result(result: Result, log: Log, quiet: bool) -> int:
    """Sum the run up, and return its exit code."""
    with foreseen_only(Phase("summing up", has_read=True)):
        _sum_up(result, log, quiet)
    return result.exit_code


def _sum_up(result: Result, log: Log, quiet: bool) -> None:
    """Write the summary; quietly, or where every line is JSON, warnings and errors have lines of their own."""
    if not quiet and not log.json:
        for line in format_summary(result.statistics, result.warnings, result.notes).split("\n"):
            log.info(line)
        return
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)
    if not quiet:
        summary = format_summary(result.statistics.with_errors((), result.complete), (), result.notes)
        lines = [line.strip() for line in summary.split("\n")]
        say = log.info if result.exit_code == 0 else log.warning
        say("; ".join(lines), complete=result.complete, exit_code=result.exit_code, stats=result.stats)
