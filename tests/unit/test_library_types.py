"""A program that uses the library is checked by mypy --strict, as its author would check it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from tests.build_once import once
from tests.tables import ROOT

START = """\
from pathlib import Path
from typing import cast

from fastsync import (
    Action, Difference, Flags, Percent, Policy, Progress, Result, Stats, Synchronizer, TableRef, Verdict, read_report
)

MASTER, SLAVES = "us-east-1:orders", ["us-west-2:orders"]
"""
GOOD = """\


class NewerWins(Policy):
    def resolve(self, difference: Difference) -> Action:
        return Action.LEAVE if "draft" in difference.attributes else Action.REPAIR


class Session:
    def get_credentials(self) -> object: ...


def draw(progress: Progress) -> None:
    share: float = progress.scanned / (progress.expected or 1)
    left: int = progress.segments - progress.segments_done
    print(share, left, progress.differences)


night: Flags = {"parallel": 4, "write_missing": True}
synchronizer = Synchronizer(
    TableRef.parse(MASTER, session=Session()),
    SLAVES,
    session=Session(),
    slave_session=None,
    policy=NewerWins(),
    listeners=[print],
    ignore=("lastModified", "seen"),
    strategy="merge",
    max_deletes="10%",
    max_read_units=2.5,
    max_write_units="25%",
    report=Path("report.jsonl"),
    stats="-",
    checkpoint=None,
    progress=draw,
)
Synchronizer(MASTER, SLAVES, **night)
Synchronizer(MASTER, "us-west-2:orders", ignore="lastModified", max_deletes=10, max_read_units=cast(Percent, "2.5%"))
result: Result = synchronizer.run()
stats: Stats = result.stats
same: int = stats["slaves"]["us-west-2:orders"]["same"]
extra: int | None = stats["slaves"]["us-west-2:orders"]["extra"]
scanned: int = result.statistics.master.scanned
missing: int = result.statistics.slaves["us-west-2:orders"].missing
sentences: list[str] = result.errors + result.warnings + result.notes
for difference in synchronizer.differences():
    key: str = difference.key["id"]["S"]
    if difference.verdict is Verdict.MISSING:
        synchronizer.cancel()
report = read_report(Path("report.jsonl"))
keys: list[str] = [line["key"]["id"]["S"] for line in report if line["verdict"] == "missing"]
whole: bool | None = report.complete
assert result.exit_code == 0 and result.complete
"""
BAD = {
    "a flag that is misspelt": ("Synchronizer(MASTER, SLAVES, paralel=4)", 'did you mean "parallel"?'),
    "another flag that is misspelt": ("Synchronizer(MASTER, SLAVES, write_mising=True)", "write_missing"),
    "a number of deletes in words": ('Synchronizer(MASTER, SLAVES, max_deletes="ten")', '"max_deletes"'),
    "a number of deletes as text": ('Synchronizer(MASTER, SLAVES, max_deletes="10")', '"max_deletes"'),
    "a share above all": ('Synchronizer(MASTER, SLAVES, max_read_units="101%")', '"max_read_units"'),
    "a number as text": ('Synchronizer(MASTER, SLAVES, parallel="4")', '"parallel"'),
    "a fraction of processes": ("Synchronizer(MASTER, SLAVES, parallel=1.5)", '"parallel"'),
    "a switch in words": ('Synchronizer(MASTER, SLAVES, write_missing="yes")', '"write_missing"'),
    "nothing where something is needed": ("Synchronizer(MASTER, SLAVES, max_retries=None)", '"max_retries"'),
    "a strategy that there is not": ('Synchronizer(MASTER, SLAVES, strategy="lookups")', "'lookup'"),
    "an executor that there is not": ('Synchronizer(MASTER, SLAVES, executor="threads")', "'processes'"),
    "no slave": ("Synchronizer(MASTER)", "slaves"),
    "a policy that is none": ("Synchronizer(MASTER, SLAVES, policy=print)", "Policy"),
    "a listener that takes nothing": (
        "Synchronizer(MASTER, SLAVES, listeners=[lambda: None])",
        "Callable[[Difference], object]",
    ),
    "a counter that there is not": ('Synchronizer(MASTER, SLAVES).run().stats["slaves"]["x"]["sane"]', '"sane"'),
    "text from a counter": ('text: str = Synchronizer(MASTER, SLAVES).run().stats["slaves"]["x"]["same"]', '"int"'),
    "a session that is a profile": ('Synchronizer(MASTER, SLAVES, session="prod")', '"session"'),
    "a listener to progress that takes a number": (
        "def draw(done: int) -> None: ...\nSynchronizer(MASTER, SLAVES, progress=draw)",
        '"progress"',
    ),
    "a line's name that there is not": ('[line["keys"] for line in read_report("report.jsonl")]', '"keys"'),
    "a number of lines from a report": ('len(read_report("report.jsonl"))', "len"),
    "a verdict that there is not": ("Verdict.GONE", '"GONE"'),
}
"""Lines that are wrong, each with what mypy has to say of it."""


@dataclass(frozen=True)
class Checked:
    """What mypy said: of the program that is right, and of each line that is wrong."""

    good: str
    bad: dict[str, str]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """Both programs, checked in a folder of their own, as programs that are not part of this project."""
    return once(tmp_path_factory, "library-types", lambda: _check(tmp_path_factory.mktemp("programs")))


def _check(folder: Path) -> Checked:
    lines = [line for line, _ in BAD.values()]
    (folder / "good.py").write_text(START + GOOD)
    (folder / "bad.py").write_text(START + "\n".join(lines) + "\n")
    # mypy does not follow the import hooks of an editable installation; nothing is said of what it finds by its path
    known = {**os.environ, "MYPYPATH": str(ROOT)}
    flags = ("--strict", "--no-error-summary", "--follow-imports=silent")
    command = [sys.executable, "-m", "mypy", *flags, "good.py", "bad.py"]
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    first = list(accumulate((line.count("\n") + 1 for line in lines), initial=START.count("\n")))[1:]
    told = [re.match(r"bad\.py:(\d+): error: (.*)", line) for line in done.stdout.splitlines()]
    by_line = {int(found[1]): found[2] for found in told if found}
    good = "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith("bad.py"))
    return Checked(good, {name: by_line.get(number, "") for number, name in zip(first, BAD, strict=True)})


def test_a_good_program_passes(checked: Checked) -> None:
    """A program that is right has no error, and fastsync is known to it by its types."""
    assert checked.good == ""


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_line_is_reported(checked: Checked, name: str) -> None:
    """What would fail when the program runs is seen before."""
    assert BAD[name][1] in checked.bad[name]
