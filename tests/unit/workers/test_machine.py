"""What a process may use of the machine, by the files of the kernel: cores, and memory that is free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from fastsync.workers.processes.machine import count_cores, measure_free_memory

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MEMORY = {"proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 2000000 kB\n"}
V2, V1 = {"proc/self/cgroup": "0::/box/inner\n"}, {"proc/self/cgroup": "5:cpu,cpuacct:/box\n4:memory:/box\n"}
TOP = "sys/fs/cgroup"
BOXES: dict[str, tuple[Mapping[str, str], int, int | None]] = {
    "no files at all": ({}, ALL, None),
    "no groups": (MEMORY, ALL, 2_048_000_000),
    "no limits": (
        {**MEMORY, **V2, f"{TOP}/box/cpu.max": "max 100000\n", f"{TOP}/box/memory.max": "max\n"},
        ALL,
        2_048_000_000,
    ),
    "a core": ({**MEMORY, **V2, f"{TOP}/box/inner/cpu.max": "100000 100000\n"}, 1, 2_048_000_000),
    "half a core, of the group above": ({**V2, f"{TOP}/box/cpu.max": "50000 100000\n"}, 1, None),
    "memory, of which files are free": (
        {
            **MEMORY,
            **V2,
            f"{TOP}/box/memory.max": "1000\n",
            f"{TOP}/box/memory.current": "900\n",
            f"{TOP}/box/memory.stat": "anon 5\ninactive_file 200\n",
        },
        ALL,
        300,
    ),
    "memory that is used up": (
        {**V2, f"{TOP}/box/memory.max": "1000\n", f"{TOP}/box/memory.current": "1900\n"},
        ALL,
        0,
    ),
    "version 1": (
        {
            **V1,
            f"{TOP}/cpu/box/cpu.cfs_quota_us": "150000\n",
            f"{TOP}/cpu/box/cpu.cfs_period_us": "100000\n",
            f"{TOP}/memory/box/memory.limit_in_bytes": "5000\n",
            f"{TOP}/memory/box/memory.usage_in_bytes": "1000\n",
        },
        1,
        4000,
    ),
    "version 1 without limits": (
        {
            **V1,
            f"{TOP}/cpu/box/cpu.cfs_quota_us": "-1\n",
            f"{TOP}/cpu/box/cpu.cfs_period_us": "100000\n",
            f"{TOP}/memory/box/memory.limit_in_bytes": "9223372036854771712\n",
            f"{TOP}/memory/box/memory.usage_in_bytes": "1000\n",
        },
        ALL,
        None,
    ),
    "nonsense": ({**V2, f"{TOP}/box/cpu.max": "a b\n", f"{TOP}/box/memory.max": "x\n", "proc/meminfo": "x"}, ALL, None),
}


@pytest.mark.parametrize(("files", "cores", "memory"), BOXES.values(), ids=BOXES)
def test_what_is_there(tmp_path: Path, files: Mapping[str, str], cores: int, memory: int | None) -> None:
    """The least of the machine and of all control groups counts; what says nothing limits nothing."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert count_cores(tmp_path) == cores
    assert measure_free_memory(tmp_path) == memory


def test_this_machine() -> None:
    """On the machine that runs this there is a core, and memory is free."""
    assert count_cores() >= 1
    assert measure_free_memory() != 0
