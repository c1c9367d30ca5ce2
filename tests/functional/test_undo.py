"""The undo log, written ahead of every write, and what takes a run back by it."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import running
from tests.functional.proxy import Request
from tests.functional.tables_behind_proxy import HASTE, World, item
from tests.servers import environment
from tests.tables import ROOT, Item, Ran, run_fastsync

ALL = ("--write-missing", "--write-differing", "--delete-extra")
MODES = {
    "guarded": (),
    "batch": ("--writes", "batch"),
    "no recheck": ("--no-recheck",),
    "two processes": ("--parallel", "2", "--segments", "5"),
    "kept": ("--ignore", "seen", "--keep-ignored"),
    "ignored": ("--ignore", "seen"),
}


def _rich(key: str, **more: Any) -> Item:
    """Make an item with values that conversion would change."""
    exotic = {"n": {"N": "1.50"}, "set": {"NS": ["3", "1", "2"]}, "bin": {"B": "AAH/"}, "deep": {"L": [{"M": {}}]}}
    return {**item(key, **more), **exotic}


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Two slaves that lack items, have other versions, and have items of their own."""
    master = [_rich(f"{n:03}", v=n, seen=100) for n in range(60)]
    slave = [_rich(f"{n:03}", v=n if n % 3 else -n, seen=n, own="x") for n in range(0, 60, 2)]
    extras = [_rich(f"x{n}", v=n) for n in range(7)]
    return make_world(master, [*slave, *extras], extras[:2])


def _undo(made: World, log: Path, *flags: str) -> Ran:
    return run_fastsync("undo", str(log), *HASTE, *flags, server=made.via)


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_is_taken_back(made: World, tmp_path: Path, mode: str) -> None:
    """After an undo every slave holds what it held before, to the last attribute; a second undo does nothing."""
    log = tmp_path / "undo.jsonl"
    before = [slave.all() for slave in made.slaves]
    ran = made.run(*ALL, *MODES[mode], "--undo-log", str(log))
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert [slave.all() for slave in made.slaves] != before
    undone = _undo(made, log)
    assert (undone.exit_code, undone.stats["errors"], undone.end["complete"]) == (0, [], True)
    assert [slave.all() for slave in made.slaves] == before
    for slave in map(str, made.slaves):
        was, now = ran.stats["slaves"][slave], undone.stats["slaves"][slave]
        assert (now["extra"], now["differing"], now["missing"]) == (was["missing"], was["differing"], was["extra"])
        assert (now["deleted"], now["written"]) == (was["missing"], was["differing"] + was["extra"])
    again = _undo(made, log)
    assert (again.exit_code, again.differences) == (0, [])
    assert [slave.all() for slave in made.slaves] == before
    assert sum(slave["same"] for slave in again.stats["slaves"].values()) == len(_lines(log))


def test_the_log_tells_what_was_and_what_is(made: World, tmp_path: Path) -> None:
    """Every write has one line with both items in DynamoDB JSON, null for the one that is not there."""
    log = tmp_path / "undo.jsonl"
    before = {(str(slave), each["id"]["S"]): each for slave in made.slaves for each in slave.all()}
    ran = made.run(*ALL, "--undo-log", str(log))
    after = {(str(slave), each["id"]["S"]): each for slave in made.slaves for each in slave.all()}
    lines = _lines(log)
    assert len(lines) == len(ran.differences)
    for line in lines:
        assert line.keys() == {"slave", "key", "before", "after", "table_id", "checksum"}
        where = (line["slave"], line["key"]["id"]["S"])
        for told, there in ((line["before"], before.get(where)), (line["after"], after.get(where))):
            assert (told and _canonical(told)) == (there and _canonical(there))
    assert log.stat().st_mode & 0o077 == 0


def _canonical(each: Item) -> str:
    return json.dumps({**each, "set": sorted(each["set"]["NS"])}, sort_keys=True)


@pytest.mark.parametrize("mode", ["guarded", "batch"])
def test_the_line_is_there_before_the_write(made: World, tmp_path: Path, mode: str) -> None:
    """When a write arrives at the service, the line that takes it back is in the file."""
    log = tmp_path / "undo.jsonl"
    late: list[str] = []

    def look(request: Request) -> bool:
        told = {line["key"]["id"]["S"] for line in _lines(log)}
        asked = json.dumps(request.body)
        late.extend(key for key in _written(request) if key not in told)
        return "never" in asked

    for operation in ("PutItem", "DeleteItem", "BatchWriteItem"):
        made.proxy.add(faults.cut, operation, where=look)
    assert made.run(*ALL, *MODES[mode], "--undo-log", str(log)).exit_code == 0
    assert late == []
    assert made.proxy.of("DeleteItem")


