"""Write every difference as a line of JSON, and a last line that says whether the report is complete."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import IO

from fastsync.config.config import Config
from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.messages.events import PageDone
from fastsync.output import private_files
from fastsync.output.durable import READER_LEFT, FilePosition, Growth, OutputFile, check, truncate_to
from fastsync.output.report_line import ReportLines, format_last_line

WHAT = "--resume: the report"


class Report:
    """Write differences to a file, or to stdout for "-". Raises ConfigError where the file cannot be opened.

    What the file holds is kept until `begin`. With `--report-values` the lines hold both sides: the differing
    attributes, or the whole item where only one side has it; with `--version-attribute` both versions.

    A resumed run gives a `mark`: what is past it is cut off. stdout or a pipe cannot be cut, so all that goes there is
    kept in the file `copy` too, and written there once more by the run that resumes.
    """

    def __init__(self, config: Config, mark: FilePosition | None = None, copy: Path | None = None):
        self._path = str(config.report)
        self._lines = ReportLines.of(config)
        self._growth = Growth()
        self._mark = mark
        self._copy: IO[str] | None = None
        self._copy_path = copy if is_stream(self._path) else None
        self._output: OutputFile | None = None
        if mark is None or is_stream(self._path):
            self._output = OutputFile(self._path, "--report")
        else:
            _check_writable(self._path)

    def begin(self) -> None:
        """Empty the file, or cut it back to the mark; raise ConfigError or OutputFailed."""
        if self._output is not None:
            self._file = self._output.begin()
            if self._copy_path is not None:
                self._copy = self._open_copy(self._copy_path, self._mark)
        elif self._mark is not None:
            file, self._growth = truncate_to(Path(self._path), self._mark, WHAT, follow=True)
            self._file = _as_text(file)

    def discard(self) -> None:
        """Leave what was there before; for a run that does not begin."""
        if self._output is not None:
            self._output.discard()

    def _open_copy(self, copy: Path, mark: FilePosition | None) -> IO[str]:
        try:
            if mark is None:
                copy.unlink(missing_ok=True)
                return _as_text(os.fdopen(private_files.create(copy), "w+b"))
            file, self._growth = truncate_to(copy, mark, WHAT)
            with copy.open(encoding="utf-8", newline="") as earlier:
                shutil.copyfileobj(earlier, self._file)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConfigError(f"the report {copy} cannot be continued: {error.strerror or error}") from None
        return _as_text(file)

    def sync(self) -> FilePosition:
        """Return how far the report reaches, once that is on disk; raise OutputFailed."""
        try:
            os.fsync((self._copy or self._file).fileno())
        except OSError as error:
            raise OutputFailed(f"the report {self._path} cannot be written any more: {error}") from None
        return self._growth.mark()

    def add_page(self, page: PageDone) -> None:
        """Write the lines of a page's differences; raise OutputFailed where they cannot be written."""
        self._write_lines([self._lines.format_line(each) for each in page.differences])

    def finish(self, complete: bool) -> None:
        """Write the last line and close the file."""
        self._write_lines([format_last_line(complete, self._growth.lines)])
        if self._file is not sys.stdout:
            self._file.close()

    def _write_lines(self, lines: list[str]) -> None:
        if not lines:
            return
        text = "".join(f"{line}\n" for line in lines)
        try:
            for file in (self._file, self._copy):
                if file is not None:
                    file.write(text)
                    file.flush()
        except (OSError, ValueError) as error:
            if isinstance(error, BrokenPipeError) and self._file is sys.stdout:
                raise OutputFailed(READER_LEFT) from None
            raise OutputFailed(f"the report {self._path} cannot be written any more: {error}") from None
        self._growth.add(text.encode(), len(lines))


def check_resumed(path: str, mark: FilePosition, copy: Path) -> None:
    """Raise ConfigError where a report is not what it was when the checkpoint was written, so far as that covers it."""
    if is_stream(path):
        check(copy, mark, WHAT)
    else:
        check(Path(path), mark, WHAT, follow=True)


def is_stream(path: str) -> bool:
    """Return whether a report goes where nothing can be cut off or read again: to stdout, a pipe or a device."""
    if path == "-":
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _check_writable(path: str) -> None:
    try:
        private_files.check_writable(Path(path))
    except OSError as error:
        raise ConfigError(f"--report {path} cannot be written: {error.strerror or error}") from None


def _as_text(file: IO[bytes]) -> IO[str]:
    return io.TextIOWrapper(file, encoding="utf-8", newline="\n")
