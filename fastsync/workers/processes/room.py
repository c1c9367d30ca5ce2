"""How many worker processes there is room for: by the system's limits of files and processes, by memory and cores."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fastsync.errors import ConfigError
from fastsync.model.parallel import Bound, Room
from fastsync.workers.processes.machine import count_cores, measure_free_memory

INLINE = 'use --executor inline (in the library executor="inline")'
"""What works where no worker processes can be started."""
PER_WORKER = 4
"""Descriptors of the parent for each worker: events, orders, and two by which its end is noticed."""
SPARE_DESCRIPTORS = 16
"""Descriptors that the parent needs besides: while a worker starts, and while a table is described again."""
THREADS_PER_WORKER = 4
"""What counts against the limit of processes for each worker: its own, and one for orders and one for each side's
pages."""
SPARE_THREADS = 8
"""Threads besides: the fork server, multiprocessing's resource tracker, and those that describe tables."""
MANY_PROCESSES = 4096
"""A limit from which on the user's threads are not counted: it takes milliseconds."""
WORKER_BYTES = 100_000_000
"""Memory of a worker at most (perf/README.md)."""
PER_CORE = 8
"""Workers for each core: a worker waits for pages most of the time, even where tables are near."""


def make_room(parallel: int) -> None:
    """Raise the soft limits as far as workers need it; raise ConfigError where a hard limit is lower."""
    files = _count_descriptors() + PER_WORKER * parallel + SPARE_DESCRIPTORS
    _raise_limit(resource.RLIMIT_NOFILE, files, f"--parallel {parallel} takes {files} open files", "ulimit -n")
    if not _limits_processes():
        return
    processes = _count_threads() + THREADS_PER_WORKER * parallel + SPARE_THREADS
    what = f"--parallel {parallel} takes {processes} processes and threads with those that run"
    _raise_limit(resource.RLIMIT_NPROC, processes, what, "ulimit -u")


def measure_room() -> Room:
    """Return how many workers this machine has room for, at least one, and why there are no more."""
    return Room(count_cores(), PER_CORE, tuple(_list_bounds()))


def _list_bounds() -> Iterator[Bound]:
    free = measure_free_memory()
    if free is not None:
        yield Bound(
            free // WORKER_BYTES,
            f"{free // 1_000_000:,} MB of memory are free, and each may take {WORKER_BYTES // 1_000_000}",
        )
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files != resource.RLIM_INFINITY:
        room = (files - _count_descriptors() - SPARE_DESCRIPTORS) // PER_WORKER
        yield Bound(room, f"the limit of open files (ulimit -n) is {files:,}")
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if _limits_processes() and processes != resource.RLIM_INFINITY:
        room = (processes - _count_threads() - SPARE_THREADS) // THREADS_PER_WORKER
        yield Bound(room, f"the limit of processes (ulimit -u) is {processes:,}")


def _limits_processes() -> bool:
    """Return whether the limit of processes may keep workers from starting; nothing limits root (setrlimit(2))."""
    return os.getuid() != 0 and 0 <= resource.getrlimit(resource.RLIMIT_NPROC)[0] < MANY_PROCESSES


def _raise_limit(limit: int, needed: int, what: str, name: str) -> None:
    soft, hard = resource.getrlimit(limit)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(f"{what}, but the limit ({name}) is {hard}: raise it, give a smaller --parallel, or {INLINE}")
    resource.setrlimit(limit, (needed, hard))


def _count_threads() -> int:
    """Return how many threads this user has, as far as the system tells: all of them count (setrlimit(2))."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
    return count


def _count_descriptors() -> int:
    """Return how many files this process has open, as far as the system tells."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return sum(1 for _ in Path(folder).iterdir())
        except OSError:
            continue
    return 0
