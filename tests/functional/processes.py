"""The program under way in a session of its own, so that all its processes can be told, signalled and missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.functional.tables_behind_proxy import BY_LOOKUP, HASTE, World
from tests.servers import environment
from tests.tables import ROOT, Ran

ENDING = 20.0
"""Seconds that an ordinary end may take on a busy machine."""


@dataclass(frozen=True)
class Running:
    """A run under way."""

    process: subprocess.Popen[bytes]
    folder: Path
    command: list[str]

    def signal(self, number: int, group: bool = False) -> None:
        """Signal the parent only, or all processes as a terminal does."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def others(self) -> list[int]:
        """Give the run's processes but the first: fork server, resource tracker, workers."""
        return [pid for pid in session(self.process.pid) if pid != self.process.pid]

    def workers(self) -> list[int]:
        """Give the worker processes: the children of children."""
        others = self.others()
        return [pid for pid in others if _status(pid)[1] in others]

    def fork_server(self) -> int:
        """Wait for the process that workers are forked from, and give its number."""
        found: list[int] = []

        def there() -> bool:
            found.extend(pid for pid in self.others() if _name(pid) == "forkserver")
            return bool(found)

        wait_for(there, ENDING)
        return found[0]

    def ended(self, timeout: float = ENDING) -> Ran:
        """Wait for the end and give what came of it."""
        code = self.process.wait(timeout)
        report, stats = self.folder / "report.jsonl", self.folder / "stats.json"
        told = stats.read_text() if stats.exists() else ""
        return Ran(
            self.command,
            code,
            (self.folder / "stdout").read_text(),
            (self.folder / "stderr").read_text(),
            [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else [],
            json.loads(told) if told else {},
        )

    def none_left(self, within: float) -> None:
        """Hold that no process of the run is there any more after so many seconds."""
        wait_for(lambda: not session(self.process.pid), within, lambda: f"left: {_commands(self.process.pid)}")


@contextmanager
def running(made: World, *flags: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a run; whatever is left of it at the end of the block is killed."""
    with _running(made, [*made.tables, *HASTE, *BY_LOOKUP], *flags, env=env) as run:
        yield run


@contextmanager
def undoing(made: World, log: Path, *flags: str) -> Iterator[Running]:
    """Start an undo; whatever is left of it at the end of the block is killed."""
    with _running(made, ["undo", str(log), *HASTE], *flags) as run:
        yield run


@contextmanager
def _running(made: World, what: Sequence[str], *flags: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs = ["--report", str(folder / "report.jsonl"), "--stats", str(folder / "stats.json")]
        command = [sys.executable, "-m", "fastsync", *what, "--endpoint-url", made.proxy.url, *outputs, *flags]
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(PYTHONPATH=str(ROOT), **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        try:
            yield Running(process, folder, command)
        finally:
            for pid in session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def session(leader: int) -> list[int]:
    """Give the living processes of a session."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _status(pid)[2] == leader and _status(pid)[0] not in "ZX"]


def is_worker(pid: int, parent: int) -> bool:
    """Say whether a process is a worker of a run: a child of a child of its first process."""
    return _status(_status(pid)[1])[1] == parent


def cmdlines() -> str:
    """Give the command lines of all processes of this machine."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
    return "\n".join(found)


def wait_for(holds: Callable[[], object], within: float, what: Callable[[], str] = lambda: "in vain") -> None:
    """Wait until something holds, and fail after so many seconds."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


def _status(pid: int) -> tuple[str, int, int]:
    """Give state, parent and session of a process; one that is gone is dead and belongs to nobody."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "X", 0, 0
    return fields[0], int(fields[1]), int(fields[3])


def _name(pid: int) -> str:
    """Give what `ps` calls a process; it is "" once that is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _commands(leader: int) -> list[str]:
    return [f"{pid}: {_command(pid)[:200]}" for pid in session(leader)]


def _command(pid: int) -> str:
    try:
        return " ".join(Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0"))
    except OSError:
        return ""
