"""What nobody foresaw: one sentence and exit code 4, never 1, and all files are in their forms."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import ConfigError, Difference, FastsyncError, Synchronizer
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import Terms
from tests.e2e.policies import RAISED, Raises
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item, no_traceback
from tests.servers import environment
from tests.tables import ROOT

ITEMS = 60
EXECUTORS = ("inline", "processes")
STRATEGIES = ("lookup", "merge")
SOME = ("value", "exit", "interrupt", "unspeakable")
"""What stands for all that code of users raises, where each case takes a run of its own."""


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A slave with a third of its items missing, a third differing, and some extra."""
    master = [item(f"k{n:03}", n=n) for n in range(ITEMS)]
    slave = [item(f"k{n:03}", n=n if n % 3 else -1) for n in range(ITEMS) if n % 3 != 1]
    return make_world(master, [*slave, *(item(f"x{n}") for n in range(5))])


class RaisingSink:
    """A sink that raises in one of its methods."""

    def __init__(self, where: str, error: BaseException):
        self._where = where
        self._error = error

    def begin(self, terms: Terms) -> None:
        self._raise("begin")

    def page(self, done: PageDone) -> None:
        self._raise("page")

    def end(self) -> None:
        self._raise("end")

    def _raise(self, where: str) -> None:
        if where == self._where:
            raise self._error


def synchronizer(made: World, folder: Path, **more: Any) -> Synchronizer:
    flags: dict[str, Any] = {"retry_delay_base": 1, "scan_limit": 7, "segments": 3, "strategy": "lookup", **more}
    files = {name: str(folder / name) for name in ("report", "stats", "checkpoint", "undo_log")}
    writes = {"write_missing": True, "write_differing": True, "delete_extra": True}
    slaves = [str(made.slave)]
    return Synchronizer(str(made.master), slaves, endpoint_url=made.proxy.url, **{**files, **writes, **flags})


