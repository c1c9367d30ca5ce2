"""Signals and deaths: a run that is ended tells the truth about what it did, and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastsync.run.tasks.source import RESTARTS
from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import Running, running, wait_for
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT, Ran, run_fastsync

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

ITEMS = 400
LACKING = 200
SLOWLY = ("--scan-limit", "10", "--parallel", "2", "--segments", "4")


@pytest.fixture
def slow(make_world: MakeWorld) -> World:
    """Tables whose comparison takes some seconds, since each look-up takes a tenth of one."""
    made = make_world(*([item(f"{n:03}", n=n) for n in which] for which in (range(ITEMS), range(0, ITEMS, 2))))
    made.proxy.add(faults.delayed(0.1), "BatchGetItem")
    return made


def _under_way(made: World, run: Running, look_ups: int = 12) -> None:
    made.proxy.await_request("BatchGetItem", made.slave.name, look_ups)
    assert run.process.poll() is None


def _truthful(made: World, ran: Ran) -> None:
    """Hold that report, statistics and the slave itself agree on what was done before the end."""
    assert ran.end == {"complete": False, "differences": len(ran.differences)}
    assert ran.stats["complete"] is False
    counted = ran.stats["slaves"][str(made.slave)]
    assert counted["written"] == counted["missing"] == len(ran.differences)
    assert 0 < counted["written"] < LACKING
    assert counted["same"] + counted["missing"] + counted["settled"] == ran.stats["master"]["scanned"] < ITEMS
    written = {line["key"]["id"]["S"] for line in ran.differences}
    there = {each["id"]["S"] for each in made.slave.all()}
    assert written == {key for key in there if int(key) % 2}


@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_between_two_pages(slow: World, number: int, code: int, group: bool) -> None:
    """SIGINT and SIGTERM, to the parent or to all, end with 130 and 143, a true report, and no process left."""
    with running(slow, "--write-missing", *SLOWLY) as run:
        _under_way(slow, run)
        run.signal(number, group)
        ran = run.ended()
        run.none_left(within=5)
    assert ran.exit_code == code
    tables_behind_proxy.no_traceback(ran)
    assert "died" not in ran.stderr
    assert ran.stats["errors"] == []
    _truthful(slow, ran)
    assert "INCOMPLETE" in ran.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_of_given_keys(make_world: MakeWorld, tmp_path: Path, number: int, code: int) -> None:
    """A run of given keys that is interrupted tells the truth, and its undo log takes back what was written."""
    made = make_world(*([item(f"{n:03}", n=n) for n in which] for which in (range(ITEMS), range(0, ITEMS, 2))))
    made.proxy.add(faults.delayed(0.5), "BatchGetItem")
    keys, undo = _write_keys(tmp_path), tmp_path / "undo"
    writing = ("--write-missing", "--undo-log", str(undo))
    with running(made, "--keys", str(keys), "--strategy", "auto", "--parallel", "2", *writing) as run:
        _under_way(made, run, look_ups=4)
        run.signal(number, group=True)
        ran = run.ended()
        run.none_left(within=5)
    assert ran.exit_code == code
    tables_behind_proxy.no_traceback(ran)
    assert ran.stats["errors"] == []
    _truthful(made, ran)
    undone = run_fastsync("undo", str(undo), "--endpoint-url", made.proxy.url)
    assert undone.exit_code == 0, undone.stderr
    assert {each["id"]["S"] for each in made.slave.all()} == {f"{n:03}" for n in range(0, ITEMS, 2)}


def test_a_second_signal_ends_given_keys_at_once(make_world: MakeWorld, tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for the keys that are being looked up; report and statistics have their forms."""
    made = make_world(*([item(f"{n:03}", n=n) for n in range(ITEMS)] for _ in range(2)))
    made.proxy.add(faults.delayed(15), "BatchGetItem")
    with running(made, "--keys", str(_write_keys(tmp_path)), "--strategy", "auto", "--parallel", "2") as run:
        made.proxy.await_request("BatchGetItem")
        run.signal(signal.SIGINT, group=True)
        time.sleep(0.5)
        assert run.process.poll() is None
        run.signal(signal.SIGINT, group=True)
        ran = run.ended()
        run.none_left(within=5)
    assert ran.exit_code == 130
    assert ran.report == [{"complete": False, "differences": 0}]
    assert ran.stats["complete"] is False
    tables_behind_proxy.no_traceback(ran)


