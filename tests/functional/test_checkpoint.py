"""Checkpoints: a run that was stopped is gone on with, and one that may not be is refused with what differs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import running
from tests.functional.tables_behind_proxy import World, item, what_counts
from tests.tables import Ran

MASTER = [item(f"{n:03}", v=n) for n in range(120)]
SLAVE = [*MASTER[::2], *(item(f"x{n}") for n in range(5))]
OTHER = [item(f"{n:03}", v=n % 100) for n in range(120)]
SLICES = ("--scan-limit", "10", "--segments", "3", "--scan-for-extra")


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and two slaves that differ."""
    return make_world(MASTER, SLAVE, OTHER)


@pytest.fixture
def kept(tmp_path: Path) -> list[str]:
    """Flags that name a checkpoint and a report which outlive a run."""
    return ["--checkpoint", str(tmp_path / "cp"), "--report", str(tmp_path / "report.jsonl")]


def test_nothing_is_left_of_a_checkpoint(made: World, kept: list[str], tmp_path: Path) -> None:
    """A run that completes removes its checkpoint, differences or not."""
    ran = made.run(*SLICES, *kept)
    assert ran.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["report.jsonl"]


def test_no_checkpoint_to_resume(made: World, kept: list[str]) -> None:
    """--resume without a file starts afresh and says so."""
    ran = made.run(*SLICES, *kept, "--resume")
    assert ran.exit_code == 1
    assert "starting afresh" in ran.stderr
    assert ran.stats["complete"]


def _stopped(made: World, kept: Sequence[str], *flags: str) -> Ran:
    """Run for a moment."""
    rule = made.proxy.add(faults.delayed(0.2), "BatchGetItem")
    ran = made.run(*SLICES, *kept, *flags, "--max-duration", "1")
    made.proxy.rules.remove(rule)
    assert ran.exit_code == 4, ran.stderr
    assert not ran.stats["complete"]
    return ran


def test_a_run_that_ends_after_a_time(made: World, kept: list[str]) -> None:
    """--max-duration ends a run with 4 and a sentence; resumed, it ends like one that had the time."""
    whole = made.run(*SLICES)
    ran = _stopped(made, kept)
    assert "--max-duration" in ran.stderr
    assert ran.stats["master"]["scanned"] < len(MASTER)
    assert ran.end == {"complete": False, "differences": len(ran.differences)}
    again = made.run(*SLICES, *kept, "--resume", "--parallel", "3")
    assert "going on" in again.stderr
    assert what_counts(again) == what_counts(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(make_world: MakeWorld, tmp_path: Path, number: int) -> None:
    """A run that writes, ended by a signal and resumed, has the report and the tables of one that was not."""
    whole, made = (make_world(MASTER, SLAVE, OTHER) for _ in range(2))
    flags = [*SLICES, "--write-missing", "--write-differing", "--delete-extra"]
    expected = whole.run(*flags)
    made.proxy.add(faults.delayed(0.05), "PutItem")
    keep = ["--checkpoint", str(tmp_path / "cp"), "--report", str(tmp_path / "report")]
    with running(made, *flags, *keep) as run:
        made.proxy.await_request("PutItem", made.slave.name, count=20)
        run.signal(number)
        assert run.process.wait(20) == 128 + number
    ran = made.run(*flags, *keep, "--resume")
    assert ran.exit_code == expected.exit_code == 0
    assert tables_behind_proxy.actions(ran) == tables_behind_proxy.actions(expected)
    assert ran.stats["master"]["scanned"] == len(MASTER)
    assert [slave.all() for slave in made.slaves] == [MASTER, MASTER]


def test_a_slave_that_was_lost_catches_up(made: World, kept: list[str]) -> None:
    """A slave that fails in the middle is taken up again from there, and the master's items are counted once."""
    whole = made.run(*SLICES)
    made.proxy.add(faults.DENIED, "BatchGetItem", table=made.slaves[1].name, nth=range(5, 10_000))
    ran = made.run(*SLICES, *kept)
    assert ran.exit_code == 4
    made.proxy.rules.clear()
    scans = len(made.proxy.of("Scan", made.slaves[0].name))
    again = made.run(*SLICES, *kept, "--resume")
    assert what_counts(again) == what_counts(whole)
    assert len(made.proxy.of("Scan", made.slaves[0].name)) == scans


def test_slaves_that_were_lost_all(made: World, kept: list[str]) -> None:
    """Where every slave fails, the rest of the segment follows, with its master items."""
    whole = made.run(*SLICES)
    for slave in made.slaves:
        made.proxy.add(faults.DENIED, "BatchGetItem", table=slave.name, nth=range(6, 10_000))
    assert made.run(*SLICES, *kept).exit_code == 4
    made.proxy.rules.clear()
    assert what_counts(made.run(*SLICES, *kept, "--resume")) == what_counts(whole)


def test_a_slave_that_could_not_be_compared(made: World, kept: list[str]) -> None:
    """A slave that was out of reach at the start is compared from the beginning by the run that resumes."""
    whole = made.run(*SLICES)
    made.proxy.add(faults.DENIED, "DescribeTable", table=made.slave.name)
    assert made.run(*SLICES, *kept).exit_code == 4
    made.proxy.rules.clear()
    assert what_counts(made.run(*SLICES, *kept, "--resume")) == what_counts(whole)


def test_a_segment_that_failed(make_world: MakeWorld, kept: list[str]) -> None:
    """A failed segment is taken up again; deletes that it had made doubtful follow then."""
    whole, made = (make_world(MASTER, SLAVE, OTHER) for _ in range(2))
    flags = (*SLICES, "--delete-extra")
    expected = whole.run(*flags)
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(9,))
    ran = made.run(*flags, *kept)
    assert ran.exit_code in (4, 5)
    assert made.proxy.of("DeleteItem", made.slave.name) == []
    again = made.run(*flags, *kept, "--resume")
    assert tables_behind_proxy.actions(again) == tables_behind_proxy.actions(expected)
    assert again.exit_code == expected.exit_code
    assert not [each for each in made.slave.all() if each["id"]["S"].startswith("x")]