def _written(request: Request) -> list[str]:
    if request.operation == "BatchWriteItem":
        ((_, puts),) = request.body["RequestItems"].items()
        return [each["PutRequest"]["Item"]["id"]["S"] for each in puts]
    return [(request.body.get("Item") or request.body["Key"])["id"]["S"]]


def test_what_has_changed_since_is_left(made: World, tmp_path: Path) -> None:
    """An item that somebody wrote or deleted after the run is left as it is, told, and the exit code is 1."""
    log = tmp_path / "undo.jsonl"
    made.run(*ALL, "--undo-log", str(log))
    made.slave.put(item("001", v="mine"))
    made.slave.put(item("x0", v="back"))
    made.slave.delete("000")
    undone = _undo(made, log, "--report-values")
    assert (undone.exit_code, undone.end["complete"]) == (1, True)
    left = [line for line in undone.differences if line["action"] == "contended"]
    assert sorted(line["key"]["id"]["S"] for line in left) == ["000", "001", "x0"]
    assert all("changed since" in line["error"] for line in left)
    assert made.slave.get("001") == item("001", v="mine")
    assert made.slave.get("x0") == item("x0", v="back")
    assert made.slave.get("000") is None
    assert made.slave.get("x1") is not None
    assert "3 changed since the run and left alone" in undone.stderr


def test_an_item_that_changes_while_it_is_undone_is_left(made: World, tmp_path: Path) -> None:
    """What is written between the read and the write of an undo is not overwritten."""
    log = tmp_path / "undo.jsonl"
    made.run(*ALL, "--undo-log", str(log))
    change = faults.before(lambda: made.slave.put(item("000", v="mine")))
    made.proxy.add(change, "PutItem", where=lambda each: each.body["Item"]["id"]["S"] == "000")
    undone = _undo(made, log)
    assert undone.exit_code == 1
    assert made.slave.get("000") == item("000", v="mine")


def test_replication_attributes_are_not_put_back(make_world: MakeWorld, tmp_path: Path) -> None:
    """`aws:rep:*` is in the log as it was, and in no write."""
    log = tmp_path / "undo.jsonl"
    marked = {**item("a", v=2), "aws:rep:updateregion": {"S": "us-west-2"}}
    made = make_world([item("a", v=1)], [marked])
    made.run(*ALL, "--undo-log", str(log))
    assert _lines(log)[0]["before"] == marked
    assert _undo(made, log).exit_code == 0
    assert made.slave.all() == [item("a", v=2)]


def test_a_race_in_the_run_is_undone_to_what_the_run_replaced(make_world: MakeWorld, tmp_path: Path) -> None:
    """Where a write lost its race and was made anew, the undo brings back what was really overwritten."""
    log = tmp_path / "undo.jsonl"
    made = make_world([item("a", v="master")], [item("a", v="old")])
    made.proxy.add(faults.before(lambda: made.slave.put(item("a", v="newer"))), "PutItem", nth=(1,))
    assert made.run(*ALL, "--undo-log", str(log)).exit_code == 0
    assert [line["before"]["v"]["S"] for line in _lines(log)] == ["old", "newer"]
    assert _undo(made, log).exit_code == 0
    assert made.slave.all() == [item("a", v="newer")]
    assert _undo(made, log).exit_code == 0


