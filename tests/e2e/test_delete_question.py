"""Before it deletes, a run on a terminal asks once; nothing but yes is a yes, and elsewhere it never asks."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.e2e.cases import item
from tests.servers import Server
from tests.tables import create_table, put_items, read_all, run_fastsync, unique
from tests.terminal import on_terminal

MASTER = [item("a"), item("b")]
EXTRA = {"us-west-2": 25, "eu-west-1": 1}


class Tables:
    """A master, and two slaves that hold more than it; `flags` are those of a run that may delete."""

    def __init__(self, server: Server):
        self._server = server
        self._names = {region: unique("orders") for region in ("us-east-1", *EXTRA)}
        self.refs = [create_table(server, region, name) for region, name in self._names.items()]
        for region, name in self._names.items():
            put_items(server, region, name, [*MASTER, *(item(f"x{n}") for n in range(EXTRA.get(region, 0)))])
        master, *slaves = self.refs
        given = [word for slave in slaves for word in ("-s", slave)]
        self.flags = ["-m", master, *given, "--endpoint-url", server.url, "--delete-extra"]
        self.question = f"delete 25 items on {slaves[0]} and 1 item on {slaves[1]}? [y/N] "

    def left(self) -> list[int]:
        """Give how many extras each slave holds."""
        return [len(read_all(self._server, region, self._names[region])) - len(MASTER) for region in EXTRA]


ALL = list(EXTRA.values())
NONE = [0, 0]


@pytest.fixture
def tables(dynoxide: Server) -> Tables:
    """Tables of its own for each test."""
    return Tables(dynoxide)


@pytest.mark.parametrize(
    ("typed", "deletes"),
    [
        ("y\n", True),
        ("YES\n", True),
        (" yes \n", True),
        ("n\n", False),
        ("\n", False),
        ("\x04", False),
        ("yep\n", False),
    ],
    ids=["y", "YES", "spaces", "n", "nothing", "end of input", "yep"],
)
def test_the_answer(typed: str, deletes: bool, tables: Tables, tmp_path: Path) -> None:
    """It is asked once for all slaves, with their numbers; without a yes the extras are refused, with the reason."""
    with on_terminal(*tables.flags, "--report", str(tmp_path / "report")) as run:
        run.wait_for(tables.question)
        assert tables.left() == ALL
        run.type(typed)
        assert run.end() == (0 if deletes else 5)
    assert run.shown.count("[y/N]") == 1
    assert " 26 differences]" in run.shown
    assert " 52 differences]" not in run.shown
    assert tables.left() == (NONE if deletes else ALL)
    *lines, last = map(json.loads, (tmp_path / "report").read_text().splitlines())
    assert last == {"complete": True, "differences": 26}
    assert {line["action"] for line in lines} == {"deleted" if deletes else "refused"}
    assert all(deletes or "the answer was not yes" in line["error"] for line in lines)


@pytest.mark.parametrize(
    ("typed", "number", "code"), [("\x03", None, 130), ("", signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_an_end_at_the_question(
    typed: str, number: signal.Signals | None, code: int, tables: Tables, tmp_path: Path
) -> None:
    """A signal at the question ends the run; nothing is deleted, and the resumed run asks again."""
    files = ("--checkpoint", str(tmp_path / "checkpoint"), "--resume", "--report", str(tmp_path / "report"))
    with on_terminal(*tables.flags, *files) as run:
        run.wait_for(tables.question)
        run.type(typed)
        if number is not None:
            run.signal(number)
        assert run.end() == code
    assert f"INCOMPLETE: interrupted by {signal.Signals(code - 128).name}; 26 extras were not deleted" in run.shown
    assert "pages at hand" not in run.shown
    assert (tmp_path / "checkpoint").exists()
    assert tables.left() == ALL
    with on_terminal(*tables.flags, *files) as run:
        run.wait_for(tables.question)
        run.type("y\n")
        assert run.end() == 0
    assert tables.left() == NONE
    assert len((tmp_path / "report").read_text().splitlines()) == 27


def test_the_time_is_over_at_the_question(tables: Tables) -> None:
    """--max-duration ends a run that waits for an answer."""
    with on_terminal(*tables.flags, "--max-duration", "6") as run:
        run.wait_for(tables.question)
        assert run.end() == 4
    assert "ended by --max-duration" in run.shown
    assert tables.left() == ALL


@pytest.mark.parametrize(
    ("flags", "code", "left"),
    [
        (("--yes",), 0, NONE),
        (("--max-deletes", "0"), 5, ALL),
        ((), 0, NONE),
    ],
    ids=["yes", "a guard refuses", "nothing to delete"],
)
def test_nothing_is_asked(flags: Sequence[str], code: int, left: list[int], tables: Tables) -> None:
    """Nothing is asked with --yes, where a guard refuses anyway, and where there is nothing to delete."""
    if not flags:
        assert run_fastsync(*tables.flags).exit_code == 0
    with on_terminal(*tables.flags, *flags) as run:
        assert run.end() == code
    assert "[y/N]" not in run.shown
    assert tables.left() == left


def test_without_a_terminal_nothing_is_asked(tables: Tables) -> None:
    """Where stdin is no terminal, as under cron, a run deletes as it was told to."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    with on_terminal(*tables.flags, stdin=nothing) as run:
        assert run.end() == 0
    os.close(nothing)
    assert "[y/N]" not in run.shown
    assert tables.left() == NONE


