"""What a run on Spark finds and does is what a run on processes finds and does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.tables_behind_proxy import World, item
from tests.spark.runs import flags_of, neutral, on_spark
from tests.tables import run_fastsync

MASTER = [item(f"{n:03}", v=n, name=f"täble {n}") for n in range(150)]
FIRST = [*MASTER[:140], *(item(f"x{n}", v=n) for n in range(12))]
SECOND = [item(f"{n:03}", v=n % 70, name=f"täble {n}") for n in range(150)]
CASES: dict[str, dict[str, Any]] = {
    "compare by lookup": {"strategy": "lookup", "scan_for_extra": True},
    "compare by merge, with values": {"strategy": "merge", "scan_for_extra": True, "report_values": True},
    "repair by lookup": {"strategy": "lookup", "write_missing": True, "write_differing": True, "delete_extra": True},
    "repair by merge": {"strategy": "merge", "write_missing": True, "write_differing": True, "delete_extra": True},
    "refused deletes": {"strategy": "merge", "delete_extra": True, "max_deletes": 5},
    "within limits": {"strategy": "merge", "write_missing": True, "max_read_units": 4000, "max_write_units": 4000},
}


@pytest.mark.parametrize("name", CASES)
def test_same_as_processes(name: str, context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """Verdicts, statistics, the lines of the report and the tables afterwards are those of a process pool."""
    options = {"segments": 7, "scan_limit": 5, **CASES[name]}
    here, there = (make_world(MASTER, FIRST, SECOND) for _ in range(2))
    expected = run_fastsync(*here.tables, "--parallel", "2", *flags_of(options), server=here.via)
    ran = on_spark(there, tmp_path / "report", **options)
    assert neutral(ran, there) == neutral(expected, here)
    assert [slave.all() for slave in there.slaves] == [slave.all() for slave in here.slaves]


def test_show_of_the_folder(context: Any, make_world: Callable[..., World], tmp_path: Path) -> None:
    """The folder of a report by Spark is shown as one file of its lines is, and all that the run counted."""
    made, folder, file = make_world(MASTER, FIRST, SECOND), tmp_path / "report", tmp_path / "report.jsonl"
    ran = on_spark(made, folder, strategy="merge", segments=7, scan_for_extra=True, report_values=True)
    file.write_text("".join(part.read_text() for part in sorted(folder.glob("*/part-*"))))
    shown, expected = (run_fastsync("show", str(path), "--full") for path in (folder, file))
    assert (shown.exit_code, shown.stderr) == (0, ""), shown.stderr
    assert shown.stdout == expected.stdout
    assert f"{len(ran.differences)} differences" in shown.stdout.splitlines()
    assert sum(line.startswith(("+ missing", "* differing", "- extra")) for line in shown.stdout.splitlines()) == len(
        ran.differences
    )
