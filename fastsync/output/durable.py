"""Files that survive a crash: replaced as a whole, or truncated to a position known to be good."""

from __future__ import annotations

import errno
import io
import os
import select
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO

from fastsync.errors import ConfigError, OutputFailed
from fastsync.output import private_files
from fastsync.output.private_files import create_beside

CHECKSUM_BYTES = 16
READER_LEFT = "nobody reads stdout any more"
"""The error of a run whose report or statistics go to a stdout whose reader has gone."""
AT_ONCE = 1 << 20
"""Bytes that are read at a time to compute a checksum."""


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
            private_files.remove_empty(self._path)


def open_output(path: str, flag: str, keep: bool = False) -> IO[str]:
    """Open a file for writing, stdout for "-"; raise ConfigError where that fails. `keep`: do not empty it yet."""
    if path == "-":
        check_stdout(flag)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the locale says
        return sys.stdout
    try:
        return os.fdopen(private_files.open_output(Path(path), keep), "w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{flag} {path} cannot be written: {error.strerror or error}") from None


def check_stdout(flag: str) -> None:
    """Raise ConfigError where stdout, which a flag asks for, is closed."""
    try:
        os.write(sys.stdout.fileno(), b"")
    except (io.UnsupportedOperation, ValueError):  # a host program's own stream, without a descriptor
        return
    except OSError as error:
        if error.errno != errno.EBADF:  # a full disk, say, which is told when something is written
            return
    except AttributeError:  # there is no stdout at all
        pass
    else:
        return
    raise ConfigError(f"{flag} - cannot be written: stdout is closed")


def has_reader() -> bool:
    """Return False once stdout is a pipe or a socket whose other end is closed."""
    watch = select.poll()
    try:
        watch.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError, ValueError):  # no stdout, or a host program's own without a descriptor
        return True
    return not any(found & select.POLLERR for _, found in watch.poll(0))


@dataclass(frozen=True)
class FilePosition:
    """A place in a file: so many bytes, which are so many lines. Of a report in parts: the parts that are good.

    `checksum` (hexadecimal) is that of the bytes; it is empty in checkpoints of versions that did not compute one.
    """

    bytes: int
    lines: int
    parts: tuple[int, ...] = ()
    checksum: str = ""


FILE_START = FilePosition(0, 0)


class Growth:
    """Count the bytes and lines that are written to a file, and keep their checksum up to date."""

    def __init__(self) -> None:
        self.bytes = 0
        self.lines = 0
        self._checksum = blake2b(digest_size=CHECKSUM_BYTES)

    def add(self, data: bytes, lines: int) -> None:
        """Count what was written."""
        self.bytes += len(data)
        self.lines += lines
        self._checksum.update(data)

    def mark(self) -> FilePosition:
        """Return the place that was reached."""
        return FilePosition(self.bytes, self.lines, checksum=self._checksum.hexdigest())


def check(path: Path, mark: FilePosition, what: str, follow: bool = False) -> None:
    """Raise ConfigError unless a file still holds, up to a mark, what was written to it."""
    file, _ = _open_checked(path, mark, what, follow, os.O_RDONLY)
    file.close()


def truncate_to(path: Path, mark: FilePosition, what: str, follow: bool = False) -> tuple[IO[bytes], Growth]:
    """Open a file, cut off what is past a mark, and return it with what it holds then.

    `follow`: the user has named the file, so that it may be a symbolic link. Raises ConfigError where it is no regular
    file, or does not hold what was written up to the mark.
    """
    file, growth = _open_checked(path, mark, what, follow, os.O_RDWR)
    try:
        file.truncate(mark.bytes)
        file.seek(mark.bytes)
    except OSError as error:
        raise ConfigError(f"{what} in {path} cannot be continued: {error.strerror or error}") from None
    return file, growth


def _open_checked(path: Path, mark: FilePosition, what: str, follow: bool, flags: int) -> tuple[IO[bytes], Growth]:
    try:
        mode = "rb" if flags == os.O_RDONLY else "r+b"
        file = os.fdopen(private_files.reopen(path, flags, follow), mode)
        return file, _read_up_to(file, path, mark, what)
    except OSError as error:
        raise ConfigError(f"{what} in {path} cannot be continued: {error.strerror or error}") from None


def _read_up_to(file: IO[bytes], path: Path, mark: FilePosition, what: str) -> Growth:
    """Read a file up to a mark; raise ConfigError where that is not what was written."""
    size, growth, last = os.fstat(file.fileno()).st_size, Growth(), b""
    if size < mark.bytes:
        raise ConfigError(f"{what} in {path} has {size:,} bytes, but {mark.bytes:,} were written: not the same file")
    while growth.bytes < mark.bytes:
        last = file.read(min(AT_ONCE, mark.bytes - growth.bytes))
        growth.add(last, last.count(b"\n"))
    changed = mark.checksum and growth.mark().checksum != mark.checksum
    if changed or growth.lines != mark.lines or last[-1:] not in (b"", b"\n"):
        raise ConfigError(f"{what} in {path} was changed since it was written: restore it, or start afresh")
    return growth


def sync_folder(path: Path) -> None:
    """Bring the folder of a file to disk: else one that was just made or renamed may be gone after a crash."""
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class AtomicFile:
    """Write a file; until `commit`, what was there before stays. Use as a context manager.

    "-" is stdout. That, and whatever is no ordinary file (a pipe, /dev/null), cannot be replaced: it gets the whole at
    the end. Raises ConfigError where the file cannot be opened.
    """

    def __init__(self, path: str, flag: str):
        self._name = f"{flag} {path}"
        self._target = None if path == "-" else Path(os.path.realpath(path))
        if self._target is None:
            check_stdout(flag)
        self._temporary: Path | None = None
        try:
            self._file = self._open_temporary()
        except OSError as error:
            raise ConfigError(f"{self._name} cannot be written: {error.strerror or error}") from None

    def _open_temporary(self) -> IO[bytes]:
        if self._target is None or not _replaceable(self._target):
            return tempfile.TemporaryFile()
        handle, self._temporary = create_beside(self._target)
        return os.fdopen(handle, "w+b")

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()

    def write(self, data: bytes) -> None:
        """Write on; raise OutputFailed."""
        try:
            self._file.write(data)
        except OSError as error:
            raise self._make_failure(error) from None

    def commit(self) -> None:
        """Put the whole where it belongs; raise OutputFailed, or BrokenPipeError where nobody reads stdout any more."""
        try:
            self._file.flush()
            if self._target is not None and self._temporary is not None:
                os.fsync(self._file.fileno())
                self._temporary.replace(self._target)
                self._temporary = None
            else:
                self._file.seek(0)
                self._copy_out()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._make_failure(error) from None

    def _copy_out(self) -> None:
        if self._target is None:
            sys.stdout.flush()
            shutil.copyfileobj(self._file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with self._target.open("wb") as file:
                shutil.copyfileobj(self._file, file)

    def _make_failure(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"{self._name} cannot be written: {error.strerror or error}")


def _replaceable(path: Path) -> bool:
    """Return whether a file may be replaced, as one may that does not exist yet; raise OSError where it must not."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_ISREG(mode)
