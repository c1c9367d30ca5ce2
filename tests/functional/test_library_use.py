"""What a program has beside a run: an iterator, progress, cancelling, and lines in Python's logging."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fastsync import ConfigError, Difference, Progress, Result, Synchronizer, TableError
from fastsync.errors import UnexpectedError
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

ITEMS = 400
SMALL_PAGES: dict[str, Any] = {"retry_delay_base": 1, "scan_limit": 10, "strategy": "lookup"}
EXECUTORS = ["inline", "processes"]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A slave that lacks everything but one item, on which it differs."""
    return make_world([item(f"{n:03}", n=n) for n in range(ITEMS)], [item("000", n=-1)])


def synchronizer(made: World, executor: str = "inline", **more: Any) -> Synchronizer:
    flags = {"endpoint_url": made.proxy.url, "executor": executor, **SMALL_PAGES, **more}
    return Synchronizer(str(made.master), [str(made.slave)], **flags)


def name_keys(differences: Iterator[Difference]) -> list[str]:
    return sorted(each.key["id"]["S"] for each in differences)


ALL = [f"{n:03}" for n in range(ITEMS)]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_difference_is_yielded(made: World, executor: str) -> None:
    """The iterator brings each difference once, listeners hear of it too, and the result is there afterwards."""
    heard: list[Difference] = []
    ours = synchronizer(made, executor, listeners=[heard.append])
    assert ours.result is None
    assert name_keys(ours.differences()) == ALL
    assert name_keys(iter(heard)) == ALL
    assert ours.result is not None
    assert (ours.result.exit_code, ours.result.complete) == (1, True)


def test_the_result_is_what_the_generator_returns(made: World) -> None:
    """`yield from` brings the result."""
    ours = synchronizer(made)
    results: list[Result] = []

    def iterate() -> Iterator[Difference]:
        results.append((yield from ours.differences()))

    assert name_keys(iterate()) == ALL
    assert results == [ours.result]


def test_nothing_begins_before_the_first_step(made: World) -> None:
    """An iterator that nobody asks for anything asks nothing of the service."""
    synchronizer(made).differences().close()
    assert made.proxy.requests == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_both_sides_come_along(made: World, executor: str) -> None:
    """Differences have the items of both sides."""
    found = {each.key["id"]["S"]: each for each in synchronizer(made, executor).differences()}
    assert (found["000"].master, found["000"].slave_item) == (item("000", n=0), item("000", n=-1))
    assert (found["001"].master, found["001"].slave_item) == (item("001", n=1), None)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_leaving_ends_the_run(made: World, executor: str, tmp_path: Path) -> None:
    """`break` cancels the run; no thread and no process is left, and the checkpoint leads on to the rest."""
    flags = {"checkpoint": tmp_path / "checkpoint", "report": tmp_path / "report.jsonl"}
    ours = synchronizer(made, executor, **flags)
    before = threading.active_count()
    for _ in ours.differences():
        break
    assert threading.active_count() == before
    assert ours.result is not None
    assert (ours.result.exit_code, ours.result.complete) == (130, False)
    assert ours.result.stats["master"]["scanned"] < ITEMS
    assert any("cancel()" in note for note in ours.result.notes)
    rest = synchronizer(made, executor, resume=True, **flags).run()
    assert (rest.exit_code, rest.stats["master"]["scanned"]) == (1, ITEMS)
    assert (tmp_path / "report.jsonl").read_text().count('"verdict"') == ITEMS


def test_the_run_waits_for_its_reader(made: World) -> None:
    """A reader that is slow holds the run up: no more than a hundred differences wait."""
    ours = synchronizer(made)
    differences = ours.differences()
    next(differences)
    threading.Event().wait(1.0)
    waiting = sum(request.operation == "Scan" for request in made.proxy.requests)
    assert waiting * SMALL_PAGES["scan_limit"] < ITEMS
    assert len(list(differences)) == ITEMS - 1


def test_it_raises_what_a_run_raises(made: World) -> None:
    """A table that is not there, or a listener that fails, ends the iteration by the error of `run`."""
    missing = Synchronizer(str(made.master), "us-west-2:nowhere", endpoint_url=made.proxy.url, executor="inline")
    with pytest.raises(TableError, match="nowhere"):
        list(missing.differences())
    assert missing.result is None

    def fail(_: Difference) -> None:
        raise ValueError("mine")

    with pytest.raises(UnexpectedError, match="mine"):
        list(synchronizer(made, listeners=[fail]).differences())


