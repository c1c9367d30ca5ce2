"""Frozen processes and pipes that nobody reads: nobody else waits for them, and the second signal ends the run soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import Running, running, session, wait_for
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

SOON = 3.0
"""Seconds: two, and another one for a busy machine."""
COUNT = 40
LARGE = "x" * 100_000
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
SLICED = ("--parallel", "2", "--segments", "4", "--scan-limit", "3", "--report-values")


@pytest.fixture
def large(make_world: MakeWorld) -> World:
    """Tables of which each page brings more differences than a pipe holds."""
    return make_world([item(f"{n:02}", x=LARGE) for n in range(COUNT)], [])


def _frozen_in_a_message(run: Running) -> int:
    """Freeze a worker in the middle of a message: in a pipe that is full, since the parent does not read meanwhile."""
    run.signal(signal.SIGSTOP)
    time.sleep(1.5)
    worker = run.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    run.signal(signal.SIGCONT)
    time.sleep(0.5)
    return worker


def _ends_soon(run: Running, first: int, second: int) -> int:
    """Send two signals, and give the exit code that must follow soon after the second."""
    run.signal(first)
    time.sleep(0.5)
    assert run.process.poll() is None
    began = time.monotonic()
    run.signal(second)
    code = run.process.wait(20)
    assert time.monotonic() - began < SOON
    run.none_left(within=3)
    return code


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_worker_frozen_in_a_message(large: World, number: int, code: int) -> None:
    """The other worker's pages come in as ever, and the second signal ends the run, and the frozen worker, at once."""
    large.proxy.add(faults.delayed(0.1), "BatchGetItem")
    with running(large, *SLICED) as run:
        large.proxy.await_request("BatchGetItem", count=4)
        _frozen_in_a_message(run)
        before = len(large.proxy.of("BatchGetItem"))
        large.proxy.await_true(lambda: len(large.proxy.of("BatchGetItem")) > before, "the other worker's look-ups")
        assert _ends_soon(run, number, number) == code
        ran = run.ended()
    assert ran.end == {"complete": False, "differences": len(ran.differences)}
    assert len(ran.differences) > 3
    tables_behind_proxy.no_traceback(ran)


def test_a_worker_that_thaws(large: World) -> None:
    """A worker that was frozen in the middle of a message, and goes on, has lost nothing."""
    large.proxy.add(faults.delayed(0.1), "BatchGetItem")
    with running(large, *SLICED) as run:
        large.proxy.await_request("BatchGetItem", count=4)
        worker = _frozen_in_a_message(run)
        os.kill(worker, signal.SIGCONT)
        ran = run.ended()
    assert (ran.exit_code, len(ran.differences)) == (1, COUNT)


def test_a_worker_frozen_between_messages(make_world: MakeWorld) -> None:
    """The second signal ends a run one of whose workers is frozen while it deletes."""
    master = [item("a")]
    keys = [f"{n:05}{'k' * 900}" for n in range(1500)]
    made = make_world(master, [*master, *(item(key) for key in keys)])
    made.proxy.add(faults.delayed(0.01), "DeleteItem")
    with running(made, "--delete-extra", "--parallel", "2") as run:
        made.proxy.await_request("DeleteItem", count=5)
        os.kill(run.workers()[0], signal.SIGSTOP)
        assert _ends_soon(run, signal.SIGTERM, signal.SIGTERM) == 143


def test_a_frozen_fork_server(make_world: MakeWorld) -> None:
    """The second signal ends a run that waits for a worker to be started."""
    made = make_world([item("a")], [])
    made.proxy.add(faults.delayed(0.7), "DescribeTable")
    with running(made) as run:
        server = run.fork_server()
        os.kill(server, signal.SIGSTOP)
        made.proxy.await_request("DescribeTable", made.slave.name)
        time.sleep(1.5)
        run.signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        run.signal(signal.SIGINT)
        assert run.process.wait(20) == 130
        assert time.monotonic() - began < SOON
        os.kill(server, signal.SIGCONT)


@contextmanager
def _started(made: World, *flags: str, **streams: int) -> Iterator[Running]:
    """Start the program with streams that nobody reads."""
    command = [
        sys.executable,
        "-m",
        "fastsync",
        *made.tables,
        *tables_behind_proxy.HASTE,
        *tables_behind_proxy.BY_LOOKUP,
    ]
    command += ["--endpoint-url", made.proxy.url, *flags]
    with _session(command, **streams) as process:
        yield Running(process, ROOT, command)


