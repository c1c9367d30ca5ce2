"""Combine the statistics and reports of shards into those of the whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fastsync.config.checks import check_path
from fastsync.config.paths import check_inputs, check_once, check_outputs
from fastsync.errors import ConfigError
from fastsync.model.difference import DIFFERENCES
from fastsync.model.json_lines import escape_line_breaks_in_bytes
from fastsync.output.durable import AtomicFile
from fastsync.output.statistics import (
    OVERSPENT,
    Result,
    Statistics,
    count_withheld,
    find_exit_code,
    format_statistics,
    tells_overspent,
)
from fastsync.reports.read import LogLine, ReportEnd, ReportLine, StatisticsFile, read_file
from fastsync.reports.repeats import Repeats
from fastsync.reports.shards import ShardFile, add_up_shards, find_missing

MOST_LISTED = 10
"""Files that a sentence names."""


@dataclass
class ReportFile:
    """The report of a shard: its file, how many lines it has of each slave and verdict, and its last line."""

    file: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Return whether the report is there to its end, and is of a run that was complete."""
        return self.last is not None and bool(self.last["complete"])


def combine_files(files: Sequence[str], stats: str = "-", report: str | None = None) -> Result:
    """Read files of shards, statistics and reports in any order, and write those of the whole ("-" is stdout).

    Raises ConfigError where files do not belong together, or where an output is one of them; nothing is written then.
    """
    _refuse_outputs(files, stats, report)
    with ExitStack() as stack:
        lines = None if report is None else stack.enter_context(AtomicFile(report, "--report"))
        figures = stack.enter_context(AtomicFile(stats, "--stats"))
        gathered = _Gathered(lines, stack.enter_context(Repeats()))
        for file in files:
            gathered.read_source(file)
        if report is not None and not gathered.reports:
            raise ConfigError("--report asks for the report of the whole, and there is no report among the files")
        result = _make_result(gathered)
        if lines is not None:
            end = {"complete": result.complete, "differences": sum(gathered.counts.values())}
            lines.write(f"{json.dumps(end)}\n".encode())
            lines.commit()
        figures.write(format_statistics(result.statistics).encode())
        figures.commit()
    return result


def _refuse_outputs(files: Sequence[str], stats: str, report: str | None) -> None:
    """Raise ConfigError where an output would replace an input or the other output, or a file is given twice."""
    if stats == report == "-":
        raise ConfigError("--report - and --stats - cannot both go to stdout; give one of them a file")
    for flag, path in (("--stats", stats), ("--report", report), *(("FILE", file) for file in files)):
        check_path(flag, path)
    check_once(files)
    outputs = {"--stats": stats, "--report": report}
    check_inputs(outputs, files)
    check_outputs(outputs)


class _Gathered:
    """What was read of the files so far; the lines of reports are copied to the report of the whole at once."""

    def __init__(self, lines: AtomicFile | None, repeats: Repeats):
        self.shards: list[ShardFile] = []
        self.reports: list[ReportFile] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lines = lines
        self._repeats = repeats

    def read_source(self, file: str) -> None:
        """Read one file."""
        report = ReportFile(file)
        for content in read_file(file):
            match content:
                case StatisticsFile():
                    self.shards.append(ShardFile.parse(file, content.document))
                case LogLine():
                    raise ConfigError(f"{file} is a log, and neither statistics nor a report")
                case ReportLine():
                    self._add_difference(report, content)
                case ReportEnd():
                    report.last = content.last
                    self._add_report(report)
                    report = ReportFile(file)

    def _add_difference(self, report: ReportFile, found: ReportLine) -> None:
        slave, verdict = found.line["slave"], found.line["verdict"]
        try:
            key = msgspec.convert(found.line["key"], dict[str, dict[str, str]])
        except ValueError:  # of the wrong types, or with a lone surrogate, which no key can hold
            raise ConfigError(f"{report.file} is no report of fastsync: a key in it is not DynamoDB JSON") from None
        report.counts[slave, verdict] += 1
        self._repeats.add_difference(len(self.reports), slave, verdict, key)
        if self._lines is not None:
            self._lines.write(escape_line_breaks_in_bytes(found.text.strip()) + b"\n")

    def _add_report(self, report: ReportFile) -> None:
        lines = report.counts.total()
        if report.last is not None and report.last["differences"] != lines:
            claimed = report.last["differences"]
            raise ConfigError(f"{report.file} says that it has {claimed} differences, and has {lines}: it was changed")
        self.counts += report.counts
        self.reports.append(report)

    def find_repeated(self) -> tuple[str, str] | None:
        """Return two files that have a difference in common, None where there are none."""
        found = self._repeats.find_repeat()
        if found is None:
            return None
        one, other = found
        return self.reports[one].file, self.reports[other].file


