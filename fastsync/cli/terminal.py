"""What a command shows on stderr: progress while it works, and at its end a summary, or lines of JSON."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fastsync.model.addresses import hide_users
from fastsync.output.console.notices import PaceNotice, Verbose
from fastsync.output.console.progress import Bar, Lines
from fastsync.output.durable import READER_LEFT
from fastsync.output.log import Log
from fastsync.output.sink import Sink
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.summary import format_summary

_SECRET = re.compile(r"--(?:slave-)?(?:external-id|mfa-token)")
"""Flags whose values are not written down."""
HIDDEN = "******"


def choose_sinks(flags: Mapping[str, Any], log: Log) -> list[Sink]:
    """Return the sinks that show a run on stderr while it works, as --verbose, --quiet and --progress ask for."""
    sinks: list[Sink] = []
    if flags["verbose"]:
        sinks.append(Verbose(log))
    if flags["quiet"]:
        return sinks
    sinks.append(PaceNotice(log))
    if flags["progress"] is not False:
        sinks.append(_choose_progress(flags["progress"], log))
    return sinks


def _choose_progress(wanted: bool | None, log: Log) -> Sink:
    """Return a bar on a terminal, or where --progress asks for one; else lines. A bar is never among lines of JSON."""
    if log.json:
        return Lines(log)
    if wanted or sys.stderr.isatty():
        return Bar()
    return Lines(log)


def report_result(result: Result, log: Log, quiet: bool, command: Sequence[str] = ()) -> int:
    """Sum the run up, and return its exit code. Where the reader of stdout has left (`| head`), nothing is said.

    `command` are the words of the command, which the last line of JSON has where they are given.
    """
    if READER_LEFT in result.errors:
        return result.exit_code
    with foreseen_only(Phase("summing up", has_read=True)):
        _sum_up(result, log, quiet, command)
    return result.exit_code


def format_command(words: Sequence[str]) -> str:
    """Return the words of a command as a shell takes them, without secrets."""
    shown: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        if shown and _SECRET.fullmatch(shown[-1]):
            shown.append(HIDDEN)
        elif equals and _SECRET.fullmatch(name):
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(hide_users(word))
    return shlex.join(shown)


def _sum_up(result: Result, log: Log, quiet: bool, command: Sequence[str]) -> None:
    if quiet:
        _log_problems(result, log)
    elif log.json:
        _log_problems(result, log)
        _log_summary(result, log, command)
    else:
        for line in format_summary(result.statistics, result.warnings, result.notes).split("\n"):
            log.info(line)


def _log_problems(result: Result, log: Log) -> None:
    """Write a line for each warning and each error."""
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)


def _log_summary(result: Result, log: Log, command: Sequence[str]) -> None:
    """Write one line of JSON with the summary of people and the statistics in it; errors have lines of their own."""
    summary = format_summary(result.statistics.with_errors((), result.complete), (), result.notes)
    message = "; ".join(line.strip() for line in summary.split("\n"))
    write = log.info if result.exit_code == 0 else log.warning
    fields: dict[str, Any] = {"complete": result.complete, "exit_code": result.exit_code}
    if command:
        fields["command"] = format_command(command)
    write(message, **fields, stats=result.stats)
