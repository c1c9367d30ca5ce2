"""Report: every difference as a line of JSON, and a last line that says whether that was all."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

from fastsync.config import Config
from fastsync.errors import ConfigError, OutputFailed
from fastsync.events import PageDone
from fastsync.mark import Mark, cut_back
from fastsync.reportline import ReportLines, last_line


class Report:
    """Write differences to a file, or to stdout for "-". Raises ConfigError where the file cannot be opened.

    With `--report-values` the lines hold both sides: the differing attributes, or the whole item where only one side
    has it; with `--version-attribute` both versions. A run that goes on gives a `mark`: what is past it is cut off.
    stdout cannot be gone on in, so there what it was told is kept in the file `copy`, and told again.
    """

    def __init__(self, config: Config, mark: Mark | None = None, copy: Path | None = None):
        self._path = str(config.report)
        self._lines = ReportLines.of(config)
        self._bytes, self._count = (0, 0) if mark is None else (mark.bytes, mark.lines)
        self._copy = None if self._path != "-" or copy is None else _opened(copy, mark)
        self._file = _opened(Path(self._path), mark) if self._path != "-" else open_output("-", "--report")
        if self._copy is not None and copy is not None and mark is not None:
            shutil.copyfileobj(copy.open(encoding="utf-8"), self._file)
        self._file.flush()

    def mark(self) -> Mark:
        """Say how far the report reaches, once that is on disk; raise OutputFailed."""
        try:
            os.fsync((self._copy or self._file).fileno())
        except OSError as error:
            raise OutputFailed(f"the report {self._path} cannot be written any more: {error}") from None
        return Mark(self._bytes, self._count)

    def add(self, page: PageDone) -> None:
        """Write the lines of a page's differences; raise OutputFailed where they cannot be written."""
        lines = [self._lines.line(each) for each in page.differences]
        self._count += len(lines)
        self._write(lines)

    def close(self, complete: bool) -> None:
        """Write the last line and close the file."""
        self._write([last_line(complete, self._count)])
        if self._file is not sys.stdout:
            self._file.close()

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        text = "".join(f"{line}\n" for line in lines)
        try:
            for file in (self._file, self._copy):
                if file is not None:
                    file.write(text)
                    file.flush()
        except (OSError, ValueError) as error:
            raise OutputFailed(f"the report {self._path} cannot be written any more: {error}") from None
        self._bytes += len(text.encode())


def write_stats(file: IO[str], stats: dict[str, Any]) -> None:
    """Write the statistics and close the file; raise OutputFailed where it cannot be written."""
    try:
        file.write(stats_text(stats))
        file.flush()
        if file is not sys.stdout:
            file.close()
    except (OSError, ValueError) as error:
        raise OutputFailed(f"the statistics cannot be written: {error}") from None


def stats_text(stats: dict[str, Any]) -> str:
    """Give the statistics as the text of their file."""
    return json.dumps(stats, indent=2, ensure_ascii=False) + "\n"


def open_output(path: str, flag: str) -> IO[str]:
    """Open a file for writing, stdout for "-"; raise ConfigError where that fails."""
    if path == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the locale says
        return sys.stdout
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{flag} {path} cannot be written: {error.strerror or error}") from None


def _opened(path: Path, mark: Mark | None) -> IO[str]:
    if mark is None:
        return open_output(str(path), "--report")
    return io.TextIOWrapper(cut_back(path, mark, "--resume: the report"), encoding="utf-8")
