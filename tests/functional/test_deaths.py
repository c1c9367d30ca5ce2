"""Workers that die with writes under way: what they had sent arrives at any time, and is told once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional import tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import running
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import item
from tests.tables import Item

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

COUNT = 30
ITEMS = [item(f"{n:02}", v=n) for n in range(COUNT)]
OLDER = [item(f"{n:02}", v=-1) for n in range(COUNT)]


@dataclass(frozen=True)
class Case:
    """What is repaired, by which operation, and as what it is told."""

    master: Sequence[Item]
    slave: Sequence[Item]
    flags: Sequence[str]
    operation: str
    told: tuple[str, str]


CASES = {
    "missing": Case(ITEMS, ITEMS[:1], ("--write-missing",), "PutItem", ("missing", "written")),
    "differing": Case(ITEMS, [*ITEMS[:1], *OLDER[1:]], ("--write-differing",), "PutItem", ("differing", "written")),
    "extra": Case(ITEMS[:1], ITEMS, ("--delete-extra",), "DeleteItem", ("extra", "deleted")),
    "in batches": Case(
        ITEMS, ITEMS[:1], ("--write-missing", "--writes", "batch"), "BatchWriteItem", ("missing", "written")
    ),
}


def _held_until(killed: threading.Event, latency: float) -> Fault:
    """Let no write arrive before the worker is killed, and each only so many seconds later."""

    def fault(exchange: Exchange) -> Reply:
        killed.wait(20)
        time.sleep(latency)
        return exchange.forward()

    return fault


def _choose_items(strategy: str, folder: Path) -> Sequence[str]:
    """Give the flags that have all items compared by a strategy, or as given keys."""
    if strategy != "keys":
        return ("--strategy", strategy)
    file = folder / "keys.jsonl"
    file.write_text("".join(f'{{"id": "{n:02}"}}\n' for n in range(COUNT)))
    return ("--keys", str(file), "--strategy", "auto")


@pytest.mark.parametrize("latency", [0.0, 0.05, 0.15, 0.4])
@pytest.mark.parametrize("log", [False, True], ids=["no undo log", "undo log"])
@pytest.mark.parametrize("strategy", ["lookup", "merge", "keys"])
@pytest.mark.parametrize("name", CASES)
def test_a_worker_that_dies_with_writes_under_way(
    make_world: MakeWorld, tmp_path: Path, name: str, strategy: str, log: bool, latency: float
) -> None:
    """Each difference is in report and statistics once, whenever the dead worker's writes arrive at the slave."""
    case = CASES[name]
    made = make_world(case.master, case.slave)
    killed = threading.Event()
    made.proxy.add(_held_until(killed, latency), case.operation)
    undo = ("--undo-log", str(tmp_path / "undo")) if log else ()
    with running(made, *case.flags, *undo, *_choose_items(strategy, tmp_path)) as run:
        made.proxy.await_request(case.operation)
        (worker,) = run.workers()
        os.kill(worker, signal.SIGKILL)
        killed.set()
        ran = run.ended()
    time.sleep(latency)  # what is still on its way
    assert ran.exit_code == 0, ran.stderr
    assert made.slave.all() == made.master.all()
    assert tables_behind_proxy.actions(ran) == [(f"{n:02}", *case.told) for n in range(1, COUNT)]
    counted = ran.stats["slaves"][str(made.slave)]
    verdict, action = case.told
    assert (counted[verdict], counted[action], counted["settled"]) == (COUNT - 1, COUNT - 1, 0)
    compared = sum(counted[each] for each in ("same", "missing", "differing", "settled"))
    assert compared == ran.stats["master"]["scanned"] == len(case.master)
    assert "SIGKILL; it was retried" in ran.stderr
    tables_behind_proxy.no_traceback(ran)
