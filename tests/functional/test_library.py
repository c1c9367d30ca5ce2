"""The library: quiet, repeatable, at home in any thread, and it raises what it promises to raise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastsync import ConfigError, Difference, Effect, FastsyncError, Result, Synchronizer, TableError, Verdict
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

QUICK: dict[str, Any] = {"retry_delay_base": 1}


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A slave with three missing, two differing and one extra item."""
    master = [item(f"{n}", n=n) for n in range(10)]
    return make_world(master, [item("0", n=-1), item("1", n=-1), *master[5:], item("x")])


def _synchronizer(made: World, executor: str = "inline", **more: Any) -> Synchronizer:
    flags: dict[str, Any] = {"endpoint_url": made.proxy.url, "executor": executor, **QUICK, **more}
    return Synchronizer(str(made.master), [str(made.slave)], **flags)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_listeners_get_every_difference(made: World, executor: str) -> None:
    """Each listener is called with each Difference once, also with extras that wait for their deletion."""
    heard: list[Difference] = []
    also: list[Difference] = []
    listeners: list[Callable[[Difference], object]] = [heard.append, also.append]
    result = _synchronizer(made, executor, listeners=listeners, write_missing=True, delete_extra=True).run()
    assert heard == also
    told = sorted((each.verdict.value, each.key["id"]["S"], each.action.value) for each in heard)
    assert told == [
        ("differing", "0", "none"),
        ("differing", "1", "none"),
        ("extra", "x", "deleted"),
        ("missing", "2", "written"),
        ("missing", "3", "written"),
        ("missing", "4", "written"),
    ]
    differing = next(each for each in heard if each.verdict is Verdict.DIFFERING)
    assert (differing.slave, differing.attributes, differing.action) == (str(made.slave), ("n",), Effect.NONE)
    assert (result.exit_code, result.complete, result.errors) == (1, True, [])


def test_run_twice(made: World) -> None:
    """The same Synchronizer runs again, from the beginning, with figures of its own."""
    synchronizer = _synchronizer(made, write_missing=True, write_differing=True, delete_extra=True)
    first, second = synchronizer.run(), synchronizer.run()
    counted = [result.stats["slaves"][str(made.slave)] for result in (first, second)]
    assert [(each["written"], each["deleted"], each["same"]) for each in counted] == [(5, 1, 5), (0, 0, 10)]
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stats["master"]["scanned"] == 10


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_another_thread(made: World, executor: str) -> None:
    """Outside the main thread it runs as well, and leaves signal handlers alone while it does."""
    seen: list[object] = []
    results: list[Result] = []
    made.proxy.add(faults.before(lambda: seen.append(_handlers())), "Scan")
    ours = _handlers()
    thread = threading.Thread(target=lambda: results.append(_synchronizer(made, executor).run()))
    thread.start()
    thread.join(30)
    assert results[0].exit_code == 1
    assert seen
    assert all(each == ours for each in seen)
    assert _handlers() == ours


def test_the_main_thread_gets_its_handlers_back(made: World) -> None:
    """In the main thread handlers are installed for the time of the run only."""
    seen: list[object] = []
    made.proxy.add(faults.before(lambda: seen.append(_handlers())), "Scan")
    ours = _handlers()
    _synchronizer(made).run()
    assert seen
    assert seen != [ours]
    assert _handlers() == ours


def _handlers() -> tuple[object, object]:
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_it_prints_nothing(made: World, capfd: pytest.CaptureFixture[str], executor: str) -> None:
    """Neither a run with differences nor one with failures writes anything to stdout or stderr."""
    made.proxy.add(faults.INVALID, "PutItem", nth=(1,))
    result = _synchronizer(made, executor, write_missing=True, scan_for_extra=True, verbose=True).run()
    made.proxy.add(faults.INTERNAL, "Scan")
    failed = _synchronizer(made, executor, max_retries=1).run()
    assert (result.exit_code, failed.exit_code) == (4, 4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("flags", [{"parallel": 0}, {"batch_read_limit": 101}, {"nonsense": 1}, {"parallel": "2"}])
def test_a_wrong_option(made: World, flags: dict[str, Any]) -> None:
    """An option that is wrong or unknown is a ConfigError before anything is asked of the service."""
    with pytest.raises(ConfigError):
        _synchronizer(made, **flags).run()
    assert made.proxy.requests == []


def test_a_file_that_cannot_be_written(made: World, tmp_path: Path) -> None:
    """What is exit code 2 on the command line is a ConfigError here."""
    with pytest.raises(ConfigError, match="--report"):
        _synchronizer(made, report=str(tmp_path / "no" / "folder")).run()


def test_no_such_table(made: World) -> None:
    """What is exit code 3 on the command line is a TableError, and both are FastsyncErrors."""
    with pytest.raises(TableError, match="nowhere"):
        Synchronizer(str(made.master), "us-west-2:nowhere", endpoint_url=made.proxy.url, **QUICK).run()
    assert issubclass(TableError, FastsyncError)
    assert issubclass(ConfigError, FastsyncError)


def test_denied_tables(made: World) -> None:
    """A DescribeTable that is denied is a TableError that says so."""
    made.proxy.add(faults.DENIED, "DescribeTable")
    with pytest.raises(TableError, match="AccessDenied"):
        _synchronizer(made).run()


SCRIPT = """
import os, sys, threading
from fastsync import Synchronizer

def go():
    results.append(Synchronizer(sys.argv[1], [sys.argv[2]], endpoint_url=sys.argv[3], parallel=2).run())

results = []
if __name__ == "__main__":
    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    go()
    os.write(1, repr([result.exit_code for result in results]).encode())
"""


def test_a_script_with_processes(made: World, tmp_path: Path) -> None:
    """A script of one's own may run it with processes, in a thread and then in the main thread."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(made.master), str(made.slave), made.proxy.url],
        env=environment(PYTHONPATH=str(ROOT)),
        cwd=os.sep,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"[1, 1]", b"", 0)
