"""The undo log: the items that writes replace, one line of JSON for each write, on disk before it is sent.

    {"slave": "us-west-2:orders", "key": {...}, "before": {...} or null, "after": {...} or null,
     "table_id": ["..."], "checksum": "..."}

`table_id` is the identity of the table that was written to, `checksum` covers the other fields; logs of older versions
have neither.

All workers append to the one file. A line is written under a lock, and removed where the disk took only a part of it,
so no line is ever torn but the last one before a power failure. Such a line is no loss: its write is sent only once it
is synced.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Raw

from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.json_lines import checksum, escape_line_breaks_in_bytes
from fastsync.output.durable import sync_folder
from fastsync.output.private_files import check_writable


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One intended write: the slave's name as given, and key and items as raw DynamoDB JSON; null where absent.

    `table_id` (Table.identity) and `checksum` are empty in a line of an older version.
    """

    slave: str
    key: Raw
    before: Raw
    after: Raw
    table_id: tuple[str, ...] = ()
    checksum: str = ""

    @property
    def before_item(self) -> Raw | None:
        """The slave's item before the write, None where there was none."""
        return _present(self.before)

    @property
    def after_item(self) -> Raw | None:
        """The slave's item after the write, None where the write deletes it."""
        return _present(self.after)

    def content_checksum(self) -> str:
        """Return the checksum of all other fields, regardless of the order of names and of spaces."""
        values = [_parse(raw) for raw in (self.key, self.before, self.after)]
        return checksum(_sorted_text([self.slave, *values, self.table_id]))


TAIL = 1 << 16
"""Bytes that are read at a time to find the end of the last line."""
ABSENT = Raw(b"null")
"""An item that is absent."""
_parse = msgspec.json.Decoder().decode
_text = msgspec.json.encode
_sorted_text = msgspec.json.Encoder(order="sorted").encode


def _present(item: Raw) -> Raw | None:
    if item == ABSENT:
        return None
    return item


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

    def append_entries(self, entries: Sequence[Entry]) -> None:
        """Write entries and return when they are on disk; raise OutputFailed where that fails."""
        lines = b"".join(map(_encode_entry, entries))
        try:
            self._append_lines(lines)
            os.fdatasync(self._file)
        except OSError as error:
            raise OutputFailed(
                f"the undo log {self._path} cannot be written any more, so nothing more is written to slaves: "
                f"{error.strerror}"
            ) from None

    @property
    def size(self) -> int:
        """The bytes of the log, including those that other workers wrote."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append_lines(self, lines: bytes) -> None:
        with _hold_lock(self._file):
            before = _cut_torn_line(self._file)
            written = os.write(self._file, lines)
            if written < len(lines):
                _try_truncate(self._file, before)
                raise OSError(0, f"the disk took {written} of {len(lines)} bytes")


def undo_log_size(path: str | None) -> int:
    """Return the bytes of an undo log, 0 where there is none."""
    if path is None:
        return 0
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def reopen_undo_log(path: str) -> None:
    """Create an undo log, or continue that of an earlier run; raise ConfigError where that fails."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            with _hold_lock(handle):  # a worker of a run that was killed may be writing its last line
                _cut_torn_line(handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(Path(path))
    except OSError as error:
        raise ConfigError(f"--undo-log {path} cannot be written: {error.strerror or error}") from None


def check_undo_log(path: str, resume: bool) -> None:
    """Raise ConfigError where an undo log cannot be written, or has content without `resume`; change nothing."""
    try:
        check_writable(Path(path))
    except OSError as error:
        raise ConfigError(f"--undo-log {path} cannot be written: {error.strerror or error}") from None
    if not resume:
        _refuse_content(path, undo_log_size(path))


def create_undo_log(path: str) -> None:
    """Create an empty undo log; raise ConfigError where the file has content already, or cannot be created."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # it holds whole items
        size = os.fstat(handle).st_size
        os.fsync(handle)
        os.close(handle)
        sync_folder(Path(path))
    except OSError as error:
        raise ConfigError(f"--undo-log {path} cannot be written: {error.strerror or error}") from None
    _refuse_content(path, size)


def _refuse_content(path: str, size: int) -> None:
    if size:
        raise ConfigError(
            f"--undo-log {path} has content already: it may be all that can take an earlier run back; give another name"
        )


def _encode_entry(entry: Entry) -> bytes:
    """Return the line of an entry. Its items are as the service sent them, perhaps with line breaks between values."""
    text = _text(msgspec.structs.replace(entry, checksum=entry.content_checksum()))
    if b"\n" in text or b"\r" in text:
        text = msgspec.json.format(text, indent=-1)
    return escape_line_breaks_in_bytes(text) + b"\n"


@contextmanager
def _hold_lock(handle: int) -> Iterator[None]:
    """Hold the lock that all writers of a log take."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _cut_torn_line(handle: int) -> int:
    """Remove a last line without an end, left by a writer that was killed; return the size of the log."""
    size = end = os.fstat(handle).st_size
    if not size or os.pread(handle, 1, size - 1) == b"\n":
        return size
    while end:
        start = max(0, end - TAIL)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(handle, end)
    return end


def _try_truncate(handle: int, size: int) -> None:
    with suppress(OSError):
        os.ftruncate(handle, size)
