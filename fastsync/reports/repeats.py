"""Find a difference that two reports have in common, on disk if there are too many for memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from hashlib import blake2b
from tempfile import SpooledTemporaryFile
from typing import Any

from fastsync.errors import OutputFailed

BUCKETS = 64
"""Files over which the differences are spread by their digests; one of them at a time is held in memory."""
IN_MEMORY = 1 << 20
"""Bytes of a bucket from which on it goes to disk: together as much as a worker has."""
DIGEST = 16
"""Bytes of a digest: among a billion differences the odds of two alike are one to 10**20."""
NUMBER = 4
"""Bytes of the number of a report."""


class Repeats:
    """Add the differences of reports, which have numbers, and find one that two of them have in common.

    Use as a context manager. Memory: some 100 bytes times the differences, divided by BUCKETS. Raises OutputFailed
    where the disk is full.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._stack = ExitStack()
        self._buckets = [self._stack.enter_context(_open_bucket(in_memory)) for _ in range(BUCKETS)]

    def __enter__(self) -> Repeats:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_difference(self, report: int, slave: str, verdict: str, key: Mapping[str, Any]) -> None:
        """Add a difference; on a table that changes, one key may have two verdicts in the course of a run."""
        text = repr((slave, verdict, sorted(key.items()))).encode("utf-8", "backslashreplace")
        digest = blake2b(text, digest_size=DIGEST).digest()
        try:
            self._buckets[digest[0] % BUCKETS].write(digest + report.to_bytes(NUMBER, "big"))
        except OSError as error:
            raise OutputFailed(f"a temporary file cannot be written: {error.strerror or error}") from None

    def find_repeat(self) -> tuple[int, int] | None:
        """Return the numbers of two reports that have a difference in common, None where there are none."""
        for bucket in self._buckets:
            bucket.seek(0)
            first: dict[bytes, bytes] = {}
            for digest, report in _read_records(bucket):
                other = first.setdefault(digest, report)
                if other != report:
                    return int.from_bytes(other, "big"), int.from_bytes(report, "big")
        return None


def _open_bucket(in_memory: int) -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(in_memory)


def _read_records(bucket: SpooledTemporaryFile[bytes]) -> Iterator[tuple[bytes, bytes]]:
    text = bucket.read()
    for start in range(0, len(text), DIGEST + NUMBER):
        middle = start + DIGEST
        yield text[start:middle], text[middle : middle + NUMBER]
