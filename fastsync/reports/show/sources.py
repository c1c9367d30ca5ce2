"""The reports that are shown: files, streams, which are kept on disk meanwhile, and the folders that Spark writes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.difference import Verdict
from fastsync.output.differences.block import ShownDifference, as_item
from fastsync.reports.read import LogLine, ReportEnd, ReportLine, StatisticsFile, read_file, read_opened_file

AT_ONCE = 1 << 20
"""Bytes of a stream that are copied at a time."""
PART = "part-*"
"""Files of text that Spark writes into the folder of each part."""


@dataclass(frozen=True)
class Source:
    """One report, which may be read several times. `spool` holds what came through a stream."""

    name: str
    spool: IO[bytes] | None = None

    def read(self) -> Iterator[ShownDifference | ReportEnd]:
        """Yield the differences of the report, and its end; raise ConfigError where it is none, or cannot be read."""
        for content in self._read_contents():
            match content:
                case ReportLine():
                    yield show_line(content)
                case ReportEnd():
                    yield content
                case StatisticsFile() | LogLine():
                    raise ConfigError(f"{self.name} is no report: fastsync report makes a page of statistics and logs")

    def _read_contents(self) -> Iterator[ReportLine | ReportEnd | StatisticsFile | LogLine]:
        if self.spool is not None:
            self.spool.seek(0)
            yield from read_opened_file(self.name, self.spool)
        elif Path(self.name).is_dir():
            yield from _read_folder(self.name)
        else:
            yield from read_file(self.name)


def open_sources(paths: Sequence[str], stack: ExitStack) -> list[Source]:
    """Return the sources of these paths ("-" is stdin); what comes through a stream goes to a file that `stack` closes.

    Raises ConfigError where one cannot be read, and OutputFailed where the disk is full.
    """
    return [_open_source(path, stack) for path in paths]


def show_line(content: ReportLine) -> ShownDifference:
    """Return the difference of a line, which may be of an earlier version, or edited: what it lacks is not known."""
    line = content.line
    paths = line.get("paths")
    known = None
    if isinstance(paths, list):
        known = frozenset(path for path in paths if isinstance(path, str))
    return ShownDifference(
        slave=line["slave"],
        verdict=Verdict(line["verdict"]),
        key=line["key"],
        attributes=tuple(line["attributes"]),
        action=line.get("action") or "none",
        error=line.get("error"),
        master=as_item(line.get("master")),
        slave_item=as_item(line.get("slave_item")),
        paths=known,
    )


def _open_source(path: str, stack: ExitStack) -> Source:
    if path != "-" and (Path(path).is_file() or Path(path).is_dir() or not Path(path).exists()):
        return Source(path)
    spool = stack.enter_context(_open_spool())
    if path == "-":
        if sys.stdin is None:
            raise ConfigError("stdin (-) cannot be read: it is closed")
        _copy_stream("stdin (-)", sys.stdin.buffer, spool)
    else:
        try:
            with Path(path).open("rb") as stream:
                _copy_stream(path, stream, spool)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    return Source("stdin (-)" if path == "-" else path, spool)


def _open_spool() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise OutputFailed(f"a temporary file cannot be made: {error.strerror or error}") from None


def _copy_stream(name: str, stream: IO[bytes], spool: IO[bytes]) -> None:
    while True:
        try:
            data = stream.read(AT_ONCE)
        except OSError as error:
            raise ConfigError(f"{name} cannot be read: {error.strerror or error}") from None
        if not data:
            return
        try:
            spool.write(data)
        except OSError as error:
            raise OutputFailed(f"a temporary file cannot be written: {error.strerror or error}") from None


def _read_folder(path: str) -> Iterator[ReportLine | ReportEnd]:
    """Yield what the parts of a folder hold, in the order of their numbers; the last of them has the report's end."""
    end: ReportEnd | None = None
    parts = _list_parts(path)
    if not parts:
        raise ConfigError(f"{path} is a folder without the numbered parts of a report by Spark; name the file in it")
    for part in parts:
        for content in read_file(str(part)):
            match content:
                case ReportLine():
                    yield content
                case ReportEnd():
                    end = content if end is None or content.last is not None else end
                case _:
                    raise ConfigError(f"{part} is no part of a report")
    yield end or ReportEnd(None)


def _list_parts(path: str) -> list[Path]:
    try:
        numbered = sorted(
            (each for each in Path(path).iterdir() if each.name.isdecimal()), key=lambda each: int(each.name)
        )
        return [part for folder in numbered for part in sorted(folder.glob(PART))]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
