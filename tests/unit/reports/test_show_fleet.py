"""fastsync show over the folder of a fleet: the reports of all pairs, and as Markdown a table of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastsync import cli

SLAVE = {"missing": 1, "differing": 0, "extra": None, "written": 0, "deleted": 0}
LINE: dict[str, object] = {
    "slave": "us-west-2:a",
    "verdict": "missing",
    "key": {"id": {"S": "k1"}},
    "attributes": [],
    "action": "none",
    "error": None,
}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """The folder of a fleet of two pairs, one of which could not be compared."""
    stats = {"master": {"scanned": 7}, "slaves": {"us-west-2:a": SLAVE}}
    pairs = [
        {"name": "a", "exit_code": 1, "seconds": 1.25, "stats": stats},
        {"name": "b", "exit_code": 3, "seconds": 0.1, "stats": None},
    ]
    (tmp_path / "fleet.json").write_text(json.dumps({"tables": pairs}))
    end = {"complete": True, "differences": 1}
    (tmp_path / "a.report.jsonl").write_text(f"{json.dumps(LINE)}\n{json.dumps(end)}\n")
    return tmp_path


def test_markdown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A summary of CI has a table of all pairs, the worst first, and then the differences."""
    assert cli.main(["show", str(folder), "--format", "markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "| <code>b</code> | - | - | - | - | - | 0.1 | 3 |",
        "| <code>a</code> | 7 | 1 | 0 | - | 0 | 1.2 | 1 |",
    ]
    assert any("k1" in line for line in lines)


@pytest.mark.parametrize("form", ["text", "csv"])
def test_other_forms(form: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text and CSV show the differences of all pairs."""
    assert cli.main(["show", str(folder), "--format", form]) == 0
    assert "k1" in capsys.readouterr().out


def test_a_damaged_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fleet.json that no fleet has written is told in one sentence."""
    (folder / "fleet.json").write_text('{"tables": [1]}')
    assert cli.main(["show", str(folder)]) == 2
    assert "is not what a fleet has written" in capsys.readouterr().err
