"""Items near the service's limit of 400 KB: no process of a run holds more of them at once than fits in 100 MB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.processes import session
from tests.functional.tables_behind_proxy import Table
from tests.servers import Server, environment
from tests.tables import ROOT, Item

ITEMS = 200
MOST = 100 << 20
"""Bytes of resident memory that one process may have."""
ALL = ("--write-missing", "--write-differing", "--delete-extra")


def _items(letter: str) -> Iterator[Item]:
    return ({"id": {"S": f"{n:04}"}, "v": {"S": letter * 390_000}} for n in range(ITEMS))


class Measured:
    """A command that ran to its end, and the most memory that each of its processes had."""

    def __init__(self, server: Server, *args: str):
        command = [sys.executable, "-m", "fastsync", *args, "--endpoint-url", server.url, "--retry-delay-base", "1"]
        self.peaks: dict[int, int] = {}
        with _quiet(command) as process:
            while process.poll() is None:
                for pid in session(process.pid):
                    self.peaks[pid] = max(self.peaks.get(pid, 0), _peak(pid))
                time.sleep(0.02)
        self.exit_code = process.returncode

    @property
    def peak(self) -> int:
        """The bytes of the largest process."""
        return max(self.peaks.values())


@contextmanager
def _quiet(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        for pid in session(process.pid):
            os.kill(pid, 9)
        process.wait()


def _peak(pid: int) -> int:
    """Return the most resident memory that a process had so far, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


CASES = {
    "missing": ("x", "", ("--strategy", "lookup")),
    "differing": ("x", "y", ("--strategy", "merge", "--report-values")),
    "extra": ("", "y", ("--strategy", "lookup")),
    "extra, with values": ("", "y", ("--strategy", "merge", "--report-values")),
}


@pytest.mark.parametrize("case", CASES)
def test_runs_and_their_undo_stay_small(dynoxide: Server, tmp_path: Path, case: str) -> None:
    """Items of 390 KB are written, overwritten or deleted, and taken back, below 100 MB in each process."""
    *letters, flags = CASES[case]
    master, slave = (
        Table.make(dynoxide, region, _items(str(letter)) if letter else ())
        for region, letter in zip(("us-east-1", "us-west-2"), letters, strict=True)
    )
    before = slave.all()
    log, stats, report = tmp_path / "undo.jsonl", tmp_path / "stats.json", tmp_path / "report.jsonl"
    tables = ("-m", str(master), "-s", str(slave), *flags, "--allow-empty-master", "--report", str(report))
    ran = Measured(dynoxide, *tables, *ALL, "--undo-log", str(log), "--stats", str(stats), "--quiet")
    counted = json.loads(stats.read_text())["slaves"][str(slave)]
    assert (ran.exit_code, counted["written"] + counted["deleted"]) == (0, ITEMS)
    assert slave.all() == master.all()
    undone = Measured(dynoxide, "undo", str(log), "--quiet", "--report", str(report), *flags[2:])
    assert (undone.exit_code, slave.all() == before) == (0, True)
    assert max(ran.peak, undone.peak) <= MOST, (ran.peaks, undone.peaks)
