"""Run the program on a terminal, as a person does."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterable, Mapping

from tests.servers import environment
from tests.tables import ROOT

STDOUT, STDERR = 1, 2


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
