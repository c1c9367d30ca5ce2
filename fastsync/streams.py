"""Standard streams as the caller has left them: open, closed, on a full disk, or with a reader that has gone.

stderr is a courtesy: where it cannot be written, the run goes on without it. stdout carries what was asked for: where
it cannot be written, that is an error.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from fastsync.errors import OutputFailed

INCOMPLETE = 4
"""The exit code where stdout could not be written."""
CLAIMS_SUCCESS = (0, 1, 5)
"""Exit codes that say that all was told; any other has a reason of its own."""


class _Stdout(io.FileIO):
    """The descriptor of stdout; where it cannot be written, the reason is kept, and raised in a whole sentence.

    Only a reader that has gone is BrokenPipeError, so that every command can end without a word.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write what fits; raise BrokenPipeError or OutputFailed."""
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputFailed(f"stdout cannot be written: {_describe(error)}") from None


class _Stderr(io.FileIO):
    """The descriptor of stderr; what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        """Write what can be written, and claim that all was."""
        try:
            return super().write(data) or memoryview(data).nbytes  # None: it would have to wait
        except OSError:
            return memoryview(data).nbytes


def prepare_streams() -> None:
    """Make stdout and stderr safe to write to, whatever the caller has left them as; call it once, at the start.

    A closed descriptor is occupied, so that no file of the run gets its number and, with it, what others print.
    """
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        _occupy(descriptor, flags)  # reading a closed stdin, and writing to a closed stdout, still fails
    if _is_standard(sys.stdout, 1):
        sys.stdout = _wrap(_Stdout(1, "w", closefd=False), sys.stdout)
    if _is_standard(sys.stderr, 2):
        sys.stderr = _wrap(_Stderr(2, "w", closefd=False), sys.stderr, line_buffering=True)


def run_with_streams(run: Callable[[], int], report: Callable[[OutputFailed], object]) -> int:
    """Run a program with streams that are safe to write to, and return its exit code; see `finish_stdout`."""
    prepare_streams()
    try:
        code = run()
    except SystemExit as end:  # argparse has printed help or the version
        code = end.code if isinstance(end.code, int) else 0
    return finish_stdout(code, report)


def finish_stdout(code: int, report: Callable[[OutputFailed], object]) -> int:
    """Write what stdout still holds, and return the exit code: 4 instead of success where stdout could not be written.

    `report` is called with the reason where nothing has told it yet. Afterwards Python's own end has nothing to
    complain of.
    """
    stdout = sys.stdout
    try:
        stdout.flush()
    except BrokenPipeError:
        pass
    except OutputFailed as error:
        if code in CLAIMS_SUCCESS:
            report(error)
    except (AttributeError, OSError, ValueError):  # somebody else's stream
        return code
    raw = getattr(getattr(stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Stdout) or raw.failure is None:
        return code
    _point_at_nothing(1)
    return INCOMPLETE if code in CLAIMS_SUCCESS else code


def accept_lost_reader() -> None:
    """Let the end of stdout's reader (`| head`) be no failure, for a command that has told all that was read of it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Stdout) and isinstance(raw.failure, BrokenPipeError):
        _point_at_nothing(1)
        raw.failure = None


def _describe(error: OSError) -> str:
    if error.errno == errno.EBADF:
        return "it is closed"
    return error.strerror or str(error)


def _occupy(descriptor: int, flags: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        _point_at_nothing(descriptor, flags)


def _point_at_nothing(descriptor: int, flags: int = os.O_WRONLY) -> None:
    opened = os.open(os.devnull, flags)
    if opened == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(opened, descriptor)
    os.close(opened)


def _is_standard(stream: TextIO | None, descriptor: int) -> bool:
    """Return whether a stream is Python's own for a descriptor, not what a test or a host program has put there."""
    if stream is None:
        return True
    try:
        return type(stream) is io.TextIOWrapper and stream.fileno() == descriptor
    except (OSError, ValueError):
        return False


def _wrap(raw: io.FileIO, old: TextIO | None, line_buffering: bool = False) -> io.TextIOWrapper:
    """Return a text stream over a descriptor, with the encoding of the one that it replaces."""
    encoding, errors = "utf-8", "backslashreplace"
    if old is not None:
        encoding, errors = old.encoding, old.errors or errors
    lines = line_buffering or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=lines)
