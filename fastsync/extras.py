"""Extras that were found and wait for their deletion: kept in a temporary file, so that memory stays flat.

Deleting begins only when every segment has been compared, since only then is it known how many there are and that no
segment has failed; see `refusal`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import IO

from fastsync.config import DeleteLimit
from fastsync.difference import Difference, Verdict
from fastsync.errors import OutputFailed


class WaitingExtras:
    """The extras of one slave, a line of JSON each."""

    def __init__(self) -> None:
        self.count = 0
        self._file: IO[str] | None = None

    def add(self, extra: Difference) -> None:
        """Keep an extra; raise OutputFailed where the disk does not take it."""
        try:
            self._file = self._file or tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
            self._file.write(json.dumps([extra.slave, extra.key, extra.slave_item, extra.slave_version]) + "\n")
        except OSError as error:
            raise OutputFailed(f"extras cannot be kept in {tempfile.gettempdir()}: {error}") from None
        self.count += 1

    def chunks(self, size: int) -> Iterator[list[Difference]]:
        """Yield all extras, up to `size` at a time; to be asked for once, after the last was added."""
        if self._file is None:
            return
        self._file.seek(0)
        while lines := list(islice(self._file, size)):
            yield [_read(line) for line in lines]


def _read(line: str) -> Difference:
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
