"""Whom a kill strikes: the processes of a run, told by its session and by the connection that a request came over."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.random_runs.plans import Stroke

TCP = Path("/proc/net/tcp")
TRIES = 30
"""Requests of which none came from a worker, after which nobody is killed."""


def strike(stroke: Stroke, leader: Callable[[], int], server: int) -> Callable[[int], bool]:
    """Make what kills a run's processes when a request comes; `server` is the port that it was sent to."""
    number = signal.Signals[f"SIG{stroke.signal}"]

    tries = itertools.count()

    def struck(port: int) -> bool:
        first = leader()
        with suppress(ProcessLookupError):
            match stroke.victim:
                case "group":
                    os.killpg(first, number)
                case "first":
                    os.kill(first, number)
                case _:
                    worker = _owner(_descendants(first), port, server)
                    if worker is None:  # the first process asked itself
                        return next(tries) > TRIES
                    os.kill(worker, number)
            return True
        return False

    return struck


def end(leader: int) -> None:
    """Kill whatever is left of a run."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Give the children of a process, and theirs."""
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return [*children, *(each for child in children for each in _descendants(child))]


def _owner(pids: list[int], port: int, server: int) -> int | None:
    """Find the process that has the connection from `port` open."""
    wanted = f"socket:[{_inode(port, server)}]"
    for pid in pids:
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(entry.readlink()) == wanted:
                        return pid
    return None


def _inode(port: int, server: int) -> str:
    here, there = f":{port:04X}", f":{server:04X}"
    for line in TCP.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(here) and fields[2].endswith(there):
            return fields[9]
    return "none"