def _write_keys(folder: Path) -> Path:
    keys = folder / "keys.jsonl"
    keys.write_text("".join(f'{{"id": "{n:03}"}}\n' for n in range(ITEMS)))
    return keys


@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
def test_a_second_signal_ends_at_once(make_world: MakeWorld, group: bool) -> None:
    """A second Ctrl-C does not wait for the requests under way."""
    made = make_world([item("a"), item("b")], [item("a")])
    made.proxy.add(faults.delayed(15), "BatchGetItem")
    with running(made, "--parallel", "2") as run:
        made.proxy.await_request("BatchGetItem")
        run.signal(signal.SIGINT, group)
        time.sleep(0.5)
        assert run.process.poll() is None
        began = time.monotonic()
        run.signal(signal.SIGINT, group)
        ran = run.ended()
        assert time.monotonic() - began < 5
        run.none_left(within=5)
    assert ran.exit_code == 130
    assert ran.report == [{"complete": False, "differences": 0}]
    assert ran.stats["complete"] is False
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_tables_are_described(make_world: MakeWorld, number: int, code: int) -> None:
    """Before anything is read there is nothing to finish: the run ends at once, with the same exit code."""
    made = make_world([item("a")], [item("a")])
    made.proxy.add(faults.delayed(8), "DescribeTable")
    with running(made) as run:
        made.proxy.await_request("DescribeTable")
        began = time.monotonic()
        run.signal(number, group=True)
        ran = run.ended()
        took = time.monotonic() - began
        run.none_left(within=5)
    assert ran.exit_code == code
    assert ran.report == [{"complete": False, "differences": 0}]
    assert ran.stats["complete"] is False
    tables_behind_proxy.no_traceback(ran)
    assert took < 4, f"it took {took:.1f} s"


def test_a_signal_while_the_tables_of_a_resumed_run_are_described(make_world: MakeWorld, tmp_path: Path) -> None:
    """Before a resumed run goes on, report and statistics hold what is on its checkpoint, and can be resumed again."""
    made = make_world([item("a"), item("b"), item("c")], [])
    report, stats, checkpoint = (str(tmp_path / name) for name in ("report", "stats", "checkpoint"))
    files = ("--report", report, "--stats", stats, "--checkpoint", checkpoint, "--resume", "--scan-limit", "1")
    broken = made.proxy.add(faults.INTERNAL, "Scan", nth=range(2, 100))
    assert made.run(*files, "--max-retries", "0").exit_code == 4
    broken.rate = 0
    slow = made.proxy.add(faults.delayed(8), "DescribeTable")
    before = len(made.proxy.of("DescribeTable"))
    with running(made, *files) as run:
        made.proxy.await_request("DescribeTable", count=before + 1)
        run.signal(signal.SIGTERM, group=True)
        assert run.ended().exit_code == 143
    lines = [json.loads(line) for line in Path(report).read_text().splitlines()]
    counted = json.loads(Path(stats).read_text())
    assert lines[-1] == {"complete": False, "differences": 1}
    assert (counted["complete"], counted["master"]["scanned"]) == (False, 1)
    assert counted["slaves"][str(made.slave)]["missing"] == 1
    slow.rate = 0
    assert made.run(*files).exit_code == 1
    assert len(Path(report).read_text().splitlines()) == 4


