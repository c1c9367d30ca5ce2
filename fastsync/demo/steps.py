"""The steps of the demonstration: each is one run of the command line, shown as a user would type it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastsync.demo.orders import SlavePlan, make_copy, make_order
from fastsync.demo.servers import Server
from fastsync.demo.tables import fill_tables
from fastsync.errors import Interrupted

MASTER, WEST, EUROPE = "us-east-1:orders", "us-west-2:orders-west", "eu-west-1:orders-europe"
"""Their names differ, since not every emulator keeps regions apart."""
PLANS = {WEST: SlavePlan(20, 15, 10, 12), EUROPE: SlavePlan(8, 6, 4, 12)}
"""What differs on each slave, of a thousand orders."""
TABLES = ("-m", MASTER, "-s", WEST, "-s", EUROPE)
REPORT, CHOSEN, UNDO_LOG = "differences.jsonl", "chosen.jsonl", "chosen.undo"
LEFT_OUT = '"extra"'
"""What is left out of the report for the second repair: deletes are not for everybody's first hour."""
ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
PATIENCE = 2.0
"""Seconds that a step may take to end after each signal."""


@dataclass(frozen=True)
class Step:
    """One run of the command line: its purpose, its words in lines as they are shown, and the exit code it must have.

    `choose`: lines of the report are chosen first.
    """

    purpose: str
    lines: tuple[tuple[str, ...], ...]
    exit_code: int
    choose: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """All words of the command."""
        return tuple(word for line in self.lines for word in line)


PARALLEL = ("--parallel", "2")
WRITES = ("--write-missing", "--write-differing")
STEPS = (
    Step(
        "What differs? This run only reads.",
        (TABLES, (*PARALLEL, "--scan-for-extra", "--report", REPORT, "--report-values")),
        1,
    ),
    Step("What would a repair change? The first three, path by path.", (("show", REPORT, "--limit", "3"),), 0),
    Step(
        "Choose from the report, and repair just that, as long as it still is as reported.",
        (TABLES, ("--keys", CHOSEN, "--if-unchanged", *WRITES, "--undo-log", UNDO_LOG)),
        0,
        choose=True,
    ),
    Step("That was a mistake? Undo it.", (("undo", UNDO_LOG),), 0),
    Step("Make both slaves equal to the master.", (TABLES, (*PARALLEL, *WRITES, "--delete-extra", "--yes")), 0),
    Step("Look again: is everything in sync now?", (TABLES, (*PARALLEL, "--scan-for-extra")), 0),
)


def run_steps(server: Server, folder: Path) -> int:
    """Fill the tables and run every step in a folder; return 0 where each ended as it has to, else 1."""
    plans = {name: plan.scaled(server.orders) for name, plan in PLANS.items()}
    _print_line(f"Three tables on the emulator {server.name}: a master with {server.orders:,} orders, and two slaves.")
    for name, plan in plans.items():
        _print_line(
            f"  {name}: {plan.missing} items are missing, {plan.differing} differ, {plan.extra} are extra;"
            f"\n    {plan.respelled} more are only spelled differently (sets in another order, 1.5 as 1.50),"
            " which is no difference"
        )
    if server.remark is not None:
        _print_line(server.remark)
    orders = [make_order(number) for number in range(server.orders)]
    fill_tables(server.url, {MASTER: orders, **{name: [*make_copy(orders, name, plans[name])] for name in plans}})
    _print_line(f"\n$ export {ENDPOINT}={server.url}")
    for step in STEPS:
        code = _run_step(step, server, folder)
        if code != step.exit_code:
            _print_line(f"\nThe demo failed: that run ended with exit code {code}, not {step.exit_code}.")
            return 1
    _print_line("\nThe demo is over: every run ended as it has to. The tables were in memory and are gone.")
    return 0


def _run_step(step: Step, server: Server, folder: Path) -> int:
    """Run one step as a process of its own, show its command and output, and return its exit code."""
    _print_line(f"\n{step.purpose}\n")
    if step.choose:
        _choose_lines(folder)
    shown = " \\\n    ".join(map(shlex.join, step.lines))
    _print_line(f"$ fastsync {shown}")
    # stderr goes where stdout goes: a bar on a terminal, plain lines elsewhere
    command = [sys.executable, "-m", "fastsync", *step.words]
    known = {**os.environ, ENDPOINT: server.url}
    with subprocess.Popen(command, cwd=folder, env=known, stderr=subprocess.STDOUT) as process:
        try:
            code = process.wait()
        except Interrupted:
            _stop_process(process)
            raise
    _print_line(f"$ echo $?\n{code}")
    return code


def _choose_lines(folder: Path) -> None:
    """Choose lines of the report, as the command that is shown does."""
    _print_line(f"$ grep -v '{LEFT_OUT}' {REPORT} > {CHOSEN}")
    with (folder / REPORT).open(encoding="utf-8") as lines, (folder / CHOSEN).open("w", encoding="utf-8") as chosen:
        chosen.writelines(line for line in lines if LEFT_OUT not in line)


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    """End a step that is running: the first signal lets it finish its page, the second ends it at once."""
    for _ in range(2):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return
    process.kill()


def _print_line(text: str) -> None:
    print(text, flush=True)