@pytest.mark.parametrize("flags", [("--report", "-"), ("--stats", "-", "--quiet"), ("--executor", "inline", "-v")])
def test_stdout_may_go_elsewhere(flags: Sequence[str], tables: Tables, tmp_path: Path) -> None:
    """It asks where stdin and stderr are a terminal, wherever stdout goes, and stdout has nothing of it."""
    with on_terminal(*tables.flags, *flags, stdout=tmp_path / "out") as run:
        run.wait_for(tables.question)
        run.type("y\n")
        assert run.end() == 0
    assert "delete 25" not in (tmp_path / "out").read_text()
    assert tables.left() == NONE


def test_many_slaves_are_listed(dynoxide: Server) -> None:
    """Where the numbers do not fit into a line, each slave has one of its own."""
    many = Tables(dynoxide)
    third = create_table(dynoxide, "sa-east-1", name := unique("orders"))
    put_items(dynoxide, "sa-east-1", name, [*MASTER, item("x"), item("y")])
    with on_terminal(*many.flags, "-s", third) as run:
        run.wait_for("delete them? [y/N] ")
        run.type("n\n")
        assert run.end() == 5
    for count, slave in zip(("25 items", "1 item", "2 items"), (*many.refs[1:], third), strict=True):
        assert f"  {count} on {slave}\r\n" in run.shown


@pytest.mark.parametrize("answer", [True, False, None], ids=["yes", "no", "none is given"])
def test_the_library_asks_whom_it_is_given(answer: bool | None, tables: Tables, dynoxide: Server) -> None:
    """The library calls what its caller gives it, once with all numbers, and never asks by itself."""
    asked: list[Mapping[str, int]] = []

    def confirm(counts: Mapping[str, int], ended: Any) -> bool:
        assert not ended()
        asked.append(dict(counts))
        return bool(answer)

    master, *slaves = tables.refs
    given = None if answer is None else confirm
    result = Synchronizer(
        master, slaves, endpoint_url=dynoxide.url, delete_extra=True, executor="inline", confirm_deletes=given
    ).run()
    assert result.exit_code == (5 if answer is False else 0)
    assert asked == ([] if answer is None else [dict(zip(slaves, ALL, strict=True))])
    assert tables.left() == (ALL if answer is False else NONE)


def test_a_question_that_fails_deletes_nothing(tables: Tables, dynoxide: Server) -> None:
    """Whatever the caller's function raises, nothing is deleted, and the error is told."""

    def confirm(*_: Any) -> bool:
        raise RuntimeError("nobody here")

    master, *slaves = tables.refs
    with pytest.raises(Exception, match="nobody here"):
        Synchronizer(
            master, slaves, endpoint_url=dynoxide.url, delete_extra=True, executor="inline", confirm_deletes=confirm
        ).run()
    assert tables.left() == ALL
