"""The files of scheduled runs: dated, and deleted when they are old; and the lock of a configuration."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError
from fastsync.output.private_files import OWNER_ONLY

WHEN = "%Y-%m-%dT%H%M%S"
DATED = re.compile(r"((\d{4}-\d\d-\d\dT\d{6})\.\d{3}Z)-(?:report|sync)\.[a-z.]+?(?:\.[0-9a-f]{16}\.new)?")
"""The names of the files that a run leaves, and that are deleted when they are old."""

DATED_FOLDER = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z)-(report|sync)")
"""The name of the folder that a fleet's run leaves."""


@dataclass(frozen=True)
class Files:
    """The files of one run: `<folder>/<date>-<what>.<kind>`."""

    folder: Path
    what: str
    date: str

    def __getitem__(self, kind: str) -> Path:
        return self.folder / f"{self.date}-{self.what}.{kind}"


def new_date(now: datetime) -> str:
    """Return the date in the names of the files of a run that begins now."""
    return f"{now:{WHEN}}.{now.microsecond // 1000:03}Z"


def read_date(file: Path) -> str | None:
    """Return the date in the name of a run's file, None where it is none."""
    dated = DATED.fullmatch(file.name)
    return None if dated is None else dated[1]


def read_folder_date(path: Path, what: str) -> str | None:
    """Return the date in the name of the folder of a fleet's run of this kind, None where it is none."""
    dated = DATED_FOLDER.fullmatch(path.name)
    if dated is None or dated[2] != what or path.is_symlink() or not path.is_dir():
        return None
    return dated[1]


@contextmanager
def report_unusable(folder: Path) -> Iterator[None]:
    """Raise ConfigError where files of runs cannot be opened, before a run begins."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used for the files of runs: {error}") from None


def open_to_append(path: Path) -> IO[str]:
    """Open a file to append to it and to read it; where it is made it is for its owner only."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, OWNER_ONLY)
    return os.fdopen(handle, "a+", encoding="utf-8")


def take_lock(lock: IO[str]) -> bool:
    """Take the lock, which the system releases however this process ends, and note who has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    lock.truncate(0)
    lock.write(f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n")
    lock.flush()
    return True


def delete_old_files(folder: Path, keep: int, now: datetime, date: str) -> None:
    """Delete the files of other runs that are older than `keep` days by the date in their names, and nothing else."""
    oldest = f"{now - timedelta(days=keep):{WHEN}}"
    for file in folder.iterdir():
        dated = DATED.fullmatch(file.name)
        if dated and dated[2] < oldest and dated[1] != date:
            with suppress(OSError):
                file.unlink()


def find_modified_at(file: Path) -> int | None:
    """Return when a file was written, in nanoseconds; None where there is none."""
    if not file.exists():
        return None
    return file.stat().st_mtime_ns
