"""Marks: how far a file that grows line by line is known to be good, so that another run can go on in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError


@dataclass(frozen=True)
class Mark:
    """A place in a file: so many bytes, which are so many lines."""

    bytes: int
    lines: int


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
