"""Read a report line by line: the file of a run, or the folder that Spark tasks have written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from fastsync.errors import ConfigError
from fastsync.model.difference import Item
from fastsync.model.wording import quote
from fastsync.reports.read import ReportEnd, read_file
from fastsync.reports.read import ReportLine as FileLine

PART = "part-*"
"""The files of a part's folder that hold lines; Hadoop puts checksums and a mark of success beside them."""


class _AlwaysThere(TypedDict):
    slave: str
    verdict: Literal["missing", "differing", "extra"]
    key: Item
    attributes: list[str]
    action: str
    error: str | None


class ReportLine(_AlwaysThere, total=False):
    """A line of a report. Items and keys are DynamoDB JSON; what is not in every report need not be there."""

    paths: list[str]
    master: Item | None
    slave_item: Item | None
    master_version: Any
    slave_version: Any


class ReportFile:
    """A report, read anew by each iteration, which yields its differences in the order of the file.

    `complete` is what its last line says: whether the run saw and did everything. It is False where the report was cut
    short, and None as long as it was not read to its end.
    """

    def __init__(self, path: Path):
        self.path = path
        self.complete: bool | None = None

    def __iter__(self) -> Iterator[ReportLine]:
        """Yield the lines; raise ConfigError at one that is damaged, and where the last line has another number."""
        self.complete = None
        last: dict[str, Any] | None = None
        number = 0
        for file in self._list_files():
            for content in read_file(str(file)):
                if last is not None and content != ReportEnd(None):
                    raise ConfigError(f"{quote(str(file))} goes on behind the last line of the report")
                if isinstance(content, ReportEnd):
                    last = content.last or last
                elif not isinstance(content, FileLine):
                    raise ConfigError(f"{quote(str(file))} is not a report: it holds statistics or a log")
                else:
                    number += 1
                    yield cast(ReportLine, content.line)
        if last is not None and last["differences"] != number:
            raise ConfigError(
                f"{quote(str(self.path))} says that it has {last['differences']} differences, and has {number}: it was "
                "changed"
            )
        self.complete = last is not None and last["complete"]

    def _list_files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        try:
            parts = [part for part in self.path.iterdir() if part.name.isdigit()]
        except OSError as error:
            raise ConfigError(f"{quote(str(self.path))} cannot be read: {error.strerror or error}") from None
        if not parts:
            raise ConfigError(f"{quote(str(self.path))} is not a report: the folder holds no parts of one")
        return [file for part in sorted(parts, key=lambda part: int(part.name)) for file in sorted(part.glob(PART))]


def read_report(path: str | os.PathLike[str]) -> ReportFile:
    """Return a report to iterate over; raise ConfigError where there is no such file or folder."""
    try:
        report = Path(path)
        report.stat()
    except (OSError, ValueError) as error:  # ValueError: a byte of it is 0
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"the report {quote(str(path))} cannot be read: {reason}") from None
    return ReportFile(report)
