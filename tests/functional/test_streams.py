"""Standard streams that are closed, full, or that nobody reads: every command, with Python's own buffering."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import running
from tests.functional.proxy import Proxy
from tests.functional.tables_behind_proxy import World, item
from tests.servers import Server, environment
from tests.tables import ROOT, read_all

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

STATES = {"closed": "{n}>&-", "full": "{n}>/dev/full", "gone": "{n}>&$NOBODY"}
"""How bash makes each state of stdout (n = 1) and stderr (n = 2)."""
CRASHES = ("Traceback", "Exception ignored", "lost sys.stderr", "BrokenPipeError", "resource_tracker", "NoneType")
"""What a user would take for a crash."""


@dataclass(frozen=True)
class Command:
    """Arguments of fastsync, its exit code, and whether stdout carries what it was asked for.

    may_lose_reader: a reader of stdout that leaves (`| head`) is no failure.
    """

    arguments: str
    code: int
    prints: bool = False
    may_lose_reader: bool = False


RUN = "{tables} --endpoint-url {url} --retry-delay-base 1"
COMMANDS = {
    "run": Command(f"{RUN} --stats {{folder}}/s.json", 1),
    "run --report": Command(f"{RUN} --report -", 1, prints=True),
    "run --stats": Command(f"{RUN} --stats -", 1, prints=True),
    "run in json": Command(f"{RUN} --log-format json -v", 1),
    "run with a bar": Command(f"{RUN} --progress -v", 1),
    "run inline": Command(f"{RUN} --executor inline -v", 1),
    "estimate": Command(f"estimate {RUN}", 0, prints=True),
    "iam-policy": Command(f"iam-policy {RUN}", 0, prints=True),
    "undo --dry-run": Command("undo {folder}/undo --dry-run --endpoint-url {url}", 1),
    "combine": Command("combine {folder}/shard", 1, prints=True),
    "combine --report": Command(
        "combine {folder}/shard {folder}/report --report - --stats {folder}/all", 1, prints=True
    ),
    "report": Command("report {folder}/report", 0, prints=True),
    "show": Command("show {folder}/report", 0, prints=True, may_lose_reader=True),
    "--help": Command("--help", 0, prints=True),
    "--version": Command("--version", 0, prints=True),
    "nothing": Command("", 2),
    "an unknown command": Command("no-such-command", 2),
}


@dataclass(frozen=True)
class Scene:
    """Tables that differ, and a folder with the files of earlier runs."""

    world: World
    folder: Path

    def run(self, arguments: str, redirect: str = "", module: str = "fastsync") -> subprocess.CompletedProcess[str]:
        """Run fastsync with its streams redirected in bash's notation; $NOBODY is a pipe without a reader."""
        words = {"tables": " ".join(self.world.tables), "url": self.world.proxy.url, "folder": self.folder}
        command = f"exec {sys.executable} -m {module} {arguments.format(**words)} {redirect}"
        env = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
        reader, nobody = os.pipe()
        os.close(reader)
        try:
            return subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env={**env, "NOBODY": str(nobody)},
                pass_fds=[nobody],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(nobody)