def test_an_ignored_attribute_that_changes_before_the_write_is_not_lost(make_world: MakeWorld, tmp_path: Path) -> None:
    """With an undo log the write depends on ignored attributes too, so that what it replaces is what the log tells."""
    log = tmp_path / "undo.jsonl"
    made = make_world([item("a", v=1, seen=1)], [item("a", v=2, seen=2)])
    made.proxy.add(faults.before(lambda: made.slave.put(item("a", v=2, seen=3))), "PutItem", nth=(1,))
    assert made.run(*ALL, "--ignore", "seen", "--undo-log", str(log)).exit_code == 0
    assert _undo(made, log).exit_code == 0
    assert made.slave.all() == [item("a", v=2, seen=3)]


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_was_killed_is_taken_back(made: World, tmp_path: Path, seed: int) -> None:
    """After SIGKILL to all processes at any moment the log is whole, and takes back whatever was written."""
    log = tmp_path / "undo.jsonl"
    before = [slave.all() for slave in made.slaves]
    made.proxy.add(faults.delayed(0.01), ("PutItem", "DeleteItem"))
    with running(made, *ALL, "--undo-log", str(log), "--scan-limit", "5", "--parallel", "2") as run:
        made.proxy.await_request("PutItem", count=3 + 9 * seed)
        time.sleep(random.Random(seed).uniform(0, 0.05))
        for pid in (*run.others(), run.process.pid):
            os.kill(pid, 9)
    made.proxy.rules.clear()
    assert _undo(made, log).exit_code == 0
    assert [slave.all() for slave in made.slaves] == before


def test_a_log_that_the_disk_does_not_take(made: World, tmp_path: Path) -> None:
    """When the undo log cannot grow, nothing is written without its line; the run ends, and its log takes it back."""
    log = tmp_path / "undo.jsonl"
    before = [slave.all() for slave in made.slaves]
    stats = tmp_path / "stats.json"
    command = [sys.executable, "-m", "fastsync", *made.tables, *HASTE, "--endpoint-url", made.proxy.url, *ALL]
    done = subprocess.run(
        [*command, "--undo-log", str(log), "--stats", str(stats), "--scan-limit", "5"],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)),
    )
    assert done.returncode == 4, done.stderr
    assert "undo log" in done.stderr
    assert "Traceback" not in done.stderr
    counted = json.loads(stats.read_text())["slaves"].values()
    writes = sum(each["written"] + each["deleted"] for each in counted)
    assert 0 < writes <= len(_lines(log))
    assert any(each["failed"] for each in counted)
    assert not any(each["contended"] for each in counted)
    assert _undo(made, log).exit_code == 0
    assert [slave.all() for slave in made.slaves] == before


def test_a_log_that_is_gone(made: World, tmp_path: Path) -> None:
    """Where the undo log was taken away, a segment that begins then writes nothing; the run ends and names the log."""
    log = tmp_path / "undo.jsonl"
    made.proxy.add(faults.before(lambda: log.unlink(missing_ok=True)), "Scan", nth=(1,))
    ran = made.run("--write-missing", "--undo-log", str(log), "--segments", "3")
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (4, False, False)
    assert str(log) in ran.stats["errors"][0]
    tables_behind_proxy.no_traceback(ran)
    assert len({each.segment for each in made.proxy.of("Scan", made.master.name)}) == 1


def test_a_torn_last_line_is_no_harm(made: World, tmp_path: Path) -> None:
    """A last line without an end, as a machine without power leaves it, is left out."""
    log = tmp_path / "undo.jsonl"
    before = [slave.all() for slave in made.slaves]
    made.run(*ALL, "--undo-log", str(log))
    with log.open("a") as file:
        file.write('{"slave": "us-west-2:t", "ke')
    assert _undo(made, log).exit_code == 0
    assert [slave.all() for slave in made.slaves] == before


def test_a_slave_that_is_gone_does_not_keep_the_others(made: World, tmp_path: Path) -> None:
    """What can be undone is, where one slave is denied; the exit code is 4, and 3 where nothing can be had."""
    log = tmp_path / "undo.jsonl"
    before = made.slaves[1].all()
    made.run(*ALL, "--undo-log", str(log))
    made.proxy.add(faults.DENIED, "BatchGetItem", table=made.slave.name)
    undone = _undo(made, log)
    assert (undone.exit_code, undone.end["complete"]) == (4, False)
    assert made.slaves[1].all() == before
    made.proxy.add(faults.DENIED, "DescribeTable")
    undone = _undo(made, log)
    assert undone.exit_code == 3
    tables_behind_proxy.no_traceback(undone)


