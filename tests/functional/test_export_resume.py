"""Runs on exports that end while tables are divided: another one goes on with the files that are not divided yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exports import write_export
from tests.functional.s3 import FakeS3, do
from tests.functional.tables_behind_proxy import MASTER_REGION, Table
from tests.functional.test_export_runs import MASTER, SLAVE, spell
from tests.servers import Server, environment
from tests.tables import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whether the machine was restarted")

GONE = "what the earlier run had divided is not there any more, so all tables are divided again"
PREFIX = "x/AWSDynamoDB/1"
FILES = 5


class Job:
    """A job whose master is an export in S3, and which repairs its slave."""

    def __init__(self, server: Server, folder: Path, s3: FakeS3):
        self.slave = Table.make(server, MASTER_REGION, SLAVE)
        self.folder = folder
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        self._s3 = s3
        self._flags = ["-m", f"export:s3://backups/{PREFIX}", "-s", str(self.slave), "--endpoint-url", server.url]
        self._flags += ["--write-missing", "--write-differing", "--delete-extra", "--undo-log", str(folder / "undo")]
        self._flags += ["--checkpoint", str(folder / "checkpoint"), "--report", str(folder / "report"), "--resume"]
        self._flags += ["--spool", str(self.spool), "--executor", "inline"]

    def run(self, *flags: str, at_file: tuple[int, signal.Signals] | None = None) -> tuple[int, str, list[int]]:
        """Run once, and send a signal when a file is asked for; return exit code, stderr and the files asked for."""
        begun = len(self._s3.requests)
        process = subprocess.Popen(
            [sys.executable, "-m", "fastsync", *self._flags, *flags],
            cwd=ROOT,
            env=environment(PYTHONPATH=str(ROOT), AWS_ENDPOINT_URL_S3=self._s3.url),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if at_file is not None:
            number, kind = at_file
            self._s3.strike(f"/data/{number:04}", do(lambda: os.kill(process.pid, kind)))
        _, told = process.communicate(timeout=120)
        asked = [path for _, path, _ in self._s3.requests[begun:] if "/data/" in path and "list-type" not in path]
        return process.returncode, told, sorted(int(path.rpartition("/")[2][:4]) for path in asked)

    def left(self) -> list[str]:
        """Return what is left but for the outputs that were asked for."""
        return sorted(path.name for path in (*self.folder.glob("checkpoint*"), *self.spool.iterdir()))


@pytest.fixture
def job(dynoxide: Server, tmp_path: Path) -> Iterator[Job]:
    """A job on an export of some files."""
    folder = tmp_path / "export"
    write_export(folder, MASTER, FILES)
    files = {f"{PREFIX}/{each.relative_to(folder)}": each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    with FakeS3(files) as s3:
        yield Job(dynoxide, tmp_path, s3)


def check_end(job: Job, ran: tuple[int, str, list[int]]) -> None:
    """Check that a run has repaired the slave, and has left nothing behind."""
    code, told, _ = ran
    assert code == 0, told
    assert spell(job.slave.all()) == spell(MASTER)
    assert job.left() == []


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill", "int", "term"])
def test_files_that_are_divided_are_not_read_again(job: Job, kind: signal.Signals) -> None:
    """However a run ends while it divides, the next one reads only the files that are not divided yet."""
    for number in (2, 3):
        code, _, asked = job.run(at_file=(number, kind))
        assert code != 0
        # a file that is at hand is finished where it is small
        assert set(asked) - {number - 1} == ({0, 2} if number == 2 else {3})
        if kind != signal.SIGKILL:
            assert not list(job.spool.iterdir())
            assert (job.folder / "checkpoint.spool").is_dir()
    ran = job.run()
    assert set(ran[2]) - {3} == {4, 5}
    assert GONE not in ran[1]
    check_end(job, ran)


def empty_spool(folder: Path) -> None:
    """Remove a file of the spool, as those do who clean up temporary folders."""
    (folder / "0-1").unlink()


def cut_spool(folder: Path) -> None:
    """Cut a file of the spool short."""
    (folder / "0-1").write_bytes((folder / "0-1").read_bytes()[:-1])


HARMS: dict[str, tuple[Callable[[Path], Any], set[int]]] = {
    "a file gone": (empty_spool, {1, 3, 4, 5}),
    "a file cut": (cut_spool, {1, 3, 4, 5}),
    "no note": (lambda folder: (folder / "note").unlink(), {0, 1, 3, 4, 5}),
    "another note": (lambda folder: (folder / "note").write_bytes(b"{}"), {0, 1, 3, 4, 5}),
    "no lock": (lambda folder: (folder / "lock").unlink(), {0, 1, 3, 4, 5}),
    "gone": (lambda folder: folder.rename(folder.with_name("elsewhere")), {0, 1, 3, 4, 5}),
    "damaged": (lambda folder: (folder / "0.damaged").touch(), {0, 1, 3, 4, 5}),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_not_there_any_more_is_divided_again(job: Job, harm: str) -> None:
    """Of a spool that is not whole only whole files are used; where it is gone all is divided again, as is told."""
    job.run(at_file=(2, signal.SIGINT))
    act, expected = HARMS[harm]
    act(job.folder / "checkpoint.spool")
    ran = job.run()
    assert set(ran[2]) - {2} == expected
    assert (GONE in ran[1]) is (0 in expected)
    if harm == "no lock":  # nobody knows whose folder it is
        assert job.left() == ["checkpoint.spool"]
        assert ran[0] == 0
    else:
        check_end(job, ran)


def test_another_run_clears_what_a_killed_one_left(job: Job) -> None:
    """A killed run's spool is removed by the next run in its place, and the one that resumes divides again."""
    job.run(at_file=(2, signal.SIGKILL))
    assert len(list(job.spool.iterdir())) == 1
    others = (("checkpoint", "other"), ("undo-log", "other-undo"), ("report", "other-report"))
    files = [word for flag, name in others for word in (f"--{flag}", str(job.folder / name))]
    code, told, _ = job.run(*files, "--dry-run")
    assert code == 1, told
    assert not list(job.spool.iterdir())
    ran = job.run()
    assert GONE in ran[1]
    check_end(job, ran)
