"""Output file: what the user has named, opened before any request and emptied only once there is something to write."""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from fastsync import private
from fastsync.errors import ConfigError, OutputFailed


class OutputFile:
    """A file that the user has named, "-" for stdout. What it holds is kept until `begin`.

    A pipe or a device has nothing that could be kept. Raises ConfigError where it cannot be opened.
    """

    def __init__(self, path: str, flag: str):
        self._name = f"{flag} {path}"
        self._path = Path(path)
        self._made = path != "-" and not self._path.exists()
        self.file: IO[str] = open_output(path, flag, keep=True)

    def begin(self) -> IO[str]:
        """Empty the file, and return it; raise OutputFailed."""
        try:
            if self._path != Path("-") and stat.S_ISREG(os.fstat(self.file.fileno()).st_mode):
                self.file.truncate(0)
        except OSError as error:
            raise OutputFailed(f"{self._name} cannot be written: {error.strerror or error}") from None
        return self.file

    def discard(self) -> None:
        """Leave what was there before, be it nothing."""
        if self._path == Path("-"):
            return
        with suppress(OSError):
            self.file.close()
        if self._made:
            private.remove_empty(self._path)


def open_output(path: str, flag: str, keep: bool = False) -> IO[str]:
    """Open a file for writing, stdout for "-"; raise ConfigError where that fails. `keep`: do not empty it yet."""
    if path == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the locale says
        return sys.stdout
    try:
        return os.fdopen(private.open_output(Path(path), keep), "w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{flag} {path} cannot be written: {error.strerror or error}") from None
