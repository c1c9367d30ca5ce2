"""A report is read line by line, and nothing that is damaged passes for a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import ConfigError, read_report


def line(key: str, **more: Any) -> dict[str, Any]:
    return {
        "slave": "us-west-2:orders",
        "verdict": "missing",
        "key": {"id": {"S": key}},
        "attributes": [],
        "action": "none",
        "error": None,
        **more,
    }


LINES = [line("a"), line("b", verdict="differing", attributes=["n"]), line("c", master={"id": {"S": "c"}})]
END = {"complete": True, "differences": 3}


def write(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return path


def test_lines_as_they_stand(tmp_path: Path) -> None:
    """Each difference is the object of its line; the last line is told apart, and may be asked for."""
    report = read_report(write(tmp_path / "report.jsonl", [*LINES, END]))
    assert report.complete is None
    assert list(report) == LINES
    assert report.complete is True


def test_it_is_read_anew(tmp_path: Path) -> None:
    """A report may be iterated over more than once, and one that was left in the middle is not known to its end."""
    report = read_report(str(write(tmp_path / "report.jsonl", [*LINES, END])))
    assert list(report) == list(report) == LINES
    next(iter(report))
    assert report.complete is None


@pytest.mark.parametrize(
    ("lines", "tail", "complete"),
    [
        ([*LINES, {"complete": False, "differences": 3}], "", False),
        (LINES, "", False),
        (LINES, '{"slave": "us-we', False),
        ([{"complete": True, "differences": 0}], "", True),
        ([], "", False),
    ],
    ids=["incomplete", "without its last line", "cut within a line", "without differences", "empty"],
)
def test_it_tells_whether_it_was_complete(tmp_path: Path, lines: Sequence[Any], tail: str, complete: bool) -> None:
    """A report that was cut short is read as far as it goes, and is not complete."""
    file = write(tmp_path / "report.jsonl", lines)
    file.write_text(file.read_text() + tail)
    report = read_report(file)
    assert list(report) == [each for each in lines if "slave" in each]
    assert report.complete is complete


def test_a_folder_of_parts(tmp_path: Path) -> None:
    """What Spark tasks have written is read in the order of its parts, without what Hadoop puts beside them."""
    for number, lines in enumerate([[LINES[0]], [], LINES[1:], [END]]):
        part = tmp_path / "report" / f"{number:06}"
        part.mkdir(parents=True)
        write(part / "part-00000", lines)
        (part / "_SUCCESS").touch()
        (part / ".part-00000.crc").write_bytes(b"crc\0")
    report = read_report(tmp_path / "report")
    assert (list(report), report.complete) == (LINES, True)


DAMAGED: dict[str, tuple[str, str]] = {
    "a line that is no JSON": (f"{json.dumps(LINES[0])}\n{{oops\n{json.dumps(END)}\n", "line 2"),
    "a line of something else": (f"{json.dumps(LINES[0])}\n[1]\n", "line 2"),
    "a verdict that there is not": (f"{json.dumps(LINES[0])}\n{json.dumps(line('b', verdict='gone'))}\n", "line 2"),
    "a first line that is no JSON": ("oops\n", "neither a report"),
    "a line taken out": (f"{json.dumps(LINES[0])}\n{json.dumps(END)}\n", "says that it has 3 differences, and has 1"),
    "two reports": (2 * (json.dumps({"complete": True, "differences": 0}) + "\n"), "goes on behind the last line"),
    "a log": (json.dumps({"time": "t", "level": "info", "message": "m"}) + "\n", "is not a report"),
    "statistics": (json.dumps({"master": {}, "slaves": {}}), "is not a report"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused(tmp_path: Path, name: str) -> None:
    """That is a ConfigError which names the file, and the line where there is one."""
    text, told = DAMAGED[name]
    file = tmp_path / "report.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        list(read_report(file))
    assert "report.jsonl" in str(caught.value)


def test_what_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    """A path that leads nowhere is an error before the first line is asked for, and so is a folder of other things."""
    for path in (tmp_path / "none.jsonl", "a\0b"):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_report(path)
    with pytest.raises(ConfigError, match="holds no parts"):
        list(read_report(tmp_path))