def test_the_report_on_stdout(made: World, tmp_path: Path) -> None:
    """A report on stdout is told whole by the run that resumes."""
    whole = made.run(*SLICES)
    keep = ["--checkpoint", str(tmp_path / "cp"), "--report", "-"]
    _stopped(made, keep)
    again = made.run(*SLICES, *keep, "--resume")
    assert sorted(map(json.dumps, again.differences)) == sorted(map(json.dumps, whole.differences))
    assert list(tmp_path.iterdir()) == []


OTHERS = {
    "ignore": (["--ignore", "v"], "--ignore"),
    "writing": (["--write-missing"], "--write-missing"),
    "segments": (["--segments", "4"], "--segments"),
    "report": (["--report", "elsewhere.jsonl"], "--report"),
    "slave": (["-s", "eu-north-1:fourth"], "--slaves"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_other_settings(made: World, kept: list[str], case: tuple[list[str], str]) -> None:
    """A checkpoint of other tables or settings is refused (2) with what differs, and stays as it is."""
    flags, named = case
    _stopped(made, kept)
    checkpoint = Path(kept[1])
    before, asked = checkpoint.read_bytes(), len(made.proxy.requests)
    ran = made.run(*SLICES, *kept, "--resume", *flags)
    assert ran.exit_code == 2
    assert f"{named} was " in ran.stderr
    assert (checkpoint.read_bytes(), len(made.proxy.requests)) == (before, asked)
    tables_behind_proxy.no_traceback(ran)


def test_a_checkpoint_without_resume(made: World, kept: list[str]) -> None:
    """A checkpoint that is there already is not written over."""
    _stopped(made, kept)
    ran = made.run(*SLICES, *kept)
    assert ran.exit_code == 2
    assert "--resume" in ran.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', '{"version": 1}', "\x00\xff"])
def test_rubbish(made: World, kept: list[str], text: str) -> None:
    """A file that is no checkpoint, or another version's, is refused and kept."""
    Path(kept[1]).write_text(text)
    ran = made.run(*SLICES, *kept, "--resume")
    assert ran.exit_code == 2
    assert kept[1] in ran.stderr
    assert Path(kept[1]).read_text() == text
    assert made.proxy.requests == []
    tables_behind_proxy.no_traceback(ran)


def test_a_report_that_is_gone(made: World, kept: list[str]) -> None:
    """A report that does not hold what the checkpoint covers is refused."""
    _stopped(made, kept)
    os.truncate(kept[3], 0)
    ran = made.run(*SLICES, *kept, "--resume")
    assert ran.exit_code == 2
    assert kept[3] in ran.stderr


def test_two_runs_with_one_checkpoint(made: World, kept: list[str]) -> None:
    """A checkpoint belongs to one run at a time."""
    made.proxy.add(faults.delayed(0.5), "BatchGetItem")
    with running(made, *SLICES, *kept):
        made.proxy.await_request("BatchGetItem")
        ran = made.run(*SLICES, *kept, "--resume")
    assert ran.exit_code == 2
    assert "still at work" in ran.stderr


def test_resume_needs_a_checkpoint(made: World) -> None:
    """--resume without --checkpoint is an error."""
    ran = made.run("--resume")
    assert ran.exit_code == 2
    assert "--checkpoint" in ran.stderr


def test_a_checkpoint_that_cannot_be_written(made: World, tmp_path: Path) -> None:
    """A checkpoint in a folder that is not there is an error before anything is read."""
    ran = made.run("--checkpoint", str(tmp_path / "no" / "cp"))
    assert ran.exit_code == 2
    assert made.proxy.of("Scan") == []
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("report", ["file", "-"])
@pytest.mark.parametrize("executor", ["processes", "inline"])
def test_an_item_that_cannot_be_written(make_world: MakeWorld, tmp_path: Path, report: str, executor: str) -> None:
    """An item that the service rejects makes 4 in every run and resume; each tries it again, until it is taken."""
    made = make_world(MASTER[:30], SLAVE[:5])
    out = ["--report", str(tmp_path / "report") if report == "file" else report]
    flags = [*SLICES[:4], "--write-missing", "--checkpoint", str(tmp_path / "cp"), *out, "--executor", executor]
    rule = made.proxy.add(faults.INVALID, "PutItem", where=lambda asked: asked.body["Item"] == MASTER[7])
    for runs in range(1, 4):
        ran = made.run(*flags, "--resume")
        tables_behind_proxy.no_traceback(ran)
        assert ran.exit_code == 4, ran.stderr
        assert "--resume" in ran.stderr
        assert "tries" in ran.stderr
        assert (tmp_path / "cp").exists()
        assert ran.stats["slaves"][str(made.slave)]["failed"] == 1
        assert (ran.end["complete"], ("007", "missing", "failed") in tables_behind_proxy.actions(ran)) == (False, True)
        tried = [each for each in made.proxy.of("PutItem") if each.body["Item"]["id"]["S"] == "007"]
        assert len(tried) == runs
    made.proxy.rules.remove(rule)
    ran = made.run(*flags, "--resume")
    assert (ran.exit_code, made.slave.get("007")) == (0, MASTER[7])
    assert not (tmp_path / "cp").exists()