def test_spark_has_no_differences_to_yield() -> None:
    """Where tasks write differences into the report themselves, that is a ConfigError."""
    with pytest.raises(ConfigError, match="spark"):
        next(Synchronizer("us-east-1:a", "us-west-2:a", executor="spark").differences())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_cancelled_by_a_listener(made: World, executor: str) -> None:
    """A listener may cancel: the run ends as by SIGINT, and the next one is a run like any other."""
    heard: list[Difference] = []

    def stop_at_ten(difference: Difference) -> None:
        heard.append(difference)
        if len(heard) == 10:
            ours.cancel()

    ours = synchronizer(made, executor, listeners=[stop_at_ten])
    ours.cancel()  # nothing is underway
    result = ours.run()
    assert (result.exit_code, result.complete) == (130, False)
    assert 10 <= len(heard) < ITEMS
    assert ours.run().exit_code == 1


@pytest.mark.parametrize("operation", ["DescribeTable", "Scan"])
def test_cancelled_by_another_thread(made: World, operation: str) -> None:
    """Another thread may cancel while the run is prepared and while it reads."""
    ours = synchronizer(made)
    made.proxy.add(faults.before(ours.cancel), operation, nth=(1,))
    result = ours.run()
    assert (result.exit_code, result.complete) == (130, False)
    assert result.stats["master"]["scanned"] < ITEMS


@pytest.mark.parametrize("executor", EXECUTORS)
def test_progress(made: World, executor: str) -> None:
    """Progress is told from nothing to all, and never goes back."""
    told: list[Progress] = []
    synchronizer(made, executor, segments=4, progress=told.append).run()
    assert (told[0].scanned, told[0].differences, told[0].segments_done, told[0].segments) == (0, 0, 0, 4)
    assert (told[-1].scanned, told[-1].differences, told[-1].segments_done) == (ITEMS, ITEMS, 4)
    assert len(told) >= ITEMS / SMALL_PAGES["scan_limit"]
    for one, next_one in pairwise(told):
        assert one.scanned <= next_one.scanned
        assert one.segments_done <= next_one.segments_done


def test_progress_with_keys(made: World) -> None:
    """Where keys are compared nobody knows how many items they stand for."""
    told: list[Progress] = []
    result = synchronizer(made, strategy="auto", scan_limit=None, key='{"id": "001"}', progress=told.append).run()
    assert (result.exit_code, result.errors) == (1, [])
    assert {each.expected for each in told} == {None}
    assert (told[-1].scanned, told[-1].differences, told[-1].segments_done, told[-1].segments) == (1, 1, 0, 0)


def test_a_switch_for_progress_tells_nothing(made: World, capfd: pytest.CaptureFixture[str]) -> None:
    """The command line's `--progress` is taken, and prints nothing."""
    assert synchronizer(made, progress=True).run().exit_code == 1
    assert capfd.readouterr() == ("", "")


def test_the_logger(made: World, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Notes come as info, what a limit refused as a warning, failures as errors, all from the logger `fastsync`."""
    with caplog.at_level(logging.INFO, logger="fastsync"):
        made.proxy.add(faults.INVALID, "PutItem", nth=(1,))
        result = synchronizer(made, strategy="auto", write_missing=True, max_read_units=10_000).run()
    assert result.exit_code == 4
    lines = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert {name for name, _, _ in lines} == {"fastsync"}
    for level, texts in (("INFO", result.notes), ("WARNING", result.warnings), ("ERROR", result.errors)):
        assert [text for _, name, text in lines if name == level][-len(texts) or len(lines) :] == texts
    assert any("read units a second" in text for _, level, text in lines if level == "INFO")


def test_who_is_told_logs_nothing(made: World, caplog: pytest.LogCaptureFixture) -> None:
    """With `announce` nothing goes to the logger: the command line writes everything itself."""
    told: list[str] = []
    with caplog.at_level(logging.DEBUG, logger="fastsync"):
        synchronizer(made, strategy="auto", announce=told.append).run()
    assert told
    assert caplog.records == []


LEFT = """
import sys
from fastsync import Synchronizer

flags = {"endpoint_url": sys.argv[3], "scan_limit": 10, "strategy": "lookup", "executor": sys.argv[4]}
differences = Synchronizer(sys.argv[1], [sys.argv[2]], **flags).differences()
if __name__ == "__main__":
    print(next(differences).verdict.value, flush=True)
    raise SystemExit(7)
"""


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_program_that_ends_in_the_middle(made: World, tmp_path: Path, executor: str) -> None:
    """A program that ends with an iterator open ends, with its own exit code and nothing on stderr."""
    (tmp_path / "left.py").write_text(LEFT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "left.py"), str(made.master), str(made.slave), made.proxy.url, executor],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip() in ("missing", "differing"), done.stderr, done.returncode) == (True, "", 7)
