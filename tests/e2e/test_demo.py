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

from tests.build_once import once
from tests.servers import environment

PATIENCE = 300.0
"""Seconds: the demo takes 40 on a machine that does nothing else."""


def fastsync(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastsync", *arguments]
    return subprocess.run(
        command, env=environment(**extra), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@dataclass(frozen=True)
class Shown:
    """What a run of the demo printed, and the files that it left in its temporary folder."""

    text: str
    left: Sequence[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One run of the demo, with hostile settings around it."""
    return once(tmp_path_factory, "demo", lambda: _run(tmp_path_factory.mktemp("temporary")))


@pytest.fixture
def shown(run: Shown) -> str:
    """What it printed."""
    return run.text


def _run(temporary: Path) -> Shown:
    done = fastsync(
        "demo",
        TMPDIR=str(temporary),
        AWS_PROFILE="there-is-none",
        AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
    )
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    return Shown(done.stdout, [each.name for each in temporary.iterdir()])


def test_the_steps_end_as_they_have_to(shown: str) -> None:
    """The demo reports, repairs and looks again, and shows each exit code."""
    assert re.findall(r"^\$ echo \$\?\n(\d+)$", shown, re.MULTILINE) == ["1", "0", "0"]


def test_every_planted_difference_is_found_and_no_other(shown: str) -> None:
    """The first two runs find exactly what was planted; respelled items are the same; the last run finds nothing."""
    found = re.findall(r"^(us-west-2|eu-west-1):orders: (.*)$", shown, re.MULTILINE)
    planted = [
        ("us-west-2", "430 same, 40 missing, 30 differing, 20 extra"),
        ("eu-west-1", "473 same, 15 missing, 12 differing, 8 extra"),
    ]
    equal = [(region, "500 same, 0 missing, 0 differing, 0 extra") for region, _ in planted]
    assert found == planted * 2 + equal


def test_every_difference_is_repaired(shown: str) -> None:
    """The second run writes and deletes all of them."""
    assert re.findall(r"^  of these (.*)$", shown, re.MULTILINE) == ["70 written, 20 deleted", "27 written, 8 deleted"]


def test_the_report_is_shown(shown: str) -> None:
    """The first lines of the report appear, and the last, which says that it is whole."""
    assert len(re.findall(r'^{"slave": "[a-z0-9-]+:orders", "verdict": ', shown, re.MULTILINE)) == 4
    assert '\n{"complete": true, "differences": 125}\n' in shown


def test_commands_can_be_read_and_copied(shown: str) -> None:
    """Every command is shown as a user would type it."""
    commands = re.findall(r"^\$ fastsync (.*)$", shown, re.MULTILINE)
    assert [("--write-missing" in each, "--report" in each) for each in commands] == [
        (False, True),
        (True, False),
        (False, False),
    ]
    assert all("--master us-east-1:orders --slave us-west-2:orders" in each for each in commands)


def test_plain_text_where_there_is_no_terminal(shown: str) -> None:
    """No escape codes and no bar are printed into a pipe."""
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_nothing_is_left_behind(run: Shown) -> None:
    """The demo removes its temporary files."""
    assert run.left == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_it(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """A signal ends the demo, its step and its workers soon, with the signal's exit code, and leaves nothing behind."""
    command = [sys.executable, "-m", "fastsync", "demo"]
    with subprocess.Popen(
        command,
        env=environment(TMPDIR=str(tmp_path)),
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
    assert done.stderr == "fastsync: fastsync demo takes no arguments, but was given '--fast'\n"


def test_help() -> None:
    """`--help` says what the demo does, without doing it."""
    done = fastsync("demo", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "DynamoDB emulator" in done.stdout


def test_without_moto(tmp_path: Path) -> None:
    """Where the extra is not installed, the demo says how to install it: exit code 2."""
    (tmp_path / "moto.py").write_text("raise ImportError('no moto here')\n")
    root = Path(__file__).parents[2]
    done = fastsync("demo", PYTHONPATH=f"{tmp_path}:{root}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "fastsync[demo]" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
