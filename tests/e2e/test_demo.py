"""The demonstration, run as a user runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastsync.demo.orders import SlavePlan
from fastsync.demo.steps import PLANS
from tests import fetch
from tests.build_once import once
from tests.servers import environment

PATIENCE = 600.0
"""Seconds: the demo takes 30 on a machine that does nothing else."""
ORDERS = {"dynoxide": 20_000, "moto": 300}
"""The orders that each emulator is given."""
NOTHING = "/nonexistent"


def fastsync(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastsync", *arguments]
    return subprocess.run(
        command, env=environment(**extra), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@dataclass(frozen=True)
class Shown:
    """What a run of the demo on an emulator printed, and the files that it left in its temporary folder."""

    server: str
    text: str
    left: Sequence[str]


def servers(server: str, folder: Path) -> dict[str, str]:
    """Give the variables with which the demo finds this emulator: dynoxide is here already, or cannot be fetched."""
    if server == "dynoxide":
        fetch.dynoxide()
        return {"FASTSYNC_SERVERS": str(fetch.CACHE), "PATH": NOTHING}
    return {"FASTSYNC_SERVERS": str(folder / "servers"), "PATH": NOTHING}


@pytest.fixture(scope="module", params=ORDERS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One run of the demo, with hostile settings around it."""
    server = request.param
    if server == "dynoxide" and not fetch.dynoxide_runs_here():
        pytest.skip("dynoxide is not made for this platform")
    return once(tmp_path_factory, f"demo-{server}", lambda: _run(server, tmp_path_factory.mktemp("temporary")))


@pytest.fixture
def shown(run: Shown) -> str:
    """What it printed."""
    return run.text


def _run(server: str, temporary: Path) -> Shown:
    done = fastsync(
        "demo",
        **servers(server, temporary.parent),
        TMPDIR=str(temporary),
        AWS_PROFILE="there-is-none",
        AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
    )
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    return Shown(server, done.stdout, [each.name for each in temporary.iterdir()])


def test_the_steps_end_as_they_have_to(shown: str) -> None:
    """The demo reports, shows, repairs what was chosen, undoes it, repairs everything and looks again."""
    assert re.findall(r"^\$ echo \$\?\n(\d+)$", shown, re.MULTILINE) == ["1", "0", "0", "0", "0", "0"]


def planted(orders: int) -> list[tuple[str, SlavePlan]]:
    """Give what the demo says of each slave."""
    return [(name, plan.scaled(orders)) for name, plan in PLANS.items()]


def test_every_planted_difference_is_found_and_no_other(run: Shown) -> None:
    """The runs over all items find exactly what was planted; respelled items are the same; the last finds nothing."""
    orders = ORDERS[run.server]
    found = re.findall(r"^((?:us-west-2|eu-west-1):orders-\w+): ([\d,]+ same, .* extra)$", run.text, re.MULTILINE)
    differing = [(name, _format_counts(orders, plan)) for name, plan in planted(orders)]
    equal = [(name, f"{orders:,} same, 0 missing, 0 differing, 0 extra") for name, _ in differing]
    assert found == differing * 2 + equal


def _format_counts(orders: int, plan: SlavePlan) -> str:
    same = orders - plan.missing - plan.differing
    return f"{same:,} same, {plan.missing} missing, {plan.differing} differing, {plan.extra} extra"


def test_it_says_what_there_is(run: Shown) -> None:
    """The first lines tell the emulator, its orders, and what was planted; moto's times are called its own."""
    orders = ORDERS[run.server]
    assert run.text.startswith(f"Three tables on the emulator {run.server}: a master with {orders:,} orders")
    for name, plan in planted(orders):
        assert f"{name}: {plan.missing} items are missing, {plan.differing} differ, {plan.extra} are extra" in run.text
    assert ("the times below are its own" in run.text) == (run.server == "moto")


def test_every_difference_is_repaired(run: Shown) -> None:
    """The chosen items are written and put back; then all are written, or deleted."""
    done = [(plan.missing + plan.differing, plan.extra) for _, plan in planted(ORDERS[run.server])]
    told = re.findall(r"^  of these (.*)$", run.text, re.MULTILINE)
    assert told[:2] == [f"{written} written" for written, _ in done]
    assert told[-2:] == [f"{written} written, {deleted} deleted" for written, deleted in done]
    assert len(told) == 4


def test_the_report_is_shown(run: Shown) -> None:
    """Three differences appear path by path, after the number of all."""
    count = sum(plan.missing + plan.differing + plan.extra for _, plan in planted(ORDERS[run.server]))
    assert "slave → master" in run.text or "slave -> master" in run.text
    assert f"{count:,} differences" in run.text


def test_commands_can_be_read_and_copied(shown: str) -> None:
    """Every command is shown as a user would type it, on lines that a terminal does not wrap."""
    commands = re.findall(r"^\$ fastsync (.*)\\\n    (.*)$", shown, re.MULTILINE)
    assert [("--write-missing" in each, "--report differences.jsonl" in each) for _, each in commands] == [
        (False, True),
        (True, False),
        (True, False),
        (False, False),
    ]
    assert all(each.startswith("-m us-east-1:orders -s us-west-2:orders-west -s ") for each, _ in commands)
    assert all(len(line) < 100 for command in commands for line in command)
    assert re.search(r"^\$ export AWS_ENDPOINT_URL_DYNAMODB=http://127\.0\.0\.1:\d+$", shown, re.MULTILINE)


def test_plain_text_where_there_is_no_terminal(shown: str) -> None:
    """No escape codes and no bar are printed into a pipe."""
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_nothing_is_left_behind(run: Shown) -> None:
    """The demo removes its temporary files."""
    assert run.left == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_it(
    number: signal.Signals, code: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A signal ends the demo, its step and its workers soon, with the signal's exit code, and leaves nothing behind."""
    command = [sys.executable, "-m", "fastsync", "demo"]
    with subprocess.Popen(
        command,
        env=environment(TMPDIR=str(tmp_path), **servers("moto", tmp_path_factory.mktemp("nothing"))),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        begun = next(line for line in demo.stdout if line.startswith("$ fastsync"))
        demo.send_signal(number)
        rest, _ = demo.communicate(timeout=PATIENCE)  # ends when nobody holds the pipe any more
    assert demo.returncode == code, begun + rest
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_an_argument_is_refused() -> None:
    """The demo takes no arguments: exit code 2, and a sentence."""
    done = fastsync("demo", "--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fastsync: there is no flag --fast; see fastsync demo --help\n"


def test_help() -> None:
    """`--help` says what the demo does, without doing it."""
    done = fastsync("demo", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "DynamoDB emulator" in done.stdout


def test_without_moto(tmp_path: Path) -> None:
    """Where the extra is not installed, the demo says how to install it: exit code 2."""
    (tmp_path / "moto.py").write_text("raise ImportError('no moto here')\n")
    root = Path(__file__).parents[2]
    done = fastsync("demo", PYTHONPATH=f"{tmp_path}:{root}", **servers("moto", tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "fastsync[demo]" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
