"""What a command shows on stderr: progress while it works, and at its end a summary, or lines of JSON."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from fastsync.model.addresses import hide_users
from fastsync.output.console.notices import PaceNotice, Verbose
from fastsync.output.console.progress import Bar, Lines
from fastsync.output.console.silence import SilenceNotice
from fastsync.output.durable import READER_LEFT
from fastsync.output.log import Log
from fastsync.output.sink import Sink
from fastsync.output.statistics import Result
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.reports.summary import summarize

_SECRET = re.compile(r"--(?:slave-)?(?:external-id|mfa-token)")
"""Flags whose values are not written down."""
HIDDEN = "******"


class Screen:
    """What a run shows on stderr while it works: `sinks`, as --verbose, --quiet and --progress ask for."""

    def __init__(self, flags: Mapping[str, Any], log: Log):
        self.sinks: list[Sink] = []
        self._bar: Bar | None = None
        self._silence = SilenceNotice(log)
        if flags["verbose"]:
            self.sinks.append(Verbose(log))
        if flags["quiet"]:
            return
        self.sinks.append(PaceNotice(log))
        if flags.get("executor") != "spark":  # whose tasks tell everything at their end
            self.sinks.append(self._silence)
        if flags["progress"] is not False:
            progress = _choose_progress(flags["progress"], log)
            self.sinks.append(progress)
            self._bar = progress if isinstance(progress, Bar) else None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Show on a terminal at once that something is done, and leave nothing of it behind."""
        if self._bar is not None and sys.stderr.isatty():
            self._bar.announce("describing tables")
        try:
            yield
        finally:
            self._silence.end()
            if self._bar is not None:
                self._bar.end()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the bar away while somebody is asked."""
        with self._silence.paused(), nullcontext() if self._bar is None else self._bar.paused():
            yield


def _choose_progress(wanted: bool | None, log: Log) -> Sink:
    """Return a bar on a terminal, or where --progress asks for one; else lines. A bar is never among lines of JSON."""
    if log.json:
        return Lines(log)
    if wanted or sys.stderr.isatty():
        return Bar()
    return Lines(log)


@dataclass(frozen=True)
class Shown:
    """How a result is shown on stderr.

    `command` are the words of the command, which the last line of JSON has where they are given. `report` is the file
    that has the differences, and `next_step` says what can be done next, by the result.
    """

    quiet: bool = False
    verbose: bool = False
    command: Sequence[str] = ()
    report: str | None = None
    next_step: Callable[[Result], str | None] = lambda _: None


def report_result(result: Result, log: Log, shown: Shown) -> int:
    """Sum the run up, and return its exit code. Where the reader of stdout has left (`| head`), nothing is said."""
    if READER_LEFT in result.errors:
        return result.exit_code
    with foreseen_only(Phase("summing up", has_read=True)):
        if shown.quiet or log.json:
            _log_problems(result, log)
        if not shown.quiet:
            _sum_up(result, log, shown)
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


def _sum_up(result: Result, log: Log, shown: Shown) -> None:
    if log.json:
        _log_summary(result, log, shown)
        return
    for line in summarize(result, shown.report, verbose=shown.verbose):
        for text in line.wrap():
            if line.state is None:
                log.info(text)
            else:
                log.verdict(text, line.state)
    step = shown.next_step(result)
    if step is not None:
        log.info(step)


def _log_problems(result: Result, log: Log) -> None:
    """Write a line for each warning and each error."""
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)


def _log_summary(result: Result, log: Log, shown: Shown) -> None:
    """Write one line of JSON with the summary of people and the statistics in it; errors have lines of their own."""
    statistics = result.statistics.with_errors((), result.complete)
    told = summarize(replace(result, statistics=statistics, warnings=[]), verbose=shown.verbose)
    message = "; ".join(line.text.strip() for line in told)
    write = log.info if result.exit_code == 0 else log.warning
    fields: dict[str, Any] = {"complete": result.complete, "exit_code": result.exit_code}
    if shown.command:
        fields["command"] = format_command(shown.command)
    write(message, **fields, stats=result.stats)
