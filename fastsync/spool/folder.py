"""The folder of one run's spool: for its owner only, and removed whatever ends the run.

A run that was killed leaves its folder behind. The lock on it has gone with the process, so the next run with the same
parent folder sees that nobody needs it, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from fastsync.errors import ConfigError

PREFIX = "fastsync-spool-"
_LOCK = "lock"
REMOVALS = 2
"""How often the removal is tried: a worker that is being killed may add a last file meanwhile."""


class SpoolFolder:
    """A new folder in `parent`; raise ConfigError where none can be made."""

    def __init__(self, parent: Path):
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            self._lock = _lock_folder(self.path)
        except OSError as error:
            raise ConfigError(f"--spool: no folder can be made in {parent}: {error.strerror}") from None

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        for _ in range(REMOVALS):
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of runs that are gone. Others' folders, and those of runs that are at work, stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def count_free_bytes(parent: Path) -> int:
    """Return how many bytes may be written in a folder; raise ConfigError where it is none."""
    try:
        return shutil.disk_usage(parent).free
    except OSError as error:
        raise ConfigError(f"--spool: {parent} is no folder that can be used: {error.strerror}") from None


def _lock_folder(folder: Path) -> int:
    """Return the descriptor that holds the lock. The lock appears with its name only once it is held."""
    new = folder / f"{_LOCK}.new"
    handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    return handle
