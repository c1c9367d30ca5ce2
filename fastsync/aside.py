"""Aside: a file that is written beside its place, and is put there once it is whole."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError, OutputFailed
from fastsync.private import create_beside


class Aside:
    """Write a file; as long as nobody calls `put_in_place`, what was there before stays. Use as a context manager.

    "-" is stdout. That, and what is there and is no ordinary file (a pipe, /dev/null), cannot be replaced: it gets the
    whole at the end. Raises ConfigError where the file cannot be opened.
    """

    def __init__(self, path: str, flag: str):
        self._name = f"{flag} {path}"
        self._place = None if path == "-" else Path(os.path.realpath(path))
        self._aside: Path | None = None
        try:
            self._file = self._opened()
        except OSError as error:
            raise ConfigError(f"{self._name} cannot be written: {error.strerror or error}") from None

    def _opened(self) -> IO[bytes]:
        if self._place is None or not _replaceable(self._place):
            return tempfile.TemporaryFile()
        handle, self._aside = create_beside(self._place)
        return os.fdopen(handle, "w+b")

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        if self._aside is not None:
            with suppress(OSError):
                self._aside.unlink()

    def write(self, data: bytes) -> None:
        """Write on; raise OutputFailed."""
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from None

    def put_in_place(self) -> None:
        """Put the whole where it belongs; raise OutputFailed, or BrokenPipeError where nobody reads stdout any more."""
        try:
            self._file.flush()
            if self._place is not None and self._aside is not None:
                os.fsync(self._file.fileno())
                self._aside.replace(self._place)
                self._aside = None
            else:
                self._file.seek(0)
                self._copy()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failed(error) from None

    def _copy(self) -> None:
        if self._place is None:
            sys.stdout.flush()
            shutil.copyfileobj(self._file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with self._place.open("wb") as file:
                shutil.copyfileobj(self._file, file)

    def _failed(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"{self._name} cannot be written: {error.strerror or error}")


def _replaceable(path: Path) -> bool:
    """Say whether a file may be replaced, as one may that is not there yet; raise OSError where it may not change."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode) or not os.access(path, os.W_OK):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EACCES
        raise OSError(code, os.strerror(code))
    return stat.S_ISREG(mode)
