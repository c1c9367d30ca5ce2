"""Undo log: what every write is about to replace, a line of JSON each, on disk before the write.

    {"slave": "us-west-2:orders", "key": {...}, "before": {...} or null, "after": {...} or null}

All workers append to the one file. A line is written under a lock and taken back where the disk took only a part of it,
so that no line is ever torn but the last one of a machine that lost its power. Such a line is no loss: its write waits
until it is synced.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby, takewhile
from operator import itemgetter
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Raw

from fastsync.errors import ConfigError, OutputFailed
from fastsync.jsonlines import escape_line_breaks_in_bytes
from fastsync.mark import sync_folder


class Entry(msgspec.Struct, frozen=True):
    """One intended write: the slave's name as given, and key and items as raw DynamoDB JSON; null where absent."""

    slave: str
    key: Raw
    before: Raw
    after: Raw

    @property
    def before_item(self) -> Raw | None:
        """What the slave's item was, None where there was none."""
        return None if self.before == NOTHING else self.before

    @property
    def after_item(self) -> Raw | None:
        """What the slave's item was to become, None where it was to go."""
        return None if self.after == NOTHING else self.after


TAIL = 1 << 16
"""Bytes that are read at a time to find the end of the last line."""
NOTHING = Raw(b"null")
"""The item that is not there."""
Chain = list[Entry]
"""What a run meant to write under one key of one slave, the last first."""
_decode = msgspec.json.Decoder(Entry).decode


class UndoLog:
    """Append to an undo log; safe for the threads of a process and for several processes."""

    def __init__(self, path: str):
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise OutputFailed(
                f"the undo log {path} cannot be opened any more, so nothing more is written to slaves: {error.strerror}"
            ) from None

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries and return when they are on disk; raise OutputFailed where that fails."""
        lines = b"".join(escape_line_breaks_in_bytes(msgspec.json.encode(entry)) + b"\n" for entry in entries)
        try:
            self._write(lines)
            os.fdatasync(self._file)
        except OSError as error:
            raise OutputFailed(
                f"the undo log {self._path} cannot be written any more, so nothing more is written to slaves: "
                f"{error.strerror}"
            ) from None

    @property
    def size(self) -> int:
        """The bytes of the log, by whomever they were written."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, lines: bytes) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            before = _cut_torn_line(self._file)
            if (written := os.write(self._file, lines)) < len(lines):
                _take_back(self._file, before)
                raise OSError(0, f"the disk took {written} of {len(lines)} bytes")
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def size_of(path: str | None) -> int:
    """Give the bytes of an undo log, 0 where there is none."""
    try:
        return 0 if path is None else Path(path).stat().st_size
    except OSError:
        return 0


def go_on(path: str) -> None:
    """Make an undo log, or take one up that an earlier run has left; raise ConfigError where that cannot be."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _cut_torn_line(handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(Path(path))
    except OSError as error:
        raise ConfigError(f"--undo-log {path} cannot be written: {error.strerror or error}") from None


def create(path: str) -> None:
    """Make an empty undo log; raise ConfigError where the file has content already, or cannot be made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # it holds whole items
        size = os.fstat(handle).st_size
        os.fsync(handle)
        os.close(handle)
        sync_folder(Path(path))
    except OSError as error:
        raise ConfigError(f"--undo-log {path} cannot be written: {error.strerror or error}") from None
    if size:
        raise ConfigError(
            f"--undo-log {path} has content already: it may be all that can take an earlier run back; give another name"
        )


def read(path: str, start: int = 0) -> Iterator[tuple[int, Entry]]:
    """Yield the entries from byte `start` on, each with its own offset; raise ConfigError on what is no undo log.

    A last line without an end is left out: the write that it announces was never made.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield start, _entry(path, start, line)
                start += len(line)
    except OSError as error:
        raise ConfigError(f"the undo log {path} cannot be read: {error.strerror or error}") from None


class Index:
    """The entries of an undo log by slave and key, in a database on disk, so that memory stays flat.

    Of a part of the log, those that begin from byte `start` on and before `end`. Raises ConfigError on what is no undo
    log.
    """

    def __init__(self, path: str, start: int = 0, end: int | None = None):
        self._path = path
        # a temporary file of the database's own; one thread at a time
        self._rows = sqlite3.connect("", check_same_thread=False)

        self._rows.execute("CREATE TABLE entries (slave TEXT, key BLOB, at INTEGER)")
        entries = takewhile(lambda told: end is None or told[0] < end, read(path, start))
        told = ((entry.slave, bytes(entry.key), at) for at, entry in entries)
        self._rows.executemany("INSERT INTO entries VALUES (?, ?, ?)", told)
        self._rows.execute("CREATE INDEX by_key ON entries (slave, key)")

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._rows.close()

    @property
    def count(self) -> int:
        """How many entries there are."""
        ((count,),) = self._rows.execute("SELECT count(*) FROM entries")
        return int(count)

    def keys(self) -> Iterator[tuple[str, bytes]]:
        """Yield slave and key of every entry."""
        yield from self._rows.execute("SELECT slave, key FROM entries")

    def chain(self, slave: str, key: bytes) -> Chain:
        """Give what was meant to be written under one key, the last first."""
        rows = self._rows.execute("SELECT at FROM entries WHERE slave = ? AND key = ? ORDER BY at DESC", (slave, key))
        with Path(self._path).open("rb") as file:
            return [_at(file, at) for (at,) in rows]

    def slaves(self) -> list[str]:
        """Name the slaves, in the order in which they were first written to."""
        return [name for (name,) in self._rows.execute("SELECT slave FROM entries GROUP BY slave ORDER BY min(at)")]

    def chains(self, slave: str) -> Iterator[Chain]:
        """Yield what was meant to be written to a slave, key by key."""
        rows = self._rows.execute("SELECT key, at FROM entries WHERE slave = ? ORDER BY key, at DESC", (slave,))
        with Path(self._path).open("rb") as file:
            for _, same in groupby(rows, itemgetter(0)):
                yield [_at(file, at) for _, at in same]


def _at(file: IO[bytes], offset: int) -> Entry:
    file.seek(offset)
    return _decode(file.readline())


def _entry(path: str, offset: int, line: bytes) -> Entry:
    try:
        return _decode(line)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is no undo log, or is damaged at byte {offset}: {error}") from None


def _cut_torn_line(handle: int) -> int:
    """Take away a last line without an end, left by a writer that was killed in it; give the size of what is there."""
    size = end = os.fstat(handle).st_size
    if not size or os.pread(handle, 1, size - 1) == b"\n":
        return size
    while end:
        start = max(0, end - TAIL)
        if (found := os.pread(handle, end - start, start).rfind(b"\n")) >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(handle, end)
    return end


def _take_back(handle: int, size: int) -> None:
    with suppress(OSError):
        os.ftruncate(handle, size)
