"""What is lost on the way counts once: executors, the driver, a task's server, and a thousand segments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.functional import faults
from tests.functional.processes import session, wait_for
from tests.functional.tables_behind_proxy import World, actions, item
from tests.servers import environment
from tests.spark.conftest import MASTER_URL, executors, spark_environment
from tests.spark.runs import flags_of, on_spark, parts
from tests.tables import ROOT

MASTER = [item(f"{n:03}", v=n) for n in range(160)]
SLAVE = [*MASTER[40:], *(item(f"x{n}") for n in range(10))]
FOUND = [(f"{n:03}", "missing", "none") for n in range(40)] + [(f"x{n}", "extra", "none") for n in range(10)]
OPTIONS: dict[str, Any] = {"strategy": "lookup", "scan_for_extra": True, "segments": 16, "scan_limit": 5}


def test_killed_executor(context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """An executor that is killed in the middle of its tasks costs nothing: everything is there, once."""
    made = make_world(MASTER, SLAVE)
    made.proxy.add(faults.delayed(0.1), "BatchGetItem")
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: len(parts(tmp_path / "report")) > 5, 120)
        killed.append(executors()[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    ran = on_spark(made, tmp_path / "report", **OPTIONS)
    killer.join()
    assert killed
    assert killed[0] not in executors()
    assert actions(ran) == FOUND
    assert (ran.exit_code, ran.end) == (1, {"complete": True, "differences": 50})
    told = ran.stats["slaves"][str(made.slave)]
    assert [ran.stats["master"]["scanned"], told["same"], told["missing"], told["extra"]] == [160, 120, 40, 10]


def test_a_thousand_segments(context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """A thousand segments are a thousand tasks, of which each counts once."""
    made = make_world(MASTER, SLAVE)
    ran = on_spark(made, tmp_path / "report", **{**OPTIONS, "segments": 1000})
    assert actions(ran) == FOUND
    assert ran.end == {"complete": True, "differences": 50}
    assert (ran.stats["master"]["scanned"], ran.stats["segments"]) == (160, 1000)


def test_a_lost_slave_catches_up(context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """Of a slave that fails in mid-segment the report tells what is certain, the next run the rest: each line once."""
    made = make_world(MASTER, SLAVE, MASTER[:150])
    kept = {**OPTIONS, "checkpoint": str(tmp_path / "checkpoint"), "max_retries": 0, "segments": 2}
    failing = made.proxy.add(faults.INTERNAL, "BatchGetItem", table=made.slave.name, nth=range(5, 1000))
    first = on_spark(made, tmp_path / "report", **kept)
    assert first.exit_code == 4
    assert 0 < first.stats["slaves"][str(made.slave)]["same"] < 120
    made.proxy.rules.remove(failing)
    ran = on_spark(made, tmp_path / "report", resume=True, **kept)
    of_slave = replace(ran, report=[*(line for line in ran.differences if line["slave"] == str(made.slave)), ran.end])
    assert actions(of_slave) == FOUND
    assert ran.end == {"complete": True, "differences": 60}
    assert len(ran.differences) == 60
    assert ran.stats["master"]["scanned"] == 160


def test_max_duration(context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """A run that its time ends lets the segments under way come to their end, and can be gone on from."""
    made = make_world(MASTER, SLAVE)
    kept = {**OPTIONS, "checkpoint": str(tmp_path / "checkpoint")}
    slow = made.proxy.add(faults.delayed(0.3), "BatchGetItem")
    first = on_spark(made, tmp_path / "report", max_duration=1, **kept)
    assert (first.exit_code, first.end["complete"]) == (4, False)
    made.proxy.rules.remove(slow)
    ran = on_spark(made, tmp_path / "report", resume=True, **kept)
    assert (actions(ran), ran.end) == (FOUND, {"complete": True, "differences": 50})


def test_killed_driver(make_world: Callable[..., World], tmp_path: Path, context: Any) -> None:
    """A driver that is killed is gone on from by another: the report of both holds every difference once."""
    made = make_world(MASTER, SLAVE)
    kept = {**OPTIONS, "checkpoint": str(tmp_path / "checkpoint")}
    slow = made.proxy.add(faults.delayed(0.2), "BatchGetItem")
    outputs = ["--report", str(tmp_path / "report"), "--endpoint-url", made.proxy.url, "--retry-delay-base", "1"]
    with submitted(*made.tables, *flags_of(kept), *outputs) as driver:
        wait_for(lambda: len(parts(tmp_path / "report")) > 5, 120)
        killed_with(driver)
    left = json.loads((tmp_path / "checkpoint").read_text())["content"]["left"]
    assert left["legs"] or left["stretches"]
    made.proxy.rules.remove(slow)
    ran = on_spark(made, tmp_path / "report", resume=True, **kept)
    assert actions(ran) == FOUND
    assert (ran.exit_code, ran.end) == (1, {"complete": True, "differences": 50})
    assert ran.stats["master"]["scanned"] == 160


@contextmanager
def submitted(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run spark-submit in a session of its own."""
    submit = str(Path(sys.executable).parent / "spark-submit")
    command = [submit, "--master", MASTER_URL, str(ROOT / "examples" / "spark_job.py"), "--executor", "spark", *words]
    process = subprocess.Popen(command, env=environment(**spark_environment()), start_new_session=True)
    try:
        yield process
    finally:
        killed_with(process)


def killed_with(process: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a session at once."""
    for pid in session(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def test_submitted(make_world: Callable[..., World], tmp_path: Path) -> None:
    """What spark-submit runs reports, repairs, and ends with fastsync's exit code."""
    made = make_world(MASTER, SLAVE)
    outputs = ["--report", str(tmp_path / "report"), "--endpoint-url", made.proxy.url]
    stats = tmp_path / "stats.json"
    with submitted(*made.tables, "--write-missing", "--segments", "4", *outputs, "--stats", str(stats)) as driver:
        assert driver.wait(120) == 0
    assert parts(tmp_path / "report")[-1] == {"complete": True, "differences": 40}
    assert json.loads(stats.read_text())["slaves"][str(made.slave)]["written"] == 40
    assert [each for each in made.slave.all() if not each["id"]["S"].startswith("x")] == made.master.all()
