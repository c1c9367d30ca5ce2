"""What a person at a terminal is told while a run waits, and of a table that is not ready."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import HASTE, item
from tests.servers import environment
from tests.tables import ROOT


@pytest.mark.parametrize("command", ["", "estimate"])
def test_an_endpoint_that_is_silent(make_world: MakeWorld, command: str) -> None:
    """After some seconds without an answer the table that keeps the run waiting is named, and no other."""
    made = make_world([item("a")], [item("a")])
    made.proxy.add(faults.delayed(14), "DescribeTable", table=made.slave.name, nth=(1,))
    words = [*command.split(), *made.tables, *HASTE, "--endpoint-url", made.proxy.url]
    done = subprocess.run(
        [sys.executable, "-m", "fastsync", *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    waiting = [line for line in done.stderr.splitlines() if line.startswith("waiting for an answer of")]
    assert waiting == [f"waiting for an answer of {made.slave} at {made.proxy.url}"]


def test_an_endpoint_that_falls_silent(make_world: MakeWorld) -> None:
    """Once no page has come for some seconds in the middle of a run, that is told once, with the tables."""
    made = make_world([item("a")], [item("a")])
    made.proxy.add(faults.delayed(14), "Scan", table=made.slave.name)
    ran = made.run("--strategy", "merge")
    assert ran.exit_code == 0, ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("no page has come for 1")]
    assert str(made.slave) in line
    assert made.proxy.url in line


@pytest.mark.parametrize(
    "state", ["CREATING", "ARCHIVING", "ARCHIVED", "DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"]
)
def test_a_table_that_cannot_be_read(make_world: MakeWorld, state: str) -> None:
    """A table whose items cannot be read is named with its state (3), and nothing is read."""
    made = make_world([item("a")], [item("a")])
    made.proxy.add(_in_state(state), "DescribeTable", table=made.slave.name)
    ran = made.run()
    assert ran.exit_code == 3
    assert f"{made.slave} cannot be read: it is {state}" in ran.stderr
    assert made.proxy.of("Scan") == []


def test_a_table_that_is_updating(make_world: MakeWorld) -> None:
    """A table that is UPDATING is compared as ever."""
    made = make_world([item("a")], [item("a")])
    made.proxy.add(_in_state("UPDATING"), "DescribeTable")
    assert made.run().exit_code == 0


def _in_state(state: str) -> Fault:
    def change(exchange: Exchange) -> Reply:
        body = exchange.forward().json
        body["Table"]["TableStatus"] = state
        return faults.answer(body)

    return change


def test_a_bar_beside_many_lines(make_world: MakeWorld) -> None:
    """On a terminal --verbose does not draw the bar anew around each line, and the bar is there at the end."""
    made = make_world([item(f"{n:03}") for n in range(500)], [])
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command = [sys.executable, "-m", "fastsync", *made.tables, "--endpoint-url", made.proxy.url, "--verbose"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = _read_all(ours).decode()
        assert process.wait(30) == 1
    assert shown.count("+ missing") == 500
    assert "500/500" in shown
    assert shown.count("items/s") < 100


def _read_all(descriptor: int) -> bytes:
    found = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # nobody has the other end open any more
            return found
        found += chunk
