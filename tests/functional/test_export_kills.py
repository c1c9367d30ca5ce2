"""Runs on exports that are killed, interrupted, or out of room: what they find and leave behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.exports import write_export
from tests.functional.processes import session
from tests.functional.proxy import Proxy
from tests.functional.tables_behind_proxy import Table, item
from tests.functional.test_kills import MASTER, WRITES, Job
from tests.servers import Server, environment
from tests.tables import ROOT, run_fastsync

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

MODES: dict[str, Sequence[str]] = {"report": (), "writes": (*WRITES, "--undo-log", "UNDO")}
JOBS = int(os.environ.get("FASTSYNC_JOBS", "4")) // 2


class ExportJob(Job):
    """A job whose master is an export."""

    def __init__(self, server: Server, folder: Path, flags: Sequence[str], proxy: Proxy | None = None):
        super().__init__(server, folder, [flag.replace("UNDO", str(folder / "undo")) for flag in flags], proxy)
        self._flags[1] = write_export(folder / "export", MASTER)
        self._flags += ["--spool", str(folder)]

    def spools(self) -> list[str]:
        """Return the spools that are left."""
        return [path.name for path in self.folder.glob("fastsync-spool-*")]


@pytest.mark.parametrize("seed", range(JOBS))
@pytest.mark.parametrize("mode", MODES)
def test_kills_change_nothing(dynoxide: Server, tmp_path: Path, mode: str, seed: int) -> None:
    """A job that is killed and resumed, or whose workers die, ends like one that is left alone; no spool is left."""
    chance = random.Random(f"{mode}{seed}")
    jobs = []
    for name in ("alone", "disturbed", "haunted"):
        (tmp_path / name).mkdir()
        jobs.append(ExportJob(dynoxide, tmp_path / name, MODES[mode]))
    alone, disturbed, haunted = jobs
    expected = alone.came_to(alone.begin())
    assert expected[2] == len(MASTER)
    assert disturbed.disturbed(chance) == expected
    assert haunted.haunted(chance) == expected
    assert not any(job.spools() for job in jobs)


def begin(server: Server, folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start a run on an export that takes some time."""
    place = write_export(folder / "export", [item(f"{n:05}", v=n) for n in range(3000)])
    slave = Table.make(server, "us-east-1", [item("x", v=1)])
    command = [sys.executable, "-m", "fastsync", "-m", place, "-s", str(slave), "--endpoint-url", server.url]
    files = ["--stats", str(folder / "stats"), "--report", str(folder / "report"), "--spool", str(folder)]
    return subprocess.Popen(
        [*command, *files, *flags],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.parametrize("signals", [1, 2])
def test_an_interrupt_leaves_no_spool(dynoxide: Server, tmp_path: Path, signals: int) -> None:
    """However often it is interrupted, a run removes its spool."""
    process = begin(dynoxide, tmp_path, "--write-missing", "--max-write-units", "50")
    while not list(tmp_path.glob("fastsync-spool-*/*.table")):
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert process.wait(60) == 130
    assert not list(tmp_path.glob("fastsync-spool-*"))
    assert json.loads((tmp_path / "stats").read_text())["complete"] is False


def test_a_killed_run_is_cleaned_up_by_the_next(dynoxide: Server, tmp_path: Path) -> None:
    """What a killed run left in its spool the next one removes."""
    process = begin(dynoxide, tmp_path)
    while not list(tmp_path.glob("fastsync-spool-*/*.sources")):
        assert process.poll() is None
        time.sleep(0.01)
    for pid in session(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait(60)
    assert list(tmp_path.glob("fastsync-spool-*"))
    slave = Table.make(dynoxide, "us-east-1", [item("x", v=1)])
    place = f"export:{tmp_path / 'export'}"
    assert run_fastsync("-m", place, "-s", str(slave), "--spool", str(tmp_path), server=dynoxide).exit_code == 1
    assert not list(tmp_path.glob("fastsync-spool-*"))
