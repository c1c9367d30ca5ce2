"""The folder of one run's spool: for its owner only, and removed whatever ends the run.

A run that was killed leaves its folder behind. The lock on it has gone with the process, so the next run with the same
parent folder sees that nobody needs it, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from fastsync.errors import ConfigError

PREFIX = "fastsync-spool-"
_LOCK = "lock"
_GONE = ".gone"
"""The end of the name of a folder that is being removed."""
NEW = 60.0
"""Seconds in which a folder may be without its lock: it is just being made."""


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
        _remove_folder(self.path)
        os.close(self._lock)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of runs that are gone. Others' folders, and those of runs that are at work, stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            if _has_no_lock(folder):
                _remove_folder(folder)
                continue
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove_folder(folder)
            finally:
                os.close(handle)


def _has_no_lock(folder: Path) -> bool:
    """Return whether nobody can hold a folder's lock: its run was killed while it made or removed the folder."""
    if folder.name.endswith(_GONE):
        return True
    return not (folder / _LOCK).exists() and time.time() - folder.stat().st_mtime > NEW


def _remove_folder(folder: Path) -> None:
    """Remove a folder and all that is in it.

    It gets another name first, so that a worker that is being killed, or has lost its parent, adds nothing meanwhile.
    """
    gone = folder
    if not folder.name.endswith(_GONE):
        with suppress(OSError):
            gone = folder.rename(folder.with_name(folder.name + _GONE))
    shutil.rmtree(gone, ignore_errors=True)


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
