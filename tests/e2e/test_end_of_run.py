"""The end of a run as a person sees it: the verdict first, then counts, then what it cost, then what to do next."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.cases import N, item
from tests.servers import Server
from tests.tables import create_table, put_items, run_fastsync, unique
from tests.terminal import on_terminal

MASTER = [item(f"{number}", v=N(number)) for number in range(60)]
WEST = [*(item(f"{number}", v=N(number)) for number in range(57)), item("57", v=N(0)), item("x")]


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """A master, a slave that lacks two items, has one that differs and one more, and a slave that is the same."""
    arguments: list[str] = []
    for flag, region, items in (("-m", "us-east-1", MASTER), ("-s", "us-west-2", WEST), ("-s", "eu-west-1", MASTER)):
        name = unique("orders")
        arguments += [flag, create_table(dynoxide, region, name)]
        put_items(dynoxide, region, name, items)
    return arguments


def ending(shown: str) -> list[str]:
    """Give the lines from the verdict on."""
    lines = shown.splitlines()
    first = next(place for place, line in enumerate(lines) if not line.startswith("strategy "))
    return lines[first:]


def test_a_report(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """Each slave has its verdict first; the report is named, and how to look at it."""
    _, master, _, west, _, europe = tables
    flags = ("--scan-for-extra", "--report", "orders.jsonl", "--endpoint-url", dynoxide.url)
    ran = run_fastsync(*tables, *flags, cwd=tmp_path)
    assert ran.exit_code == 1
    lines = ending(ran.stderr)
    assert lines[:2] == [f"{west} differs: 4 differences, all in orders.jsonl", f"{europe} is in sync"]
    assert lines[2].startswith(f"{master}: 60 items scanned in ")
    assert lines[3:5] == [
        f"{west}: 57 same, 2 missing, 1 differing, 1 extra",
        f"{europe}: 60 same, 0 missing, 0 differing, 0 extra",
    ]
    assert lines[5].split(",")[1].startswith(" under 1 cent")
    assert lines[6:] == ["next: fastsync show orders.jsonl"]
    assert max(map(len, lines)) <= 100
    assert not any(".0 " in line for line in lines)


def test_extras_not_looked_for(tables: Sequence[str], dynoxide: Server) -> None:
    """A slave is not called in sync where nobody knows whether it holds more, and the flag is named once."""
    lines = ending(run_fastsync(*tables, "--endpoint-url", dynoxide.url).stderr)
    assert lines[1] == f"{tables[5]} holds all that the master holds; extras were not looked for"
    assert sum("--scan-for-extra" in line for line in lines) == 1


@pytest.mark.parametrize("place", ["last", "only"])
def test_a_slave_that_cannot_be_compared(place: str, tables: Sequence[str], dynoxide: Server) -> None:
    """It is told as such, never with zeros, in the JSON log too; the verdict on the others stands."""
    nowhere = "us-west-2:nowhere"
    flags = ("--scan-for-extra", "--endpoint-url", dynoxide.url, "-s", nowhere)
    if place == "only":
        assert run_fastsync(*tables[:2], *flags).exit_code == 3
        return
    ran = run_fastsync(*tables, *flags)
    assert ran.exit_code == 4
    lines = ending(ran.stderr)
    assert lines[:3] == [
        f"{tables[3]} differs: 4 differences",
        f"{tables[5]} is in sync",
        f"{nowhere} was not compared",
    ]
    assert [line for line in lines[4:] if nowhere in line] == [next(line for line in lines if "error: " in line)]
    last = json.loads(run_fastsync(*tables, *flags, "--log-format", "json").stderr.splitlines()[-1])
    assert f"{nowhere} was not compared" in last["message"]
    assert f"{nowhere}: 0" not in last["message"]


def test_a_repair_and_its_undo(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """A repair says that none is left and how to undo it; the undo says that all is as it was, and what it did."""
    west, europe = tables[3], tables[5]
    flags = ("--write-missing", "--write-differing", "--delete-extra", "--undo-log", "orders.undo")
    at = ("--endpoint-url", dynoxide.url)
    lines = ending(run_fastsync(*tables, *flags, *at, cwd=tmp_path).stderr)
    assert lines[:2] == [f"{west} was repaired: 4 differences, none left", f"{europe} is in sync"]
    assert "  of these 3 written, 1 deleted" in lines
    assert lines[-1] == "to undo this run: fastsync undo orders.undo"
    lines = ending(run_fastsync("undo", "orders.undo", *at, cwd=tmp_path).stderr)
    assert lines[0] == f"{west} is as it was before the run: 2 items put back, 2 removed"
    assert f"{west}: 2 put back, 2 removed" in lines
    lines = ending(run_fastsync("undo", "orders.undo", *at, cwd=tmp_path).stderr)
    assert lines[0] == f"{west} is as it was before the run: there was nothing to undo"


@pytest.mark.parametrize(
    ("flags", "words"),
    [(("--sample", "1"), " in the sample"), (("--shard", "0/1", "--segments", "2"), " in this shard")],
)
def test_a_part_is_told_as_such(flags: Sequence[str], words: str, tables: Sequence[str], dynoxide: Server) -> None:
    """The verdict on a sample or a shard says so."""
    lines = ending(run_fastsync(*tables, *flags, "--endpoint-url", dynoxide.url).stderr)
    assert lines[:2] == [f"{tables[3]} differs: 3 differences{words}", f"{tables[5]}: no difference{words}"]


def test_an_interrupted_run(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """It says that it was interrupted, by what, what remains, and how to go on."""
    slow = ("--segments", "4", "--scan-limit", "1", "--max-read-units", "2", "--endpoint-url", dynoxide.url)
    checkpoint = tmp_path / "checkpoint"
    with on_terminal(*tables, *slow, "--checkpoint", str(checkpoint)) as run:
        run.wait_for("differences]")
        run.signal(signal.SIGINT)
        assert run.end() == 130
    assert "INCOMPLETE: interrupted by SIGINT; 4 of 4 segments are not compared to the end" in run.shown
    assert f"the checkpoint {checkpoint} says how far this came: --resume goes on from there" in run.shown
    timed = run_fastsync(*tables, *slow, "--max-duration", "1.5")
    assert timed.exit_code == 4
    assert "INCOMPLETE: 4 of 4 segments are not compared to the end" in timed.stderr
    assert "ended by --max-duration after 1.5 s" in timed.stderr


def test_something_is_shown_at_once(tables: Sequence[str], dynoxide: Server) -> None:
    """On a terminal, and nowhere else, it says what is done before the first item is read, and takes that back."""
    flags = (*tables, "--endpoint-url", dynoxide.url)
    with on_terminal(*flags) as run:
        run.wait_for("describing tables")
        assert run.end() == 1
    assert run.shown.index("describing tables") < run.shown.index("0%")
    assert "describing tables" not in run_fastsync(*flags).stderr
    with on_terminal(*flags, "--no-progress") as run:
        assert run.end() == 1
    assert "describing tables" not in run.shown
