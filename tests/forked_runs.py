"""Runs of `python -m fastsync` without the start of an interpreter each: a process that has all loaded forks them.

A run is a process of its own, with its own arguments, environment, folder and files, and starts its workers as ever.
What that spares is half of what a small run takes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

LOADED = (
    *(
        "fastsync.cli",
        "fastsync.cli.estimate",
        "fastsync.workers.processes.executor",
        "fastsync.cli.combine",
        "fastsync.fleet.iam_policy",
        "fastsync.cli.report",
        "fastsync.cli.undo",
        "fastsync.aws.auth.sources",
    ),
    *("botocore.session", "botocore.client", "botocore.credentials"),
)


@dataclass(frozen=True)
class Command:
    """Arguments, the whole environment, the working directory, and the folder in which stdout and stderr are kept.

    `module` is what is run, as the leader of a session of its own where it `leads`.
    """

    args: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    files: str
    module: str = "fastsync"
    leads: bool = False


class Started:
    """A run under way; `pid` is its process."""

    def __init__(self, answers: socket.socket):
        self._answers = answers
        self._lines = answers.makefile()
        self.pid = int(self._lines.readline())

    def wait(self, timeout: float) -> int | None:
        """Wait for its end and give its exit code; None where that takes longer. To be called once."""
        self._answers.settimeout(timeout)
        with self._answers, self._lines:
            try:
                return int(self._lines.readline())
            except TimeoutError:
                return None


class Warm:
    """The process that forks; it finds its modules in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]):
        self._asks, asked = socket.socketpair()
        with asked:
            command = [sys.executable, "-c", f"import tests.forked_runs; tests.forked_runs.serve({asked.fileno()})"]
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, pass_fds=[asked.fileno()]
            )

    def run(self, command: Command, timeout: float) -> int:
        """Run the program to its end and give its exit code; raise subprocess.TimeoutExpired."""
        started = self.start(command)
        code = started.wait(timeout)
        if code is None:
            with suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(command.args), timeout)
        return code

    def start(self, command: Command) -> Started:
        """Start the program."""
        mine, its = socket.socketpair()
        with its:
            (Path(command.files) / "command").write_text(json.dumps(asdict(command)), encoding="utf-8")
            socket.send_fds(self._asks, [command.files.encode()], [its.fileno()])
        return Started(mine)

    def close(self) -> None:
        """Let the process end, once the runs that are under way have."""
        self._asks.close()
        self._process.wait()


def serve(asked: int) -> None:
    """Fork a run for each command that comes, until nobody can send one any more."""
    for module in LOADED:
        importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what is forked here has nobody who waits for it
    asks = socket.socket(fileno=asked)
    while True:
        folder, answers, _, _ = socket.recv_fds(asks, 4096, 1)
        if not folder:
            return
        if os.fork() == 0:
            asks.close()
            _watch(Path(folder.decode()), socket.socket(fileno=answers[0]))
            return
        os.close(answers[0])


def _watch(folder: Path, answers: socket.socket) -> None:
    """Fork a run, tell its number and at its end its exit code; only the run itself returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        answers.close()
        _become(Command(**json.loads((folder / "command").read_text(encoding="utf-8"))))
        return
    answers.sendall(b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):  # nobody waits for it any more
        answers.sendall(b"%d\n" % code)
    os._exit(0)


def _become(command: Command) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(Path(command.files) / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.chdir(command.cwd)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.path[0] = command.cwd
    sys.argv[1:] = command.args
    if command.leads:
        os.setsid()
    gc.unfreeze()
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)
