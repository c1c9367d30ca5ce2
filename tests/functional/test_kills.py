"""Kills at random moments: a job that is killed and resumed again and again ends like one that is left alone.

In half of the jobs that write, writes arrive up to 150 ms after they were sent, also those of a process that is dead by
then. FASTSYNC_JOBS is how many jobs of each kind that writes there are (default 4, with up to four kills each; `make
test-long` sets more).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.build_once import once
from tests.functional.processes import is_worker, session
from tests.functional.proxy import Exchange, Proxy, Reply
from tests.functional.tables_behind_proxy import Table, item
from tests.servers import Server, environment
from tests.tables import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

JOBS = int(os.environ.get("FASTSYNC_JOBS", "4"))
KILLS = 4
DEATHS = 3
"""Workers that are killed in one run: a segment is given up after so many deaths in a row, and one more."""
LATENCY = 0.15
HANGS = 180.0
"""Seconds: a run that takes longer hangs, however busy the machine is."""
STRATEGIES = ("lookup", "merge")
CHANCE = ("read_units", "write_units", "scanned")
"""Counters of a slave that depend on when it was scanned, before or after what was written to it."""
OFTEN = """
import sys, fastsync.run.checkpoints.file as c, fastsync.cli as f
c.EVERY, c.SHARE = 0.02, 1
sys.exit(f.main())
"""
"""The program, with a checkpoint after nearly each page: else tables as small as these would not be resumed midway."""
MASTER = [item(f"{n:03}", v=n) for n in range(120)]
FIRST = [*MASTER[::2], *(item(f"x{n:02}") for n in range(40))]
SECOND = [*(item(f"{n:03}", v=n % 90) for n in range(120)), *(item(f"y{n:04}") for n in range(150))]
SLICES = ("--scan-limit", "5", "--parallel", "2", "--segments", "5", "--scan-for-extra", "--retry-delay-base", "1")
WRITES = ("--write-missing", "--write-differing", "--delete-extra")


class Job:
    """A job on tables of its own, that may be begun again and again."""

    def __init__(self, server: Server, folder: Path, flags: Sequence[str], proxy: Proxy | None = None):
        regions = ("us-east-1", "us-west-2", "eu-west-1")
        held = (MASTER, FIRST, SECOND)
        self.tables = [Table.make(server, region, items) for region, items in zip(regions, held, strict=True)]
        self.folder = folder
        self.checkpoint = folder / "checkpoint"
        named = [word for way, table in zip(("-m", "-s", "-s"), self.tables, strict=True) for word in (way, str(table))]
        files = ["--report", str(folder / "report"), "--stats", str(folder / "stats")]
        self._latency = 0.0 if proxy is None else LATENCY
        url = server.url if proxy is None else proxy.url
        self._flags = [*named, "--endpoint-url", url, *SLICES, *files, *flags]

    def begin(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start the program."""
        return subprocess.Popen(
            [sys.executable, "-c", OFTEN, *self._flags, *flags],
            cwd=ROOT,
            env=environment(PYTHONPATH=str(ROOT)),
            stdin=subprocess.DEVNULL,
            stderr=(self.folder / "stderr").open("wb"),
            start_new_session=True,
        )

    def seen(self) -> int:
        """Tell one state of the checkpoint from the next."""
        try:
            return self.checkpoint.stat().st_ino
        except OSError:
            return 0

    def came_to(self, process: subprocess.Popen[bytes]) -> Any:
        """Wait for the end, and give what must not depend on kills."""
        code = process.wait(HANGS)
        text = (self.folder / "stats").read_text()
        assert text, (self.folder / "stderr").read_text()
        stats = json.loads(text)
        lines = [json.loads(line) for line in (self.folder / "report").read_text().splitlines()]
        for line in lines[:-1]:
            line["slave"] = line["slave"].partition(":")[0]
        time.sleep(self._latency)  # what is still on its way
        counted = {
            name.partition(":")[0]: {what: count for what, count in tally.items() if what not in CHANCE}
            for name, tally in stats["slaves"].items()
        }
        held = [table.all() for table in self.tables]
        report = sorted(json.dumps(line, sort_keys=True) for line in lines)
        told = {what: stats[what] for what in ("complete", "errors", "segments", "strategy")}
        if code < 0:  # killed when all was done
            code = int(any(each["action"] == "none" for each in lines[:-1]))
        return code, counted, stats["master"]["scanned"], told, report, held

    def disturbed(self, chance: random.Random) -> Any:
        """Run the job to its end, with kills on the way."""
        for _ in range(KILLS):
            process = self.begin("--checkpoint", str(self.checkpoint), "--resume")
            self._await_progress(process)
            time.sleep(chance.random() * 0.5)
            others = [pid for pid in session(process.pid) if pid != process.pid]
            if chance.random() < 0.3 and others:
                self._kill(chance.choice(others))
                time.sleep(chance.random() * 0.3)
            self._kill(process.pid)
            if process.wait(HANGS) >= 0 or not self.checkpoint.exists():
                return self.came_to(process)
        return self.came_to(self.begin("--checkpoint", str(self.checkpoint), "--resume"))

    def haunted(self, chance: random.Random) -> Any:
        """Run the job to its end without a checkpoint; workers are killed on the way."""
        process = self.begin()
        for _ in range(chance.randint(1, DEATHS)):
            workers: list[int] = []
            while not workers and process.poll() is None:
                workers = [pid for pid in session(process.pid) if is_worker(pid, process.pid)]
            time.sleep(chance.random() * 0.3 + self._latency)
            if workers:
                self._kill(chance.choice(workers))
        return self.came_to(process)

    def _await_progress(self, process: subprocess.Popen[bytes]) -> None:
        seen, moves = self.seen(), 0
        while process.poll() is None and moves < 2:
            if self.seen() != seen:
                seen, moves = self.seen(), moves + 1
            time.sleep(0.002)

    @staticmethod
    def _kill(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(dynoxide: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the job comes to when it is left alone, by kind."""

    def left_alone() -> dict[str, Any]:
        found = {}
        for kind, flags in (("report", ()), ("write", WRITES)):
            for strategy in STRATEGIES:
                job = Job(dynoxide, tmp_path_factory.mktemp(kind), ("--strategy", strategy, *flags))
                found[f"{kind} {strategy}"] = job.came_to(job.begin())
        return found

    return once(tmp_path_factory, "undisturbed", left_alone)


@pytest.fixture
def slow(dynoxide: Server) -> Iterator[Proxy]:
    """A proxy whose writes take up to LATENCY, whatever has become of who sent them."""
    chance = random.Random(1)

    def late(exchange: Exchange) -> Reply:
        time.sleep(LATENCY * chance.random())
        return exchange.forward()

    with Proxy(dynoxide.url) as proxy:
        proxy.add(late, ("PutItem", "DeleteItem", "BatchWriteItem"))
        yield proxy


@pytest.mark.parametrize("seed", range(-(-JOBS // 4)))
def test_a_report_survives_kills(dynoxide: Server, tmp_path: Path, undisturbed: dict[str, Any], seed: int) -> None:
    """A run that only reports has the same report and statistics, however often it was killed and resumed."""
    strategy = STRATEGIES[seed % 2]
    job = Job(dynoxide, tmp_path, ("--strategy", strategy))
    assert job.disturbed(random.Random(seed)) == undisturbed[f"report {strategy}"]
    assert not job.checkpoint.exists()


@pytest.mark.parametrize("seed", range(JOBS))
def test_a_repair_survives_kills(
    dynoxide: Server, slow: Proxy, tmp_path: Path, undisturbed: dict[str, Any], seed: int
) -> None:
    """With an undo log a run that writes, too, has each difference once, and repaired, however often it was killed."""
    strategy, log = STRATEGIES[seed % 2], tmp_path / "undo"
    flags = ("--strategy", strategy, *WRITES, "--undo-log", str(log))
    job = Job(dynoxide, tmp_path, flags, slow if seed % 4 > 1 else None)
    assert job.disturbed(random.Random(100 + seed)) == undisturbed[f"write {strategy}"]
    assert not job.checkpoint.exists()


@pytest.mark.parametrize("seed", range(JOBS))
def test_a_repair_survives_deaths_of_workers(
    dynoxide: Server, slow: Proxy, tmp_path: Path, undisturbed: dict[str, Any], seed: int
) -> None:
    """Where only workers are killed, each difference is there once, and repaired, without an undo log."""
    strategy = STRATEGIES[seed % 2]
    job = Job(dynoxide, tmp_path, ("--strategy", strategy, *WRITES), slow if seed % 4 > 1 else None)
    assert job.haunted(random.Random(200 + seed)) == undisturbed[f"write {strategy}"]
