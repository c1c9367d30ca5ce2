"""Undo as work for worker processes: in parallel, killed, interrupted, as a dry run, and never on another table."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import undoing
from tests.functional.proxy import Exchange, Fault, Proxy, Reply
from tests.functional.tables_behind_proxy import HASTE, World, item
from tests.functional.test_replaced import make_again
from tests.servers import Server
from tests.tables import Item, Ran, run_fastsync

ALL = ("--write-missing", "--write-differing", "--delete-extra")
WRITES = ("PutItem", "DeleteItem")
SIZE = 40


def _items(**more: int) -> list[Item]:
    return [item(f"{n:04}", **more) for n in range(SIZE)]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Three slaves: one lacks everything, one has other versions, one has items of its own."""
    return make_world(_items(v=1), [], _items(v=2), [item(f"x{n:04}") for n in range(SIZE)])


@pytest.fixture
def log(made: World, tmp_path: Path) -> Path:
    """The undo log of a run that repaired all of it: 4 times SIZE items."""
    path = tmp_path / "undo.jsonl"
    assert made.run(*ALL, "--undo-log", str(path)).exit_code == 0
    made.proxy.requests.clear()
    return path


def _undo(made: World, log: Path, *flags: str) -> Ran:
    return run_fastsync("undo", str(log), *HASTE, *flags, server=made.via)


def _is_as_before(made: World) -> bool:
    there = [slave.all() for slave in made.slaves]
    return there == [[], _items(v=2), [item(f"x{n:04}") for n in range(SIZE)]]


def _holds_every_item_once(ran: Ran, made: World, action: str | None = None) -> None:
    """Hold that report and statistics have each item that the run wrote once, as put back or removed."""
    expected = {(str(made.slaves[0]), f"{n:04}", action or "deleted") for n in range(SIZE)}
    expected |= {(str(made.slaves[1]), f"{n:04}", action or "written") for n in range(SIZE)}
    expected |= {(str(made.slaves[2]), f"{n:04}", action or "deleted") for n in range(SIZE)}
    expected |= {(str(made.slaves[2]), f"x{n:04}", action or "written") for n in range(SIZE)}
    told = [(line["slave"], line["key"]["id"]["S"], line["action"]) for line in ran.differences]
    assert len(told) == len(set(told))
    assert set(told) == expected
    assert ran.stats["master"]["scanned"] == 4 * SIZE
    done = sum(each["written"] + each["deleted"] for each in ran.stats["slaves"].values())
    assert done == (0 if action else 4 * SIZE)


@pytest.mark.parametrize("parallel", ["1", "2", "5"])
def test_processes_share_an_undo(made: World, log: Path, parallel: str) -> None:
    """With any number of processes each item is put back or removed once, and the summary says so in these words."""
    ran = _undo(made, log, "--parallel", parallel, "--verbose")
    assert (ran.exit_code, ran.stats["errors"], ran.stats["strategy"]) == (0, [], "undo")
    assert _is_as_before(made)
    _holds_every_item_once(ran, made)
    assert f"{SIZE} put back, {SIZE} removed" in ran.stderr
    assert sum(line.endswith((" put back", " removed")) for line in ran.stderr.splitlines()) >= 4 * SIZE
    assert " written" not in ran.stderr
    assert " deleted" not in ran.stderr


def test_a_dry_run_writes_nothing_and_says_all(made: World, log: Path) -> None:
    """--dry-run reports with action `none` what an undo would do (1), what has changed, and 0 once all is done."""
    made.slaves[1].put(item("0000", v=3))
    before = [slave.all() for slave in made.slaves]
    ran = _undo(made, log, "--dry-run")
    assert ran.exit_code == 1
    assert [slave.all() for slave in made.slaves] == before
    assert [each for each in made.proxy.requests if each.operation in WRITES] == []
    assert [line["key"]["id"]["S"] for line in ran.differences if line["action"] == "contended"] == ["0000"]
    assert sum(line["action"] == "none" for line in ran.differences) == len(ran.differences) - 1 == 4 * SIZE - 1
    made.slaves[1].put(item("0000", v=1))
    _holds_every_item_once(_undo(made, log, "--dry-run"), made, "none")
    assert _undo(made, log).exit_code == 0
    assert _is_as_before(made)
    again = _undo(made, log, "--dry-run")
    assert (again.exit_code, again.differences) == (0, [])


