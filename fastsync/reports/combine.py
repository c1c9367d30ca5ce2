"""Combine the statistics and reports of shards into those of the whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from fastsync.config.checks import check_path
from fastsync.config.paths import check_inputs, check_once, check_outputs
from fastsync.errors import ConfigError
from fastsync.model.json_lines import escape_line_breaks_in_bytes
from fastsync.output.durable import AtomicFile
from fastsync.output.statistics import Result, find_exit_code, format_stats, withheld
from fastsync.reports.read import LogLine, ReportEnd, ReportLine, StatisticsFile, read_file
from fastsync.reports.repeats import Repeats
from fastsync.reports.shards import ShardFile, add_up_shards, find_missing, tally_of

VERDICTS = ("missing", "differing", "extra")
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
        figures.write(format_stats(result.stats).encode())
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
    """What the files told so far; the lines of reports go on at once."""

    def __init__(self, lines: AtomicFile | None, repeats: Repeats):
        self.parts: list[ShardFile] = []
        self.reports: list[ReportFile] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lines = lines
        self._repeats = repeats

    def read_source(self, file: str) -> None:
        """Take in one file."""
        report = ReportFile(file)
        for part in read_file(file):
            match part:
                case StatisticsFile():
                    self.parts.append(ShardFile.of(file, part.told))
                case LogLine():
                    raise ConfigError(f"{file} is a log, and neither statistics nor a report")
                case ReportLine():
                    self._add_difference(report, part)
                case ReportEnd():
                    report.last = part.last
                    self._end_report(report)
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

    def _end_report(self, report: ReportFile) -> None:
        lines = report.counts.total()
        if report.last is not None and report.last["differences"] != lines:
            told = report.last["differences"]
            raise ConfigError(f"{report.file} says that it has {told} differences, and has {lines}: it was changed")
        self.counts += report.counts
        self.reports.append(report)

    def find_repeated(self) -> tuple[str, str] | None:
        """Give two files that have a difference in common, None where there are none."""
        found = self._repeats.find_repeat()
        return None if found is None else (self.reports[found[0]].file, self.reports[found[1]].file)


def _make_result(gathered: _Gathered) -> Result:
    parts = sorted(gathered.parts, key=lambda part: part.shard.number)
    if not parts:
        raise ConfigError("there are no statistics among the files; give what --stats wrote on each host")
    stats = add_up_shards(parts)
    if gathered.reports:
        _refuse_reports(gathered, stats, parts)
        stats["errors"] += [f"{each.file}: {why}" for each in gathered.reports if (why := _find_lack(each, stats))]
        stats["complete"] &= all(each.complete for each in gathered.reports)
    tallies = [
        replace(tally_of(slave), withheld=withheld(each, stats["errors"])) for each, slave in stats["slaves"].items()
    ]
    return Result(stats, stats["complete"], stats["errors"], find_exit_code(tallies, stats["complete"]))


def _find_lack(report: ReportFile, stats: dict[str, Any]) -> str | None:
    """Return what a report lacks that the statistics do not tell."""
    if report.last is None:
        return "the report was cut short: it has no last line, and may lack differences"
    if stats["complete"] and not report.complete:
        return "the report says that it is not complete"
    return None


def _refuse_reports(gathered: _Gathered, stats: dict[str, Any], parts: Sequence[ShardFile]) -> None:
    """Raise ConfigError where reports are not those of the statistics.

    The report of a shard without statistics may be there too, as a run that was killed leaves it.
    """
    reports, most = gathered.reports, len(parts) + len(find_missing(parts))
    if not len(parts) <= len(reports) <= most:
        raise ConfigError(
            f"there are {len(reports)} reports and {len(parts)} statistics; give both of each shard, or no reports"
        )
    if (repeated := gathered.find_repeated()) is not None:
        raise ConfigError(f"{repeated[0]} and {repeated[1]} have a difference in common, so they are not of two shards")
    whole = all(report.complete for report in reports)
    told = {(slave, verdict): found[verdict] or 0 for slave, found in stats["slaves"].items() for verdict in VERDICTS}
    for slave, verdict in {**told, **gathered.counts}:
        lines, claimed = gathered.counts[slave, verdict], told.get((slave, verdict), 0)
        explained = len(reports) > len(parts) and slave in stats["slaves"]
        if (lines < claimed and whole) or (lines > claimed and not explained):
            files = [each.file for each in reports if lines < claimed or each.counts[slave, verdict]]
            raise ConfigError(
                f"the statistics tell of {claimed} {verdict} on {slave}, and the reports have {lines}: "
                f"the statistics and {_list_files(files)} do not belong together"
            )


def _list_files(files: Sequence[str]) -> str:
    more = len(files) - MOST_LISTED
    return ", ".join(files[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")
