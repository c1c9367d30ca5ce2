"""What this process may use of the machine: cores and free memory, also where a container has less than the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
"""Where /proc and /sys are; a test has them elsewhere."""
CGROUPS = "sys/fs/cgroup"
UNLIMITED = 1 << 60
"""A limit of bytes from which on there is none: version 1 writes a number near 2**63 (kernel, cgroup-v1/memory)."""


def count_cores(root: Path = ROOT) -> int:
    """Return how many cores this process may use, at least one; a part of a core is none."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(int(share) for share in _list_cpu_shares(root))]))


def measure_free_memory(root: Path = ROOT) -> int | None:
    """Return how many bytes processes may take yet, in the machine and in the control group; None where nothing tells.

    What the page cache holds is free.
    """
    found = [*_list_free_in_groups(root)]
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    return max(0, min(found)) if found else None


def _list_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control group, and of those above it, whose limits hold as well.

    Both versions are looked for: `0::/path`, and `4:cpu,cpuacct:/path` (cgroups(7)).
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and controller not in controllers.split(","):
            continue
        top = root / CGROUPS / ("" if number == "0" else controller)
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _list_cpu_shares(root: Path) -> Iterator[float]:
    """Yield how many cores each group may use on average."""
    for group in _list_groups(root, "cpu"):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        if not quota:
            quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
        if quota.strip().isdigit() and period.strip().isdigit() and int(period):
            yield int(quota) / int(period)


def _list_free_in_groups(root: Path) -> Iterator[int]:
    """Yield how many bytes each group may take yet."""
    for group in _list_groups(root, "memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _read(group / limit_name).strip(), _read(group / used_name).strip()
            if limit.isdigit() and used.isdigit() and int(limit) < UNLIMITED:
                yield int(limit) - int(used) + _find_cached(group)


def _find_cached(group: Path) -> int:
    """Return how many bytes of a group are files that the system drops when memory is needed."""
    for line in _read(group / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file") and value.isdigit():
            return int(value)
    return 0


def _read(path: Path) -> str:
    """Return what a file holds; "" where it cannot be read."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
