"""Run a command and tell what its whole process tree cost, as JSON on stdout; its own output goes to stderr.

    python measure.py [--pss] COMMAND...

It adopts orphans (prctl PR_SET_CHILD_SUBREAPER) and waits for all of them, so that the workers of a fork server count.
With --pss it tells as well what memory all processes took together when it was most: a page that several share counts
once. Looking at it takes time from them, so what they cost otherwise is to be measured without.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LOOK = 0.05
"""Seconds between two looks at the memory."""
PR_SET_CHILD_SUBREAPER = 36


def follow_memory(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Wait for a command, and give the most memory that its processes took together, and how many they were then."""
    most = (0.0, 0)
    while process.poll() is None:
        found = [measure_memory(pid) for pid in list_descendants(os.getpid())]
        most = max(most, (sum(found), len(found)))
        time.sleep(LOOK)
    return {"pss_mb": most[0], "processes": most[1]}


def list_descendants(ancestor: int) -> Iterator[int]:
    """Yield the processes that descend from one."""
    parents: dict[int, int] = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    for pid, parent in parents.items():
        above: int | None = parent
        while above is not None and above != ancestor:
            above = parents.get(above)
        if above is not None:
            yield pid


def measure_memory(pid: int) -> float:
    """Give the MB of a process, of shared pages its share (proc(5), smaps_rollup); 0 where it has ended."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    with_memory = sys.argv[1] == "--pss"
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.perf_counter()
    with subprocess.Popen(sys.argv[1 + with_memory :], stdout=sys.stderr) as process:
        more = follow_memory(process) if with_memory else {}
        code = process.wait()
    wall = time.perf_counter() - began
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"exit": code, "wall": wall, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024, **more}))


if __name__ == "__main__":
    main()
