"""Marks: how far a file that grows line by line is known to be good, so that another run can go on in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError


@dataclass(frozen=True)
class Mark:
    """A place in a file: so many bytes, which are so many lines. Of a report in parts: the parts that are good."""

    bytes: int
    lines: int
    parts: tuple[int, ...] = ()


NOTHING = Mark(0, 0)


def cut_back(path: Path, mark: Mark, what: str) -> IO[bytes]:
    """Open a file and cut off what is past a mark; raise ConfigError where it does not reach so far, or is no file."""
    try:
        size = path.stat().st_size
        if not path.is_file() or size < mark.bytes:
            raise ConfigError(
                f"{what} in {path} has {size:,} bytes, but {mark.bytes:,} were written: not the same file"
            )
        file = path.open("r+b")
        file.truncate(mark.bytes)
        file.seek(mark.bytes)
    except OSError as error:
        raise ConfigError(f"{what} in {path} cannot be gone on in: {error.strerror or error}") from None
    return file


def sync_folder(path: Path) -> None:
    """Bring the folder of a file to disk: else one that was just made or renamed may be gone after a crash."""
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
