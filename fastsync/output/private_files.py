"""Private files: made for their owner alone, and never through a symbolic link that somebody else has put there."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600
"""The mode of every file that may hold values of items, keys among them."""
FOLDER_MODE = 0o700
_TEMPORARY = "[0-9a-f]" * 16


def create(path: Path, mode: int = OWNER_ONLY) -> int:
    """Create a file and return its descriptor; raise FileExistsError where anything is at `path`, be it a link."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)


def create_beside(path: Path, mode: int = OWNER_ONLY) -> tuple[int, Path]:
    """Create a temporary file of a name of its own in the folder of `path`; return its descriptor and its path."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    return create(temporary, mode), temporary


def remove_temporaries(path: Path) -> None:
    """Remove what killed runs have left of `create_beside`; nobody may be writing to `path` meanwhile."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.{_TEMPORARY}.new"):
        with suppress(OSError):
            left.unlink()


def reopen(path: Path, flags: int = os.O_RDWR, follow: bool = False) -> int:
    """Open a file that is there and return its descriptor; raise OSError where it is a link or no regular file.

    `follow`: a link is fine, since the user has named the file.
    """
    if not follow:
        flags |= os.O_NOFOLLOW
    handle = os.open(path, flags | os.O_NONBLOCK)
    try:
        refuse_irregular(os.fstat(handle).st_mode)
    except OSError:
        os.close(handle)
        raise
    return handle


def refuse_irregular(mode: int) -> None:
    """Raise OSError where this is the mode of a folder, or of anything else that is no regular file."""
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file")


def open_output(path: Path, keep: bool = False) -> int:
    """Open a file that the user has named for writing from its beginning; a new one is for its owner only.

    With `keep` its content stays until somebody truncates it.
    """
    flags = os.O_WRONLY | os.O_CREAT
    if not keep:
        flags |= os.O_TRUNC
    return os.open(path, flags, OWNER_ONLY)


def remove_empty(path: Path) -> None:
    """Remove a file that has nothing in it, where it is there."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()


def check_writable(path: Path) -> None:
    """Raise OSError where a file cannot be written; what is there stays as it is, and nothing new is left there."""
    if path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    else:
        target = Path(os.path.realpath(path))
        os.close(create(target))
        target.unlink()


def make_folders(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only; what is there stays as it is."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not folder.exists():
            folder.mkdir(FOLDER_MODE, exist_ok=True)
