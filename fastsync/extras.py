"""Extras that were found and wait for their deletion: kept on disk, so that memory stays flat.

Deleting begins only when every segment has been compared, since only then is it known how many there are and that no
segment has failed; see `refusal`. They are in a temporary file, or beside the checkpoint where there is one, and
then they outlive the run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from fastsync.difference import Difference, Verdict
from fastsync.errors import OutputFailed
from fastsync.mark import NOTHING, Mark, cut_back
from fastsync.parts import DeleteLimit


class WaitingExtras:
    """The extras of one slave, a line of JSON each, in the file at `path`, up to `mark` from an earlier run.

    Raises ConfigError where that file does not hold them any more.
    """

    def __init__(self, path: Path | None = None, mark: Mark = NOTHING):
        self.count = mark.lines
        self._path = path
        self._file: IO[bytes] | None = None
        if path is not None and mark.lines:
            self._file = cut_back(path, mark, "--checkpoint: the waiting extras")
        elif path is not None:
            path.unlink(missing_ok=True)

    def add(self, extra: Difference) -> None:
        """Keep an extra; raise OutputFailed where the disk does not take it."""
        line = json.dumps([extra.slave, extra.key, extra.slave_item, extra.slave_version]).encode() + b"\n"
        try:
            self._file = self._file or self._opened()
            self._file.write(line)
        except OSError as error:
            raise self._failed(error) from None
        self.count += 1

    def mark(self) -> Mark:
        """Say how far the file reaches, once that is on disk; raise OutputFailed."""
        if self._file is None:
            return NOTHING
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            return Mark(self._file.seek(0, os.SEEK_END), self.count)
        except OSError as error:
            raise self._failed(error) from None

    def chunks(self, size: int) -> Iterator[list[Difference]]:
        """Yield all extras, up to `size` at a time; to be asked for after the last was added. Raises OutputFailed."""
        if self._file is None:
            return
        try:
            self._file.seek(0)
        except OSError as error:  # what is not on disk yet does not fit
            raise self._failed(error) from None
        while lines := list(islice(self._file, size)):
            where = self._file.tell()
            yield [_read(line) for line in lines]
            self._file.seek(where)

    def remove(self) -> None:
        """Take the file away."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"extras cannot be kept in {self._path or tempfile.gettempdir()}: {error}")

    def _opened(self) -> IO[bytes]:
        if self._path is None:
            return tempfile.TemporaryFile()
        return os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")


def _read(line: bytes) -> Difference:
    slave, key, item, version = json.loads(line)
    return Difference(slave, Verdict.EXTRA, key, slave_item=item, slave_version=version)


def refusal(count: int, scanned: int, limit: DeleteLimit | None, failed: bool, empty_master: bool) -> str | None:
    """Say why the deletes of a slave are refused, or None where they may begin.

    `count` extras were found among `scanned` items; `failed`: a segment that could have found their keys was not
    compared to its end; `empty_master`: the master returned no item, and that was not allowed.
    """
    if failed:
        return "not deleted: a part of the tables could not be compared, so it is not certain that it is an extra"
    if empty_master:
        return "not deleted: the master returned no item at all; --allow-empty-master if that is right"
    if limit is not None and count > limit.allowed(scanned):
        return f"not deleted: {count} extras are more than --max-deletes allows ({limit.allowed(scanned)})"
    return None
