"""Extras that wait for their deletion, kept on disk so that memory stays flat.

Deleting begins only when every segment has been compared, since only then is it known how many there are and that no
segment has failed; see `delete_guard`. They are in a temporary file, or beside the checkpoint where there is one, and
then they outlive the run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from fastsync.errors import OutputFailed
from fastsync.model.difference import Difference, Verdict
from fastsync.output.durable import AT_ONCE, FILE_START, FilePosition, Growth, truncate_to
from fastsync.output.private_files import create

WHAT = "--checkpoint: the waiting extras"


class WaitingExtras:
    """The extras of one slave, a line of JSON each, in the file at `path`, up to `mark` from an earlier run.

    Raises ConfigError where that file does not hold them any more.
    """

    def __init__(self, path: Path | None = None, mark: FilePosition = FILE_START, slave: str | None = None):
        self._path = path
        self._slave = slave
        self._file: IO[bytes] | None = None
        self._growth = Growth()
        if path is not None and mark.lines:
            self._file, self._growth = truncate_to(path, mark, WHAT)
        elif path is not None:
            path.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """How many extras wait."""
        return self._growth.lines

    def add_extra(self, extra: Difference) -> None:
        """Keep an extra; raise OutputFailed where the disk does not take it."""
        line = json.dumps([extra.slave, extra.key, extra.slave_item, extra.slave_version]).encode() + b"\n"
        try:
            self._file = self._file or self._open_file()
            self._file.write(line)
        except OSError as error:
            raise self._make_failure(error) from None
        self._growth.add(line, 1)

    def sync(self) -> FilePosition:
        """Return how far the file reaches, once that is on disk; raise OutputFailed."""
        if self._file is None:
            return FILE_START
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._growth.mark()
        except OSError as error:
            raise self._make_failure(error) from None

    def read_chunks(self, size: int) -> Iterator[tuple[int, Iterator[Difference]]]:
        """Yield all extras in chunks of up to `size`, each with its number; to be asked for after the last was added.

        A chunk is read while its extras are, and is gone once the next one is asked for. Raises OutputFailed,
        before the first one, where the file does not hold what was written to it.
        """
        for number, lines in groupby(enumerate(self._lines()), lambda line: line[0] // size):
            yield number, (self._read(line) for _, line in lines)

    def _lines(self) -> Iterator[bytes]:
        if self._file is None:
            return
        try:
            self._check(self._file)
        except OSError as error:  # what is not on disk yet does not fit
            raise self._make_failure(error) from None
        self._file.seek(0)
        line = self._file.readline()
        offset = 0
        while line:
            yield line
            offset += len(line)
            self._file.seek(offset)  # whoever asks may have used the file in between
            line = self._file.readline()

    def remove_file(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _check(self, file: IO[bytes]) -> None:
        file.seek(0)
        found = Growth()
        data = file.read(AT_ONCE)
        while data:
            found.add(data, data.count(b"\n"))
            data = file.read(AT_ONCE)
        if found.mark() != self._growth.mark():
            raise self._damaged("the file was changed since it was written")

    def _read(self, line: bytes) -> Difference:
        """Return the extra of a line; raise OutputFailed where it is none of this slave."""
        try:
            slave, key, item, version = json.loads(line)
            if self._slave not in (None, slave) or not _is_key(key):
                raise ValueError("it is not of this slave, or has no key")
            if item is not None and any(_is_other(value, item.get(name)) for name, value in key.items()):
                raise ValueError("its item has another key")
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(f"a line is no extra: {error}") from None
        return Difference(slave, Verdict.EXTRA, key, slave_item=item, slave_version=version)

    def _damaged(self, why: str) -> OutputFailed:
        return OutputFailed(f"the extras in {self._path or 'a temporary file'} are damaged, so none is deleted: {why}")

    def _make_failure(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"extras cannot be kept in {self._path or tempfile.gettempdir()}: {error}")

    def _open_file(self) -> IO[bytes]:
        if self._path is None:
            return tempfile.TemporaryFile()
        return os.fdopen(create(self._path), "w+b")


def _is_key(key: Any) -> bool:
    """Return whether this is a key in DynamoDB JSON: one or two names, each with one type and a string."""
    if not isinstance(key, dict) or not 1 <= len(key) <= 2:
        return False
    return all(
        isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), str)
        for value in key.values()
    )


def _is_other(key: dict[str, str], held: Any) -> bool:
    """Return whether an item holds another string under its key; a number may be written in another way there."""
    return held is not None and held != key and "S" in key