def told(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give statistics and report, and hold that both are in their forms and say that the run is not complete."""
    stats = json.loads((folder / "stats").read_text())
    lines = [json.loads(line) for line in (folder / "report").read_text().splitlines()]
    assert stats["complete"] is False
    assert lines[-1] == {"complete": False, "differences": len(lines) - 1}
    return stats, lines[:-1]


def fails_with(running: Synchronizer, error: BaseException) -> FastsyncError:
    with pytest.raises(FastsyncError) as raised:
        running.run()
    assert raised.value.__cause__ is error
    assert raised.value.exit_code == 4
    assert "\n" not in str(raised.value)
    assert type(error).__name__ in str(raised.value)
    return raised.value


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", RAISED)
def test_a_listener_that_raises(made: World, tmp_path: Path, name: str, executor: str, strategy: str) -> None:
    """Whatever a listener raises ends the run in order: what was written is told, and a resume does the rest."""

    def listener(_: Difference) -> None:
        raise RAISED[name]

    flags: dict[str, Any] = {"executor": executor, "strategy": strategy}
    error = fails_with(synchronizer(made, tmp_path, listeners=[listener], **flags), RAISED[name])
    stats, lines = told(tmp_path)
    assert str(error) in stats["errors"]
    written = sum(line["action"] == "written" for line in lines)
    assert stats["slaves"][str(made.slave)]["written"] == written
    left = sum(item(f"k{n:03}", n=n) not in made.slave.all() for n in range(ITEMS))
    assert left + written == 40
    result = synchronizer(made, tmp_path, resume=True, **flags).run()
    assert (result.exit_code, result.complete) == (0, True)
    assert made.slave.all() == made.master.all()
    counted = result.stats["slaves"][str(made.slave)]
    assert (counted["missing"], counted["differing"], counted["extra"]) == (20, 20, 5)
    keys = [line["key"]["id"]["S"] for line in map(json.loads, (tmp_path / "report").read_text().splitlines()[:-1])]
    assert len(keys) == len(set(keys)) == 45


@pytest.mark.parametrize("where", ["begin", "page", "end"])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", SOME)
def test_a_sink_that_raises(made: World, tmp_path: Path, name: str, executor: str, where: str) -> None:
    """The same holds for a sink, in whichever of its methods it raises."""
    sink = RaisingSink(where, RAISED[name])
    fails_with(synchronizer(made, tmp_path, sinks=[sink], executor=executor), RAISED[name])
    told(tmp_path)
    assert synchronizer(made, tmp_path, resume=True, executor=executor).run().exit_code == 0
    assert made.slave.all() == made.master.all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("where", ["differs", "resolve"])
@pytest.mark.parametrize("name", SOME)
def test_a_policy_that_raises(
    made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, where: str, executor: str, strategy: str
) -> None:
    """A policy's error, even SystemExit, fails the segments that ask it: 4, and a resume does the rest."""
    monkeypatch.setenv("FASTSYNC_TEST_RAISES", str(tmp_path / "raises"))
    (tmp_path / "raises").write_text(f"{where}={name}")
    flags: dict[str, Any] = {"executor": executor, "strategy": strategy, "policy": Raises()}
    result = synchronizer(made, tmp_path, **flags).run()
    assert (result.exit_code, result.complete) == (4, False)
    assert any(type(RAISED[name]).__name__ in error for error in result.errors)
    assert not any("\n" in error for error in result.errors)
    told(tmp_path)
    (tmp_path / "raises").unlink()
    assert synchronizer(made, tmp_path, resume=True, **flags).run().exit_code == 0
    assert made.slave.all() == made.master.all()


def test_before_anything_is_read(made: World, tmp_path: Path) -> None:
    """What goes wrong before a request for items is exit code 2; the error of the caller's own code is its cause."""

    def announce(_: str) -> None:
        raise RAISED["exit"]

    with pytest.raises(FastsyncError) as raised:
        synchronizer(made, tmp_path, announce=announce, resume=True).run()
    assert (raised.value.exit_code, raised.value.__cause__) == (2, RAISED["exit"])
    assert made.proxy.of("Scan") == made.proxy.of("BatchGetItem") == []


def test_a_daemonic_process(made: World, tmp_path: Path) -> None:
    """In a worker of a task queue, which may start no processes, the error names the executor that works there."""
    context = multiprocessing.get_context("fork")
    for executor, told in (("processes", "2 executor"), ("inline", "1 ")):
        process = context.Process(target=_in_daemon, args=(made, tmp_path / executor, executor), daemon=True)
        process.start()
        process.join(60)
        code, _, text = (tmp_path / executor).read_text().partition(" ")
        assert code == told[0]
        assert told[2:] in text


def _in_daemon(made: World, output: Path, executor: str) -> None:
    try:
        flags: dict[str, Any] = {"endpoint_url": made.proxy.url, "executor": executor}
        result = Synchronizer(str(made.master), [str(made.slave)], **flags).run()
        output.write_text(f"{result.exit_code} {result.errors}")
    except FastsyncError as error:
        output.write_text(f"{error.exit_code} {error}")


@pytest.mark.parametrize("command", [(), ("undo", "log"), ("report", "r"), ("combine", "s"), ("iam-policy",)])
def test_a_folder_that_is_gone(made: World, tmp_path: Path, command: Sequence[str]) -> None:
    """A command that is started in a folder that is gone says so, or does without it, and does not crash."""
    (tmp_path / "gone").mkdir()
    tables = [] if command and command[0] != "iam-policy" else made.tables
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    program = [sys.executable, "-m", "fastsync", *command, *tables]
    done = subprocess.run(
        ["sh", "-c", script, str(tmp_path / "gone"), *program],
        env=environment(PYTHONPATH=str(ROOT), AWS_ENDPOINT_URL_DYNAMODB=made.proxy.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (0 if command == ("iam-policy",) else 2), done.stderr
    assert "Traceback" not in done.stderr
    assert "unforeseen" not in done.stderr


class RaisesInItsForm:
    """Something that is no table, and cannot even be written."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("master", "slaves"),
    [
        (5, ["us-west-2:b"]),
        (None, ["us-west-2:b"]),
        (b"us-east-1:a", ["us-west-2:b"]),
        (RaisesInItsForm(), ["us-west-2:b"]),
        ("us-east-1:a", 5),
        ("us-east-1:a", None),
        ("us-east-1:a", [None]),
        ("us-east-1:a", {"us-west-2:b": [1]}.values()),
        ("us-east-1:a", b"us-west-2:b"),
    ],
)
def test_tables_of_wrong_types(master: Any, slaves: Any) -> None:
    """What is no table is a ConfigError, whatever its type."""
    with pytest.raises(ConfigError):
        Synchronizer(master, slaves)


@pytest.mark.parametrize("where", ["differs", "resolve"])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", SOME)
def test_the_command_line(made: World, tmp_path: Path, name: str, executor: str, where: str) -> None:
    """With a policy that raises the program ends with 4, whatever code the policy would have it end with."""
    (tmp_path / "raises").write_text(f"{where}={name}")
    flags = ("--policy", "tests.e2e.policies:Raises", "--executor", executor, "--write-missing", "--write-differing")
    ran = made.run(*flags, env={"FASTSYNC_TEST_RAISES": str(tmp_path / "raises")})
    assert ran.exit_code == 4, ran.stderr
    no_traceback(ran)
    assert ran.stats["complete"] is False
    assert ran.end == {"complete": False, "differences": len(ran.differences)}


def test_a_policy_that_exits_when_it_is_made(made: World) -> None:
    """A module that ends the process while it is loaded does not pass for a run that went well."""
    ran = made.run("--policy", "tests.e2e.policies:ExitsWhenMade")
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "SystemExit" in ran.stderr


BROKEN = """
import sys
from fastsync import cli
from fastsync.workers import inline

def run(self, tasks, interrupt):
    yield from ()
    raise ZeroDivisionError("a bug")

inline.InlineExecutor.run = run
sys.exit(cli.main())
"""
"""A fastsync with a bug in it, where the work is."""


@pytest.mark.parametrize("more", [(), ("--verbose",), ("--log-format", "json"), ("--log-format", "json", "-v")])
def test_a_bug(made: World, tmp_path: Path, more: Sequence[str]) -> None:
    """A bug is one sentence and 4, report and statistics are in their forms; --verbose shows the traceback."""
    files = [word for name in ("report", "stats", "checkpoint") for word in (f"--{name}", str(tmp_path / name))]
    command = [sys.executable, "-c", BROKEN, *made.tables, "--endpoint-url", made.proxy.url, "--executor", "inline"]
    done = subprocess.run(
        [*command, *files, "--no-progress", *more],
        env=environment(PYTHONPATH=str(ROOT)),
        cwd=os.sep,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    told(tmp_path)
    assert "ZeroDivisionError: a bug" in done.stderr
    assert ("Traceback" in done.stderr) is ("--verbose" in more or "-v" in more)
    if "json" in more:
        assert all(isinstance(json.loads(line), dict) for line in done.stderr.splitlines())
    flags: dict[str, Any] = {"write_missing": False, "write_differing": False, "delete_extra": False, "segments": None}
    flags |= {"strategy": "auto", "scan_limit": None, "undo_log": None}
    result = synchronizer(made, tmp_path, resume=True, **flags).run()
    assert (result.exit_code, result.complete) == (1, True)
