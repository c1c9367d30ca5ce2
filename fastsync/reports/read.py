"""Read the files of runs; their content tells what they are."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from fastsync.errors import ConfigError
from fastsync.model.difference import DIFFERENCES

MOST_STATS = 64_000_000
"""Bytes of a statistics file, and of a line; one of a thousand slaves has under one million, an item as many."""
GZIP = b"\x1f\x8b"
"""What a gzip file begins with (RFC 1952)."""


@dataclass(frozen=True)
class ReportLine:
    """A line of a report, parsed and as it stands there."""

    line: dict[str, Any]
    text: bytes


@dataclass(frozen=True)
class ReportEnd:
    """The end of a report: its last line, or None where it was cut short."""

    last: dict[str, Any] | None


@dataclass(frozen=True)
class StatisticsFile:
    """A statistics file, parsed."""

    document: dict[str, Any]


@dataclass(frozen=True)
class LogLine:
    """A line of a log of the form "json"."""

    line: dict[str, Any]


Content = ReportLine | ReportEnd | StatisticsFile | LogLine


def read_file(path: str) -> Iterator[Content]:
    """Yield what one file holds ("-" is stdin); raise ConfigError where it is no file of fastsync, or cannot be read.

    A report may stop in the middle of a line, as one does whose run was killed, and an empty file is such a report.
    Empty lines, which somebody's editor has left in a report, are passed over.
    """
    try:
        with _open_file(path) as file:
            yield from read_opened_file(path, file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None


def read_opened_file(path: str, file: IO[bytes]) -> Iterator[Content]:
    """Yield what an open file holds, from where it stands on; errors name it by `path`."""
    first = file.readline(MOST_STATS)
    while first and not first.strip():
        first = file.readline(MOST_STATS)
    start = _parse_json(first)
    if start is None or _is_stats(start):
        yield from _read_whole(path, first, file)
    elif _is_log(start):
        yield from _read_log(path, first, file)
    else:
        yield from _read_report(path, first, file)


@contextmanager
def _open_file(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        if sys.stdin is None:
            raise ConfigError("stdin (-) cannot be read: it is closed")
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


def _read_whole(path: str, first: bytes, file: IO[bytes]) -> Iterator[Content]:
    text = first + file.read(MOST_STATS)
    document = _parse_json(text)
    if _is_stats(document) and _is_writable(document) and not _has_repeats(text):
        yield StatisticsFile(document)
    elif not text.strip() or (b"\n" not in text and text.startswith(b'{"slave"')):
        yield ReportEnd(None)
    else:
        _refuse_file(path)


def _read_report(path: str, first: bytes, file: IO[bytes]) -> Iterator[Content]:
    whole = False
    for number, text in enumerate(_read_lines(first, file), 1):
        if not text.strip():
            continue
        line = _parse_json(text)
        whole = _is_end(line)
        if whole:
            yield ReportEnd(line)
        elif _is_difference(line):
            yield ReportLine(line, text)
        elif _is_cut_short(line, text):
            break
        else:
            _refuse_file(path, number)
    if not whole:
        yield ReportEnd(None)


def _read_log(path: str, first: bytes, file: IO[bytes]) -> Iterator[Content]:
    for number, text in enumerate(_read_lines(first, file), 1):
        line = _parse_json(text)
        if _is_log(line):
            yield LogLine(line)
        elif not _is_cut_short(line, text):
            _refuse_file(path, number)


def _read_lines(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, whose first one was read already; very long ones in pieces."""
    line = first
    while line:
        yield line
        line = file.readline(MOST_STATS)


def _is_cut_short(line: Any, text: bytes) -> bool:
    """Return whether a file stops in the middle of this line, as one does whose run was killed."""
    return line is None and not text.endswith(b"\n")


def _refuse_file(path: str, number: int = 1) -> NoReturn:
    if _is_gzip(path):
        raise ConfigError(f"{path} is compressed; unpack it first")
    what = f"{path} is neither a report nor statistics nor JSON log lines of fastsync"
    if number > 1:
        what += f", from its line {number} on"
    raise ConfigError(what)


def _parse_json(text: bytes) -> Any:
    """Parse JSON strictly: None where it is none, or holds what a browser would not take for JSON."""
    try:
        return _DECODER.decode(text.decode())
    except (ValueError, RecursionError):
        return None


def _is_writable(document: Any) -> bool:
    """Return whether what was parsed can be written again: JSON may be nested more deeply than that."""
    try:
        json.dumps(document)
    except RecursionError:
        return False
    return True


def _has_repeats(text: bytes) -> bool:
    """Return whether a name stands in an object twice, so that nobody knows which of its values counts."""
    found = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found |= len(dict(pairs)) < len(pairs)

    json.loads(text, object_pairs_hook=look)
    return found


def _is_gzip(path: str) -> bool:
    if path == "-":
        return False
    with suppress(OSError), Path(path).open("rb") as file:
        return file.read(len(GZIP)) == GZIP
    return False


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant(text)
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_parse_finite
)  # making one takes as long as a line


def _is_stats(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and isinstance(document.get("master"), dict)
        and isinstance(document.get("slaves"), dict)
        and all(isinstance(counters, dict) for counters in document["slaves"].values())
    )


def _is_log(line: Any) -> bool:
    texts = ("time", "level", "message")
    return isinstance(line, dict) and all(isinstance(line.get(name), str) for name in texts) and _is_writable(line)


def _is_end(line: Any) -> bool:
    return isinstance(line, dict) and isinstance(line.get("complete"), bool) and type(line.get("differences")) is int


def _is_difference(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and isinstance(line.get("slave"), str)
        and isinstance(line.get("verdict"), str)
        and line["verdict"] in DIFFERENCES
        and isinstance(line.get("key"), dict)
        and isinstance(line.get("attributes"), list)
        and all(isinstance(name, str) for name in line["attributes"])
        and isinstance(line.get("action"), str | None)
        and isinstance(line.get("error"), str | None)
    )