def test_a_signal_while_the_tables_of_an_undo_are_described(make_world: MakeWorld, tmp_path: Path) -> None:
    """An undo that is interrupted before its first item leaves report and statistics in their forms."""
    made = make_world([item("a")], [])
    log, report, stats = (str(tmp_path / name) for name in ("undo", "report", "stats"))
    assert made.run("--write-missing", "--undo-log", log).exit_code == 0
    made.proxy.add(faults.delayed(8), "DescribeTable")
    before = len(made.proxy.of("DescribeTable"))
    command = [sys.executable, "-m", "fastsync", "undo", log, "--endpoint-url", made.proxy.url]
    command += ["--report", report, "--stats", stats]
    with subprocess.Popen(command, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), start_new_session=True) as undo:
        made.proxy.await_request("DescribeTable", count=before + 1)
        os.killpg(undo.pid, signal.SIGTERM)
        assert undo.wait(20) == 143
    assert json.loads(Path(report).read_text()) == {"complete": False, "differences": 0}
    assert json.loads(Path(stats).read_text())["complete"] is False


def test_a_signal_while_extras_are_deleted(make_world: MakeWorld) -> None:
    """What was deleted is reported as deleted and what was not as not, each extra once."""
    master = [item("a")]
    made = make_world(master, [*master, *(item(f"x{n:04}") for n in range(2400))])
    rule = made.proxy.add(faults.delayed(0.02), "DeleteItem")
    with running(made, "--delete-extra") as run:
        made.proxy.await_request("DeleteItem", count=30)
        run.signal(signal.SIGINT, group=True)
        ran = run.ended()
        run.none_left(within=5)
    assert ran.exit_code == 130
    assert ran.end == {"complete": False, "differences": 2400}
    gone = {line["key"]["id"]["S"] for line in ran.differences if line["action"] == "deleted"}
    left = {line["key"]["id"]["S"] for line in ran.differences if line["action"] == "none"}
    assert (len(gone | left), gone & left) == (2400, set())
    assert {each["id"]["S"] for each in made.slave.all()} == {"a"} | left
    assert 0 < len(gone) == rule.seen < 2400
    counted = ran.stats["slaves"][str(made.slave)]
    assert (counted["extra"], counted["deleted"], counted["failed"]) == (2400, len(gone), 0)
    tables_behind_proxy.no_traceback(ran)


def test_a_killed_fork_server(make_world: MakeWorld) -> None:
    """Where the process that workers are forked from dies while it starts one, another one does, and nobody notices."""
    made = make_world([item(f"{n}") for n in range(20)], [item("0")])
    made.proxy.add(faults.delayed(0.7), "DescribeTable")
    with running(made) as run:
        server = run.fork_server()
        os.kill(server, signal.SIGSTOP)
        made.proxy.await_request("DescribeTable", made.slave.name)
        time.sleep(1.5)  # the run has asked for a worker by now, and waits
        assert made.proxy.of("Scan") == []
        os.kill(server, signal.SIGKILL)
        ran = run.ended()
    assert (ran.exit_code, len(ran.differences)) == (1, 19), ran.stderr
    tables_behind_proxy.no_traceback(ran)


def test_a_killed_worker(slow: World) -> None:
    """A segment whose worker is killed is taken up again from its last page, and the run is whole."""
    with running(slow, "--write-missing", *SLOWLY) as run:
        _under_way(slow, run, 4)
        wait_for(lambda: len(run.workers()) == 2, 5)
        os.kill(run.workers()[0], signal.SIGKILL)
        slow.proxy.rules.clear()
        ran = run.ended()
        run.none_left(within=5)
    assert ran.exit_code == 0, ran.stderr
    assert "SIGKILL; it was retried" in ran.stderr
    counted = ran.stats["slaves"][str(slow.slave)]
    assert ran.stats["master"]["scanned"] == counted["same"] + counted["missing"] + counted["settled"] == ITEMS
    assert counted["missing"] == counted["written"] == len(ran.differences) <= LACKING
    assert ran.end == {"complete": True, "differences": len(ran.differences)}
    assert slow.slave.all() == slow.master.all()
    tables_behind_proxy.no_traceback(ran)