def _make_result(gathered: _Gathered) -> Result:
    shards = sorted(gathered.shards, key=lambda each: each.shard.number)
    if not shards:
        raise ConfigError("there are no statistics among the files; give what --stats wrote on each host")
    statistics = add_up_shards(shards)
    if gathered.reports:
        missing = len(find_missing(shards))
        _refuse_number_of_reports(len(gathered.reports), len(shards), missing)
        _refuse_repeated(gathered)
        _refuse_other_counts(gathered, statistics, more_reports=len(gathered.reports) > len(shards))
        statistics = statistics.with_errors(
            [*statistics.errors, *_describe_cut_reports(gathered.reports, statistics.complete)],
            complete=statistics.complete and all(report.complete for report in gathered.reports),
        )
    tallies = [
        slave.as_tally(withheld=count_withheld(name, statistics.errors)) for name, slave in statistics.slaves.items()
    ]
    if tells_overspent(statistics.errors):
        return Result(statistics, OVERSPENT)
    return Result(statistics, find_exit_code(tallies, statistics.complete))


def _describe_cut_reports(reports: Sequence[ReportFile], complete: bool) -> Iterator[str]:
    """Yield an error for each report that is not complete; `complete` is what the statistics say of the whole."""
    for report in reports:
        if report.last is None:
            yield f"{report.file}: the report was cut short: it has no last line, and may lack differences"
        elif complete and not report.complete:
            yield f"{report.file}: the report says that it is not complete"


def _refuse_number_of_reports(reports: int, shards: int, missing: int) -> None:
    """Raise ConfigError where reports lack, or are too many.

    The report of a shard without statistics may be there too, as a run that was killed leaves it.
    """
    if not shards <= reports <= shards + missing:
        raise ConfigError(
            f"there are {reports} reports and {shards} statistics; give both of each shard, or no reports"
        )


def _refuse_repeated(gathered: _Gathered) -> None:
    repeated = gathered.find_repeated()
    if repeated is not None:
        raise ConfigError(f"{repeated[0]} and {repeated[1]} have a difference in common, so they are not of two shards")


def _refuse_other_counts(gathered: _Gathered, statistics: Statistics, more_reports: bool) -> None:
    """Raise ConfigError where reports have other numbers of differences than the statistics.

    With `more_reports` than statistics, lines of slaves that the statistics name may be more.
    """
    whole = all(report.complete for report in gathered.reports)
    counted = {
        (name, verdict): getattr(slave, verdict) or 0
        for name, slave in statistics.slaves.items()
        for verdict in DIFFERENCES
    }
    for slave, verdict in {**counted, **gathered.counts}:
        lines, claimed = gathered.counts[slave, verdict], counted.get((slave, verdict), 0)
        too_few = lines < claimed and whole
        too_many = lines > claimed and not (more_reports and slave in statistics.slaves)
        if too_few or too_many:
            files = [each.file for each in gathered.reports if lines < claimed or each.counts[slave, verdict]]
            raise ConfigError(
                f"the statistics tell of {claimed} {verdict} on {slave}, and the reports have {lines}: "
                f"the statistics and {_list_files(files)} do not belong together"
            )


def _list_files(files: Sequence[str]) -> str:
    named = ", ".join(files[:MOST_LISTED])
    if len(files) <= MOST_LISTED:
        return named
    return f"{named} and {len(files) - MOST_LISTED:,} more"
