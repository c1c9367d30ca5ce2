"""The folder of one run's spool: for its owner only, and removed whatever ends the run, unless it is to be resumed.

A run that was killed leaves its folder behind. The lock on it has gone with the process, so the run that resumes it
takes it over, or the next one with the same parent folder sees that nobody needs it, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from fastsync.errors import ConfigError, OutputFailed

PREFIX = "fastsync-spool-"
_LOCK = "lock"
_NOTE = "note"
_GONE = ".gone"
"""The end of the name of a folder that is being removed."""
NEW = 60.0
"""Seconds in which a folder may be without its lock: it is just being made."""


class SpoolFolder:
    """A folder that belongs to this process; `lock` is the descriptor that says so."""

    def __init__(self, path: Path, lock: int):
        self.path = path
        self._lock = lock

    def count_bytes(self) -> int:
        """Return how many bytes its files have."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self.path))

    def write_note(self, note: bytes) -> None:
        """Write what a run that takes the folder over has to know; raise OutputFailed."""
        new = self.path / f"{_NOTE}.new"
        try:
            new.write_bytes(note)
            new.rename(self.path / _NOTE)
        except OSError as error:
            raise OutputFailed(f"the spool in {self.path} cannot be written: {error.strerror}; see --spool") from None

    def read_note(self) -> bytes:
        """Return the note, b"" where there is none."""
        try:
            return (self.path / _NOTE).read_bytes()
        except OSError:
            return b""

    def keep_as(self, path: Path) -> None:
        """Leave the folder, with this path, to a run that resumes; remove it where it cannot be moved there."""
        left = take_folder(path, path.parent)
        if left is not None:  # of a checkpoint that somebody has deleted
            left.remove()
        try:
            self.path.rename(path)
        except OSError:  # another disk, for example
            self.remove()
        else:
            os.close(self._lock)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        _remove_folder(self.path)
        os.close(self._lock)


def make_folder(parent: Path) -> SpoolFolder:
    """Make a new folder in another one; raise ConfigError where that is not possible."""
    try:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        return SpoolFolder(path, _lock_folder(path))
    except OSError as error:
        raise ConfigError(f"--spool: no folder can be made in {parent}: {error.strerror}") from None


def take_folder(path: Path, parent: Path) -> SpoolFolder | None:
    """Take over the folder of a run that is gone; return None where there is none, or it belongs to somebody else.

    It moves into `parent` under a new name where it can: so workers of that run that are still being killed lose it.
    """
    try:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return None
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    with suppress(OSError):
        new = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            path = path.rename(new)
        except OSError:
            new.rmdir()
    return SpoolFolder(path, lock)


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