def test_a_worker_that_is_killed_again_and_again(make_world: MakeWorld) -> None:
    """Each death is noticed at once; a segment whose workers die a few times in a row without a page has failed."""
    made = make_world([item("a")], [item("a"), item("x")])
    made.proxy.add(faults.delayed(15), "BatchGetItem")
    with running(made, "--delete-extra") as run:
        for times in range(RESTARTS + 1):
            made.proxy.await_request("BatchGetItem", count=times + 1)
            (worker,) = run.workers()
            os.kill(worker, signal.SIGKILL)
        began = time.monotonic()
        ran = run.ended()
        assert time.monotonic() - began < 3
    assert ran.exit_code == 4
    (error,) = ran.stats["errors"]
    assert error.startswith("segment 0")
    assert "SIGKILL" in error
    assert made.proxy.of("DeleteItem") == []
    assert not ran.end["complete"]
    tables_behind_proxy.no_traceback(ran)


def test_a_worker_killed_while_extras_are_deleted(make_world: MakeWorld) -> None:
    """Deletes whose worker is killed are taken up again: no extra is left, and none is told twice."""
    master = [item("a")]
    made = make_world(master, [*master, *(item(f"x{n:04}") for n in range(1500))])
    made.proxy.add(faults.delayed(0.01), "DeleteItem")
    with running(made, "--delete-extra") as run:
        made.proxy.await_request("DeleteItem", count=30)
        (worker,) = run.workers()
        os.kill(worker, signal.SIGKILL)
        made.proxy.rules.clear()
        ran = run.ended()
    assert ran.exit_code == 0, ran.stderr
    assert made.slave.all() == master
    told = [line["key"]["id"]["S"] for line in ran.differences]
    assert len(told) == len(set(told)) == ran.stats["slaves"][str(made.slave)]["deleted"] >= 500
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("phase", ["working", "waiting for an answer", "waiting between retries", "throttled writes"])
def test_a_killed_parent(make_world: MakeWorld, phase: str) -> None:
    """Workers whose parent is killed end by themselves within seconds, whatever they are waiting for."""
    made = make_world([item(f"{n:03}") for n in range(200)], [])
    operation = "PutItem" if phase == "throttled writes" else "BatchGetItem"
    waits = {"working": faults.delayed(0.1), "waiting for an answer": faults.delayed(25)}
    made.proxy.add(waits.get(phase, faults.THROTTLED), operation)
    patient = ("--max-retries", "1000", "--retry-delay-base", "200")
    with running(made, "--write-missing", *SLOWLY, *patient) as run:
        made.proxy.await_request(operation, count=4)
        assert len(run.workers()) == 2
        run.process.kill()
        run.process.wait()
        run.none_left(within=8)


def test_a_signal_ends_a_run_that_waits_for_units(make_world: MakeWorld) -> None:
    """A run at two units a second finishes its pages at hand, and nothing else that waits for its budget."""
    made = make_world([item(f"{n:03}") for n in range(ITEMS)], [])
    with running(made, "--max-read-units", "2", "--parallel", "2", "--no-recheck") as run:
        _under_way(made, run, look_ups=4)
        run.signal(signal.SIGINT)
        ran = run.ended(timeout=40)
        run.none_left(within=5)
    assert ran.exit_code == 130
    assert ran.end == {"complete": False, "differences": len(ran.differences)}
    assert len(ran.differences) == ran.stats["master"]["scanned"] < ITEMS // 2


def test_a_killed_worker_does_not_take_the_budget_along(make_world: MakeWorld) -> None:
    """Workers that are killed while all wait for one budget leave the others, and their successors, running."""
    master = [item(f"{n:03}") for n in range(ITEMS)]
    made = make_world(master, master)
    with running(made, "--max-read-units", "60", "--parallel", "3", "--segments", "6") as run:
        _under_way(made, run, look_ups=6)
        os.kill(run.workers()[0], signal.SIGKILL)
        ran = run.ended(timeout=40)
        run.none_left(within=5)
    assert ran.exit_code in (0, 4)
    assert ran.stats["slaves"][str(made.slave)]["same"] > 0