@contextmanager
def _session(command: list[str], **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        stdout=streams["stdout"],
        stderr=streams["stderr"],
    )
    try:
        yield process
    finally:
        for pid in session(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


OUTPUTS = {
    "report to stdout": ("--report", "-", "--report-values"),
    "verbose": ("--verbose", "--no-progress"),
    "statistics and report": ("--report", "-", "--report-values", "--metrics-file", "{folder}/metrics"),
    "with a checkpoint": ("--report", "-", "--report-values", "--checkpoint", "{folder}/checkpoint"),
}


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("executor", ["processes", "inline"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_output_that_nobody_reads(
    make_world: MakeWorld, tmp_path: Path, name: str, executor: str, number: int, code: int
) -> None:
    """The second signal ends a run whose parent waits for a full pipe."""
    made = make_world([item(f"{n:05}{'k' * 400}", x="y" * 400) for n in range(600)], [])
    flags = [flag.format(folder=tmp_path) for flag in OUTPUTS[name]]
    with _started(made, *flags, "--executor", executor, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        made.proxy.await_request("BatchGetItem", made.slave.name)
        time.sleep(2.0)
        assert run.process.poll() is None
        assert _ends_soon(run, number, number) == code


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_report_in_a_fifo_that_nobody_reads(large: World, tmp_path: Path, number: int, code: int) -> None:
    """The second signal ends a run that writes its report into a full named pipe."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)
    with _started(large, "--report", str(fifo), "--report-values") as run:
        large.proxy.await_request("BatchGetItem")
        time.sleep(2.0)
        assert _ends_soon(run, number, number) == code
    os.close(reader)


WAITS = {
    "answers": ("BatchGetItem", 20.0, ()),
    "scans": ("Scan", 20.0, ()),
    "a budget": ("Nothing", 0.0, ("--max-read-units", "1")),
    "tables at the end": ("DescribeTable", 20.0, ()),
}


@pytest.mark.parametrize("executor", ["processes", "inline"])
@pytest.mark.parametrize("name", WAITS)
def test_waits(make_world: MakeWorld, name: str, executor: str) -> None:
    """The second signal ends a run that waits for answers, or for its budget, in the parent or in workers."""
    operation, seconds, flags = WAITS[name]
    made = make_world([item(f"{n:03}", x="y" * 3000) for n in range(50)], [item("x")])
    first = {"nth": range(3, 99)} if operation == "DescribeTable" else {}
    made.proxy.add(faults.delayed(seconds), operation, **first)
    with running(made, *flags, "--executor", executor, "--delete-extra") as run:
        awaited = {"a budget": "BatchGetItem", "tables at the end": "DescribeTable"}.get(name, operation)
        made.proxy.await_request(awaited, count=3 if name == "tables at the end" else 1)
        time.sleep(0.5)
        run.signal(signal.SIGTERM)
        time.sleep(0.2)
        began = time.monotonic()
        with suppress(ProcessLookupError):  # the first one may have done it
            run.signal(signal.SIGTERM)
        assert run.process.wait(20) == 143
        assert time.monotonic() - began < SOON
        run.none_left(within=3)
        tables_behind_proxy.no_traceback(run.ended())


LISTENER = """
    import sys, time
    from contextlib import suppress
    from fastsync import Synchronizer
    def heard(difference):
        print("heard", flush=True)
        while True:
            with suppress(*({Exception} if sys.argv[4:] else ())):
                time.sleep(60)
    if __name__ == "__main__":
        result = Synchronizer(sys.argv[1], [sys.argv[2]], endpoint_url=sys.argv[3], listeners=[heard]).run()
        assert result.complete is False
        sys.exit(result.exit_code)
"""


@pytest.mark.parametrize("catches", [(), ("Exception",)], ids=["lets through", "catches"])
def test_a_listener_that_does_not_come_back(make_world: MakeWorld, tmp_path: Path, catches: tuple[str, ...]) -> None:
    """The second signal ends `run` within a listener of the caller's, with a result as ever, whatever that catches."""
    made = make_world([item("a"), item("b")], [])
    script = tmp_path / "listens.py"
    script.write_text(textwrap.dedent(LISTENER))
    command = [sys.executable, str(script), str(made.master), str(made.slave), made.proxy.url, *catches]
    with _session(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"heard\n"
        assert _ends_soon(Running(process, tmp_path, command), signal.SIGTERM, signal.SIGINT) == 143


def test_an_undo_whose_worker_is_frozen(make_world: MakeWorld, tmp_path: Path) -> None:
    """The second signal ends an undo, too, whatever its workers do."""
    made = make_world([item(f"{n:03}") for n in range(200)], [])
    log = tmp_path / "undo"
    assert made.run("--write-missing", "--undo-log", str(log)).exit_code == 0
    made.proxy.add(faults.delayed(0.05), "DeleteItem")
    command = [sys.executable, "-m", "fastsync", "undo", str(log), "--endpoint-url", made.proxy.url]
    with _session(command) as process:
        run = Running(process, tmp_path, command)
        made.proxy.await_request("DeleteItem", count=3)
        wait_for(run.workers, 5)
        os.kill(run.workers()[0], signal.SIGSTOP)
        assert _ends_soon(run, signal.SIGTERM, signal.SIGTERM) == 143


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signals_one_upon_another(make_world: MakeWorld, number: int, code: int) -> None:
    """However many signals come, also while the run says what it came to, the exit code is that of the first."""
    made = make_world([item(f"{n:03}") for n in range(50)], [])
    made.proxy.add(faults.delayed(0.3), "BatchGetItem")
    with running(made) as run:
        made.proxy.await_request("BatchGetItem")
        while run.process.poll() is None:
            run.signal(number)
            time.sleep(0.005)
        ran = run.ended()
        run.none_left(within=3)
    assert ran.exit_code == code
    tables_behind_proxy.no_traceback(ran)
