"""Run the program on a terminal, as a person does: read what it shows, and type."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers import environment
from tests.tables import ROOT

STDOUT, STDERR = 1, 2
ON_THIS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "fastsync", *sys.argv[1:]])
"""
"""A program that makes stderr the terminal of its session, so that Ctrl-C is a signal, and becomes fastsync."""
PATIENCE = 60.0
"""Seconds after which what does not come is missing."""


def run_on_terminal(
    *arguments: str,
    streams: Iterable[int] = (STDERR,),
    columns: int = 80,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run `python -m fastsync` with some of its streams on one terminal; return its exit code and what was shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = environment(TERM="xterm", **(env or {}))
    for name in ("COLUMNS", "LINES"):
        variables.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "fastsync", *arguments],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=theirs if STDOUT in streams else subprocess.DEVNULL,
        stderr=theirs if STDERR in streams else subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # on Linux, how a terminal whose other end is closed tells so
        pass
    finally:
        os.close(ours)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


class Terminal:
    """A run whose stdin and stderr are a terminal, and its stdout too unless it goes to a file."""

    def __init__(self, process: subprocess.Popen[bytes], master: int):
        self.process = process
        self.shown = ""
        self._master = master

    def wait_for(self, text: str) -> None:
        """Read on until this text is shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} is not shown: {self.shown}"
            assert self._read(), f"{text!r} was not shown: {self.shown}"

    def type(self, text: str) -> None:
        """Type; \\x03 is Ctrl-C, \\x04 Ctrl-D."""
        os.write(self._master, text.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the parent process only."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Read to the end of the run, and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, f"the run does not end: {self.shown}"
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 1.0)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the last process that had the terminal has ended
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_terminal(
    *arguments: str, columns: int = 100, stdin: int | None = None, stdout: Path | None = None
) -> Iterator[Terminal]:
    """Start the program with these arguments in a session of its own, on a terminal of so many columns.

    With `stdin`, that descriptor instead of the terminal; with `stdout`, a file.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-c", ON_THIS_TERMINAL, *arguments]
    out = os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if stdout is not None else slave
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(TERM="xterm"),
        stdin=slave if stdin is None else stdin,
        stdout=out,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
        if stdout is not None:
            os.close(out)