@pytest.fixture(scope="module")
def scene(dynoxide: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene: 60 items, of which the slave lacks 15 again that a run had written."""
    items = [item(f"{n:03}") for n in range(60)]
    with Proxy(dynoxide.url) as proxy:
        made = Scene(tables_behind_proxy.make(proxy, dynoxide, items, items[:30]), tmp_path_factory.mktemp("streams"))
        made.run(f"{RUN} --segments 1 --shard 0/1 --report {{folder}}/report --stats {{folder}}/shard")
        made.run(f"{RUN} --write-missing --undo-log {{folder}}/undo")
        for each in items[45:]:
            made.world.slave.delete(each["id"]["S"])
        yield made


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("stream", [1, 2], ids=["stdout", "stderr"])
@pytest.mark.parametrize("name", COMMANDS)
def test_output_streams(scene: Scene, name: str, stream: int, state: str) -> None:
    """An output that was asked for and cannot be had is 2 or 4; any other stream changes nothing; nothing crashes."""
    command = COMMANDS[name]
    done = scene.run(command.arguments, STATES[state].format(n=stream))
    lost = command.prints and stream == 1 and not (command.may_lose_reader and state == "gone")
    assert done.returncode in ((2, 4) if lost else (command.code,)), done.stderr
    for sign in CRASHES:
        assert sign not in done.stderr + done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_no_stream_at_all(scene: Scene, name: str) -> None:
    """With all three streams closed the exit code is the same, 2 or 4 where stdout was asked for."""
    command = COMMANDS[name]
    done = scene.run(command.arguments, "<&- >&- 2>&-")
    assert done.returncode in ((2, 4) if command.prints else (command.code,))


@pytest.mark.parametrize("name", ["run", "run inline", "undo --dry-run", "combine", "report", "show"])
def test_a_closed_stdin(scene: Scene, name: str) -> None:
    """A closed stdin changes nothing for a command that does not read it."""
    command = COMMANDS[name]
    done = scene.run(command.arguments, "<&-")
    assert done.returncode == command.code, done.stderr
    for sign in CRASHES:
        assert sign not in done.stderr + done.stdout


@pytest.mark.parametrize("redirect", [">&-", ">/dev/full", ">&$NOBODY"])
def test_the_help_of_scheduled_runs(scene: Scene, redirect: str) -> None:
    """What schedules runs answers for its stdout as the command line does."""
    done = scene.run("--help", redirect, module="fastsync.nightly")
    assert done.returncode in (2, 4), done.stderr
    for sign in CRASHES:
        assert sign not in done.stderr


@pytest.mark.parametrize("arguments", ["combine -", "report -", "show -", f"{RUN} --config -"])
def test_a_closed_stdin_that_is_to_be_read(scene: Scene, arguments: str) -> None:
    """A closed stdin that is to be read is 2, in one sentence."""
    done = scene.run(arguments, "<&-")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for sign in CRASHES:
        assert sign not in done.stderr + done.stdout


@pytest.mark.parametrize("arguments", ["--report -", "--report - --quiet", "--report - --executor inline -v"])
def test_a_reader_that_leaves_ends_the_run(make_world: MakeWorld, arguments: str) -> None:
    """Once `| head -1` has its line the run ends soon, without a word, though no further difference is found."""
    items = [item(f"{n:03}") for n in range(1000)]
    made = make_world(items, items)
    first, *_ = read_all(made.master.server, made.master.region, made.master.name)
    made.slave.delete(first["id"]["S"])
    made.proxy.add(faults.delayed(0.1), "Scan")
    command = f"--retry-delay-base 1 --strategy lookup --scan-limit 2 --endpoint-url {made.proxy.url}"
    program = [sys.executable, "-m", "fastsync", *made.tables, *command.split(), *arguments.split()]
    script = '"$@" | (read -r line; exec <&-; echo "$line"); echo "code ${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *program],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    line, code = done.stdout.splitlines()
    assert json.loads(line)["verdict"] == "missing"
    assert code == "code 4"
    assert len(made.proxy.of("Scan")) < 250  # of 500
    for sign in (*CRASHES, "pipe", "INCOMPLETE", "error"):
        assert sign not in done.stderr


ANSWER = "finishing the pages at hand; press again to stop now"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("flags", ["", "--progress", "--log-format json", "--executor inline", "--quiet"])
def test_a_first_signal_is_answered(make_world: MakeWorld, flags: str, number: int) -> None:
    """Ctrl-C is answered before the page at hand is done, and the summary names it, but with --quiet."""
    made = make_world([item(f"{n:03}") for n in range(100)], [item("000")])
    made.proxy.add(faults.delayed(1), "BatchGetItem")
    with running(made, "--scan-limit", "10", *flags.split()) as run:
        made.proxy.await_request("BatchGetItem")
        run.signal(number)
        time.sleep(0.5)  # half of what the page at hand takes
        answered = (run.folder / "stderr").read_text()
        ran = run.ended()
    assert (ANSWER in answered) is (flags != "--quiet")
    assert ran.stderr.count(ANSWER) == (flags != "--quiet")
    assert (signal.Signals(number).name in ran.stderr) is (flags != "--quiet")
    for line in ran.stderr.splitlines() if "json" in flags else ():
        json.loads(line)
