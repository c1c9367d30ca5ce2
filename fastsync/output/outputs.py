"""Outputs: the report and the statistics of a run, opened before any request, and replaced only once the run begins.

A run that is refused leaves what an earlier run has written. One that a signal ends before its first page writes both
whole.
"""

from __future__ import annotations

from pathlib import Path

from fastsync.config.config import Config
from fastsync.output.durable import FilePosition, OutputFile, has_reader
from fastsync.output.report import Report
from fastsync.output.report_folder import PartedReport
from fastsync.output.statistics import Statistics, write_statistics


def is_in_vain(config: Config) -> bool:
    """Return whether the report or the statistics go to a stdout whose reader has left."""
    return "-" in (config.report, config.stats) and not has_reader()


class Outputs:
    """The report and the statistics, where they were asked for."""

    def __init__(self, report: Report | PartedReport | None, stats: OutputFile | None):
        self.report = report
        self._stats = stats

    @classmethod
    def opened(
        cls,
        config: Config,
        *,
        parted: PartedReport | None = None,
        position: FilePosition | None = None,
        copy: Path | None = None,
    ) -> Outputs:
        """Open what the flags name; raise ConfigError, having left everything as it was.

        `parted` is the report where tasks write it. A resumed run gives the `position` up to which its report is good,
        and where a report to stdout is kept (`copy`).
        """
        report: Report | PartedReport | None = parted
        if report is None and config.report is not None:
            report = Report(config, position, copy)
        if config.stats is None:
            return cls(report, None)
        try:
            return cls(report, OutputFile(config.stats, "--stats"))
        except BaseException:
            if report is not None:
                report.discard()
            raise

    def begin(self) -> None:
        """Let the report begin, without what an earlier run had left in it; raise ConfigError or OutputFailed."""
        if self.report is not None:
            self.report.begin()

    def discard(self) -> None:
        """Leave both as they were."""
        for output in (self.report, self._stats):
            if output is not None:
                output.discard()

    def write_stats(self, statistics: Statistics) -> None:
        """Write the statistics and close their file; raise OutputFailed."""
        if self._stats is not None:
            write_statistics(self._stats.begin(), statistics)

    def end_early(self) -> None:
        """Close the report where nothing was compared: it holds what an earlier run brought up to its checkpoint.

        Raises ConfigError or OutputFailed.
        """
        if self.report is not None:
            self.report.begin()
            self.report.finish(complete=False)