def test_logs_that_are_refused(made: World, tmp_path: Path) -> None:
    """A log with content, in no folder, or in another output is an error (2) before anything is read."""
    used = tmp_path / "used.jsonl"
    used.write_text("{}\n")
    for flags, word in (
        ((*ALL, "--undo-log", str(used)), "has content"),
        ((*ALL, "--undo-log", str(tmp_path / "no" / "folder")), "cannot be written"),
        ((*ALL, "--undo-log", str(tmp_path / "one"), "--report", str(tmp_path / "one")), "where --report goes"),
    ):
        ran = made.run(*flags)
        assert (ran.exit_code, made.proxy.of("Scan")) == (2, []), ran.stderr
        assert word in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
    assert used.read_text() == "{}\n"


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "cannot be read"), ("{}\n", "no undo log"), ("rubbish\n", "damaged"), ('{"slave":"x"}\n{}\n', "damaged")],
)
def test_undo_logs_that_are_none(made: World, tmp_path: Path, content: str | None, word: str) -> None:
    """A file that is not there or is no undo log is one clear sentence, and exit code 2."""
    log = tmp_path / "undo.jsonl"
    if content is not None:
        log.write_text(content)
    ran = _undo(made, log)
    assert ran.exit_code == 2
    assert word in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_an_empty_log(made: World, tmp_path: Path) -> None:
    """The log of a run that had nothing to write takes nothing back, and that is all right."""
    log = tmp_path / "undo.jsonl"
    log.touch()
    ran = _undo(made, log)
    assert (ran.exit_code, ran.stats["slaves"], ran.end) == (0, {}, {"complete": True, "differences": 0})


def test_the_log_of_a_run_that_only_reports_stays_empty(made: World, tmp_path: Path) -> None:
    """--undo-log without a flag that writes, and --keep-ignored without --ignore, are no errors; nothing is logged."""
    log = tmp_path / "undo.jsonl"
    ran = made.run("--scan-for-extra", "--keep-ignored", "--undo-log", str(log))
    assert (ran.exit_code, log.read_bytes()) == (1, b"")
    assert _undo(made, log).exit_code == 0


WAYS = {
    "lookup": (("--strategy", "lookup"), ()),
    "merge, in batches": (("--strategy", "merge", "--writes", "batch"), ()),
    "seven keys a request": (("--batch-read-limit", "7"), ("--batch-read-limit", "7", "--parallel", "2")),
}


@pytest.mark.parametrize("size", [0, 1, 24, 25, 26, 99, 100, 101, 1000, 1001])
@pytest.mark.parametrize("way", WAYS)
def test_a_run_of_any_size_is_taken_back(make_world: MakeWorld, tmp_path: Path, size: int, way: str) -> None:
    """However many items a run added, overwrote and deleted, all are as before; every request is in the limits."""
    run_flags, undo_flags = WAYS[way]
    log = tmp_path / "undo.jsonl"
    items = [item(f"{n:05}", v=n) for n in range(size)]
    changed = [item(f"{n:05}", v=-n) for n in range(size)]
    made = make_world(items, [], changed, [item(f"x{n:05}") for n in range(size)])
    before = [slave.all() for slave in made.slaves]
    ran = made.run(*ALL, *run_flags, "--undo-log", str(log), "--allow-empty-master")
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert [slave.all() for slave in made.slaves] == [made.master.all()] * 3
    undone = _undo(made, log, *undo_flags)
    assert (undone.exit_code, undone.stats["errors"]) == (0, [])
    assert [slave.all() for slave in made.slaves] == before
    looked_up = [len(each.keys) for each in made.proxy.of("BatchGetItem")]
    assert max(looked_up, default=0) <= (7 if undo_flags else 100)
    assert max((len(_written(each)) for each in made.proxy.of("BatchWriteItem")), default=0) <= 25


def test_line_breaks_of_other_alphabets_break_no_line(make_world: MakeWorld, tmp_path: Path) -> None:
    r"""U+0085, U+2028 and U+2029 are escaped in the undo log and come back as they were."""
    log = tmp_path / "undo.jsonl"
    odd = item("a\u2028b\x85c\u2029", v="\x85\u2028\u2029\\")
    made = make_world([odd, item("b", v="\u2028")], [], [{**odd, "v": {"S": "\x85"}}])
    before = [slave.all() for slave in made.slaves]
    assert made.run(*ALL, "--undo-log", str(log)).exit_code == 0
    text = log.read_bytes().decode()
    assert text.splitlines() == text.split("\n")[:-1]
    assert [slave.all() for slave in made.slaves] == [made.master.all()] * 2
    assert _undo(made, log).exit_code == 0
    assert [slave.all() for slave in made.slaves] == before
