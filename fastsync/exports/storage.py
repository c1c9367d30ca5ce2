"""Where files lie: what reading an export needs of a folder, and the folders of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastsync.errors import IncompleteError, TableError
from fastsync.exports.place import Place
from fastsync.model.wording import escape_unprintable


@dataclass(frozen=True)
class StoredFile:
    """A file of a storage: its path from the place on, its bytes, and in S3 the ETag that tells its version."""

    path: str
    size_bytes: int
    version: str | None = None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Folder:
    """What lies directly in a folder: files by their names, and the names of folders."""

    files: Mapping[str, StoredFile] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


class ByteStream(Protocol):
    """A file that is read from its beginning to its end."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end; raise IncompleteError where they cannot be had."""

    def close(self) -> None:
        """Let go of the file."""


class Storage(Protocol):
    """A place and all that is below it. Paths go from the place on, with `/` between their parts; "" is the place."""

    def identify_folder(self, path: str) -> tuple[str, ...]:
        """Return what is the same for one folder, however its place was spelled, and for no other."""

    def list_folder(self, path: str) -> Folder | None:
        """Return what lies directly in a folder, None where there is no such folder.

        Raises TableError where it cannot be listed.
        """

    def open_file(self, file: StoredFile) -> ByteStream:
        """Open a file; raise IncompleteError where it cannot be read, or is another one by now."""

    def name_file(self, path: str) -> str:
        """Return a path as people know it, with the place before it."""


class LocalStorage:
    """A folder of this machine."""

    def __init__(self, place: Place):
        self._place = place
        self._root = Path(place.path)

    def identify_folder(self, path: str) -> tuple[str, ...]:
        """Return its real path, without symbolic links."""
        return ("folder", os.path.realpath(self._root / path))

    def list_folder(self, path: str) -> Folder | None:
        """Return what lies directly in a folder, None where there is no such folder, or it is a file."""
        folder = self._root / path
        try:
            with os.scandir(folder) as entries:
                return _sort_entries(path, entries)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise TableError(f"{self.name_file(path)} cannot be read: {_describe_error(error)}") from None

    def open_file(self, file: StoredFile) -> ByteStream:
        """Open a file; raise IncompleteError where it cannot be read."""
        name = self.name_file(file.path)
        try:
            # not blocking: opening a pipe that nobody writes to would never end
            opened = _LocalFile(os.open(self._root / file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), name)
        except (OSError, ValueError) as error:
            raise IncompleteError(f"{name} cannot be read: {_describe_error(error)}") from None
        if not opened.is_regular:
            opened.close()
            raise IncompleteError(f"{name} is no regular file")
        return opened

    def name_file(self, path: str) -> str:
        """Return a path with the folder before it, as the user gave that."""
        return escape_unprintable(str(self._root / path))


class _LocalFile:
    """A file of this machine, read without a buffer: whoever reads takes large parts."""

    def __init__(self, descriptor: int, name: str):
        self._descriptor = descriptor
        self._name = name

    @property
    def is_regular(self) -> bool:
        """Whether it is a file with content, rather than a folder, a pipe or a device."""
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def read(self, size: int) -> bytes:
        try:
            return os.read(self._descriptor, size)
        except OSError as error:
            raise IncompleteError(f"{self._name} cannot be read: {_describe_error(error)}") from None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sort_entries(path: str, entries: Iterable[os.DirEntry[str]]) -> Folder:
    """Return files and folders in order of their names; what is neither counts as a file without content."""
    files: dict[str, StoredFile] = {}
    folders: list[str] = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.is_dir():
            folders.append(entry.name)
        else:
            files[entry.name] = StoredFile(f"{path}/{entry.name}".removeprefix("/"), _count_bytes(entry))
    return Folder(files, tuple(folders))


def _count_bytes(entry: os.DirEntry[str]) -> int:
    try:
        found = entry.stat()
    except OSError:  # a link to nowhere: opening it will say so
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _describe_error(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
