"""Marks: how far a file that grows line by line is known to be good, so that another run can go on in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO

from fastsync import private
from fastsync.errors import ConfigError

CHECKSUM_BYTES = 16
AT_ONCE = 1 << 20
"""Bytes that are read at a time to compute a checksum."""


@dataclass(frozen=True)
class Mark:
    """A place in a file: so many bytes, which are so many lines. Of a report in parts: the parts that are good.

    `checksum` (hexadecimal) is that of the bytes; it is empty in checkpoints of versions that did not compute one.
    """

    bytes: int
    lines: int
    parts: tuple[int, ...] = ()
    checksum: str = ""


NOTHING = Mark(0, 0)


class Growth:
    """Count the bytes and lines that are written to a file, and keep their checksum up to date."""

    def __init__(self) -> None:
        self.bytes = 0
        self.lines = 0
        self._checksum = blake2b(digest_size=CHECKSUM_BYTES)

    def add(self, data: bytes, lines: int) -> None:
        """Count what was written."""
        self.bytes += len(data)
        self.lines += lines
        self._checksum.update(data)

    def mark(self) -> Mark:
        """Return the place that was reached."""
        return Mark(self.bytes, self.lines, checksum=self._checksum.hexdigest())


def check(path: Path, mark: Mark, what: str, follow: bool = False) -> None:
    """Raise ConfigError unless a file still holds, up to a mark, what was written to it."""
    file, _ = _opened(path, mark, what, follow, os.O_RDONLY)
    file.close()


def cut_back(path: Path, mark: Mark, what: str, follow: bool = False) -> tuple[IO[bytes], Growth]:
    """Open a file, cut off what is past a mark, and return it with what it holds then.

    `follow`: the user has named the file, so that it may be a symbolic link. Raises ConfigError where it is no regular
    file, or does not hold what was written up to the mark.
    """
    file, growth = _opened(path, mark, what, follow, os.O_RDWR)
    try:
        file.truncate(mark.bytes)
        file.seek(mark.bytes)
    except OSError as error:
        raise ConfigError(f"{what} in {path} cannot be continued: {error.strerror or error}") from None
    return file, growth


def _opened(path: Path, mark: Mark, what: str, follow: bool, flags: int) -> tuple[IO[bytes], Growth]:
    try:
        file = os.fdopen(private.reopen(path, flags, follow), "rb" if flags == os.O_RDONLY else "r+b")
        return file, _checked(file, path, mark, what)
    except OSError as error:
        raise ConfigError(f"{what} in {path} cannot be continued: {error.strerror or error}") from None


def _checked(file: IO[bytes], path: Path, mark: Mark, what: str) -> Growth:
    """Read a file up to a mark; raise ConfigError where that is not what was written."""
    size, growth, last = os.fstat(file.fileno()).st_size, Growth(), b""
    if size < mark.bytes:
        raise ConfigError(f"{what} in {path} has {size:,} bytes, but {mark.bytes:,} were written: not the same file")
    while growth.bytes < mark.bytes:
        last = file.read(min(AT_ONCE, mark.bytes - growth.bytes))
        growth.add(last, last.count(b"\n"))
    changed = mark.checksum and growth.mark().checksum != mark.checksum
    if changed or growth.lines != mark.lines or last[-1:] not in (b"", b"\n"):
        raise ConfigError(f"{what} in {path} was changed since it was written: restore it, or start afresh")
    return growth


def sync_folder(path: Path) -> None:
    """Bring the folder of a file to disk: else one that was just made or renamed may be gone after a crash."""
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
