"""Files that cannot be written: a clear sentence and an exit code, never a traceback or a run that goes on blindly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import BY_LOOKUP, HASTE, World, item
from tests.servers import environment
from tests.tables import ROOT

FULL = "/dev/full"
pytestmark = pytest.mark.skipif(not Path(FULL).exists(), reason="there is no /dev/full")


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Tables of many pages, on each of which the slave lacks items."""
    return make_world([item(f"{n:03}") for n in range(400)], [item(f"{n:03}") for n in range(0, 400, 2)])


def test_a_report_on_a_full_disk(made: World) -> None:
    """A report that cannot be written any more ends the run; the sentence names it."""
    made.proxy.add(faults.delayed(0.03), "BatchGetItem")
    ran = made.run("--report", FULL, "--write-missing", "--scan-limit", "10")
    assert ran.exit_code == 4
    assert FULL in ran.stderr
    assert "No space left" in ran.stderr
    assert ran.stats["complete"] is False
    assert any(FULL in error for error in ran.stats["errors"])
    tables_behind_proxy.no_traceback(ran)
    # it ended early: pages in flight are written, the rest is not, though it has been read ahead
    assert len(made.proxy.of("PutItem")) < 100


def test_a_report_on_a_full_disk_leaves_true_statistics(made: World) -> None:
    """What other workers have written by the time the report fails is in the statistics."""
    made.proxy.add(faults.delayed(0.05), "PutItem")
    ran = made.run("--report", FULL, "--write-missing", "--scan-limit", "10", "--parallel", "3")
    assert ran.exit_code == 4
    counted = ran.stats["slaves"][str(made.slave)]
    assert counted["written"] == counted["missing"] == len(made.slave.all()) - 200


def test_a_report_on_a_full_disk_without_differences(make_world: MakeWorld) -> None:
    """The last line counts too: without it the report is not complete, and the exit code is not 0."""
    made = make_world([item("a")], [item("a")])
    ran = made.run("--report", FULL)
    assert ran.exit_code == 4
    assert FULL in ran.stderr
    assert ran.stats["complete"] is False
    tables_behind_proxy.no_traceback(ran)


def test_statistics_on_a_full_disk(made: World) -> None:
    """Statistics that cannot be written are told, and what was found is still reported and summed up."""
    ran = made.run("--stats", FULL)
    assert ran.exit_code == 4
    assert "No space left" in ran.stderr
    assert len(ran.differences) == 200
    assert "200 missing" in ran.stderr
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("kept", [True, False], ids=["beside a checkpoint", "for this run"])
def test_waiting_extras_on_a_full_disk(make_world: MakeWorld, tmp_path: Path, kept: bool) -> None:
    """Extras that cannot be kept any more end the run, and none is deleted; a resumed run deletes all of them."""
    made = make_world([item("a")], [item("a"), *(item(f"extra{n:03}") for n in range(400))])
    files = ["--report", str(tmp_path / "report"), *(["--checkpoint", str(tmp_path / "cp")] if kept else [])]
    flags = ["--delete-extra", "--scan-limit", "50", "--endpoint-url", made.proxy.url, *files]
    command = [sys.executable, "-m", "fastsync", *made.tables, *HASTE, *BY_LOOKUP, *flags]
    small = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash"]  # no file grows beyond 8 KiB
    done = subprocess.run(
        [*small, *command], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "extras cannot be kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert made.proxy.of("DeleteItem") == []
    ran = made.run(*flags, *(["--resume"] if kept else []))
    assert (ran.exit_code, len(ran.differences), len(made.slave.all())) == (0, 400, 1), ran.stderr


@pytest.mark.parametrize("flag", ["--report", "--stats"])
def test_a_file_that_cannot_be_opened(made: World, tmp_path: Path, flag: str) -> None:
    """A file that cannot be opened is an error (2) before anything is read."""
    nowhere = str(tmp_path / "no" / "such" / "folder")
    ran = made.run(flag, nowhere)
    assert ran.exit_code == 2
    assert nowhere in ran.stderr
    assert made.proxy.of("Scan") == []
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("flag", ["--report", "--stats"])
def test_a_full_stdout(made: World, flag: str) -> None:
    """stdout on a full disk is told like any other file."""
    command = [sys.executable, "-m", "fastsync", *made.tables, *HASTE, "--endpoint-url", made.proxy.url, flag, "-"]
    with Path(FULL).open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    text = done.stderr.decode()
    assert done.returncode == 4, text
    assert "No space left" in text
    assert "Traceback" not in text
    assert "Exception ignored" not in text


@pytest.mark.parametrize("flag", ["--report", "--stats"])
def test_a_reader_that_has_gone(made: World, flag: str) -> None:
    """A stdout that nobody reads any more ends the run without a traceback."""
    command = [sys.executable, "-m", "fastsync", *made.tables, *HASTE, "--endpoint-url", made.proxy.url, flag, "-"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        text = process.stderr.read().decode()
        code = process.wait(30)
    assert code == 4, text
    assert "Traceback" not in text
    assert "Exception ignored" not in text