def _held_until(killed: threading.Event, latency: float) -> Fault:
    """Let no write arrive before the worker is killed, and each only so many seconds later."""

    def fault(exchange: Exchange) -> Reply:
        killed.wait(20)
        time.sleep(latency)
        return exchange.forward()

    return fault


@pytest.mark.parametrize("latency", [0.0, 0.15])
def test_a_worker_that_dies_with_writes_under_way(made: World, log: Path, latency: float) -> None:
    """Whenever a dead worker's writes arrive, each item is reported once, and all is as it was before the run."""
    killed = threading.Event()
    made.proxy.add(_held_until(killed, latency), WRITES)
    with undoing(made, log) as run:
        made.proxy.await_request("DeleteItem", count=5)
        (worker,) = run.workers()
        os.kill(worker, signal.SIGKILL)
        killed.set()
        ran = run.ended()
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert "it was retried" in ran.stderr
    assert _is_as_before(made)
    _holds_every_item_once(ran, made)
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_undo_that_is_interrupted_is_finished_by_another(made: World, log: Path, number: signal.Signals) -> None:
    """A signal ends it after the page at hand with 130 or 143 and a report; a second undo does the rest."""
    made.proxy.add(faults.delayed(0.05), WRITES)
    with undoing(made, log, "--max-write-units", "20") as run:
        made.proxy.await_request("DeleteItem", count=5)
        run.signal(number)
        ran = run.ended(60)
        run.none_left(within=10)
    assert (ran.exit_code, ran.end["complete"], ran.stats["complete"]) == (128 + number, False, False)
    assert 0 < len(ran.differences) < 4 * SIZE
    made.proxy.rules.clear()
    assert _undo(made, log).exit_code == 0
    assert _is_as_before(made)


@pytest.fixture(params=["dynoxide", "dynamodb-local"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Give a function that makes tables on one of the servers, with and without TableId."""
    server: Server = request.getfixturevalue("servers")[request.param]
    with Proxy(server.url) as proxy:
        yield lambda master, *slaves: tables_behind_proxy.make(proxy, server, master, *slaves)


@pytest.mark.parametrize("new", [[], _items(v=1)], ids=["empty", "with the same items"])
@pytest.mark.parametrize("form", ["new", "old"])
def test_a_table_that_was_made_again_is_left_alone(
    any_server: Callable[..., World], tmp_path: Path, new: Sequence[Item], form: str
) -> None:
    """Nothing is undone on a slave that is another table by now: 4 where others are undone, 3 where there is no other.

    A log of an older version does not tell.
    """
    log = tmp_path / "undo.jsonl"
    made = any_server(_items(v=1), [], _items(v=2))
    first, second = made.slaves
    assert made.run(*ALL, "--undo-log", str(log)).exit_code == 0
    if form == "old":
        log.write_text("".join(line.partition(',"table_id"')[0] + "}\n" for line in log.read_text().splitlines()))
    make_again(first, new)
    ran = _undo(made, log)
    assert second.all() == _items(v=2), ran.stderr
    if form == "old":
        assert (ran.exit_code, first.all()) == (0, [])
        return
    assert (ran.exit_code, ran.stats["complete"], first.all()) == (4, False, new)
    assert str(first) in ran.stats["errors"][0]
    assert "made again" in ran.stats["errors"][0]
    make_again(second, [])
    ran = _undo(made, log)
    assert (ran.exit_code, second.all()) == (3, [])
    assert len(ran.stderr.splitlines()) == 1
    tables_behind_proxy.no_traceback(ran)


def test_keys_of_another_schema_are_refused(make_world: MakeWorld, tmp_path: Path) -> None:
    """An older log whose keys are not the table's is refused (2) before anything is read or written."""
    log = tmp_path / "undo.jsonl"
    made = make_world(_items(v=1), [])
    key = {"other": {"S": "1"}}
    log.write_text(json.dumps({"slave": str(made.slave), "key": key, "before": None, "after": key}) + "\n")
    ran = _undo(made, log)
    assert (ran.exit_code, made.proxy.of("BatchGetItem")) == (2, [])
    assert "other (S)" in ran.stderr
    assert "id (S)" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
