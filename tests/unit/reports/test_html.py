"""The page of `fastsync report`: which files it takes, what it counts, and that item data stays data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastsync import cli
from fastsync.errors import ConfigError
from fastsync.model.items.paths import format_path
from fastsync.output.differences.characters import escape, quote_string
from fastsync.reports.html.gather import Gathered
from fastsync.reports.html.page import make_page, render_page
from fastsync.reports.html.segments import BARS, Segments
from fastsync.reports.read import LogLine, ReportEnd, ReportLine, StatisticsFile, read_file

SLAVE = "us-west-2:orders"
STATS: dict[str, Any] = {"complete": True, "master": {"table": "us-east-1:orders"}, "slaves": {SLAVE: {}}, "errors": []}
LOG = {"time": "2026-11-24T02:00:00.000Z", "level": "info", "message": "under way", "scanned": 1, "elapsed_seconds": 2}
END = {"complete": True, "differences": 1}
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028\u2029", "\u202e", "\ud800"]
HOSTILE += ["'\"`${}\\", "{{data}}", "{{script}}", "\0\x1b", "__proto__"]


def difference(key: str = "a", **more: Any) -> dict[str, Any]:
    """Make a line of a report."""
    line = {"slave": SLAVE, "verdict": "differing", "key": {"id": {"S": key}}, "attributes": ["v"]}
    return {**line, "action": "none", "error": None, **more}


def text(*lines: Any) -> str:
    """Write lines of JSON."""
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def data(html: str) -> Any:
    """Give the data of a page, read as a browser does: up to the first thing that ends the block."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', html, re.DOTALL | re.IGNORECASE)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (text(difference(), END), [ReportLine, ReportEnd]),
        (text({"complete": False, "differences": 0}), [ReportEnd]),
        (text(STATS), [StatisticsFile]),
        (json.dumps(STATS, indent=2), [StatisticsFile]),
        (text(LOG, LOG), [LogLine, LogLine]),
        (text(difference(), END, difference(), END), [ReportLine, ReportEnd, ReportLine, ReportEnd]),
        ("", [ReportEnd]),
        (text(difference()), [ReportLine, ReportEnd]),
        (text(difference()) + '{"slave": "us-we', [ReportLine, ReportEnd]),
        ('{"slave": "us-we', [ReportEnd]),
        (text(LOG) + '{"time', [LogLine]),
    ],
)
def test_told_apart(content: str, kinds: list[type], tmp_path: Path) -> None:
    """Files are told apart by what is in them, also where the run was killed while it wrote them."""
    (tmp_path / "x").write_text(content)
    parts = list(read_file(str(tmp_path / "x")))
    assert [type(part) for part in parts] == kinds
    ended = '"complete"' in content[-50:]
    assert all((part.last is not None) is ended for part in parts if isinstance(part, ReportEnd))


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b"null",
        b"\xff\xfe\n",
        b"\0" * 100,
        b"[" * 100_000,
        b'{"slave": 1}\n',
        b'{"complete": "yes"}\n',
        b'{"slave": NaN, "verdict": "extra"}\n',
        b'{"master": {"a": 1e999}, "slaves": {}}',
        b'{"master": {}, "slaves": {"a": null}}',
        text({"slave": SLAVE, "key": {}, "before": None, "after": {}}).encode(),
        text(difference(verdict="same")).encode(),
        text(difference(attributes="v")).encode(),
        text(difference(), "rubbish", END).encode(),
        (text(difference()) + "{broken\n" + text(END)).encode(),
        text(LOG, difference()).encode(),
    ],
)
def test_other_files(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is none of fastsync's is refused with a sentence that names it."""
    (tmp_path / "x").write_bytes(content)
    assert cli.main(["report", str(tmp_path / "x")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert str(tmp_path / "x") in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    ["", "nowhere", ".", "--rows x r", "--rows -1 r", "--what r", "r -o r", "r -o ./r", "r -o no/page", "- -"],
)
def test_wrong_arguments(arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the arguments is told with exit code 2, and no file is touched."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r").write_text(text(END))
    assert cli.main(["report", *arguments.split()]) == 2
    assert (tmp_path / "r").read_text() == text(END)
    assert [file.name for file in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_data_stays_data(hostile: str, tmp_path: Path) -> None:
    """Whatever keys, values, names and messages hold is in the page's data as it was, and nowhere in its markup."""
    item = {hostile: {"S": hostile}}
    line = difference(hostile, attributes=[hostile], error=hostile, slave=hostile, master=item, slave_item={})
    stats = {**STATS, "slaves": {hostile: {}}, "errors": [hostile]}
    (tmp_path / "r").write_text(text(line, END))
    (tmp_path / "s").write_text(text(stats))
    (tmp_path / "l").write_text(text({**LOG, "level": "warning", "message": hostile, "scanned": None}))
    plain, made = tmp_path / "plain.html", tmp_path / "made.html"
    make_page([], str(plain), 10)
    make_page([str(tmp_path / name) for name in "rsl"], str(made), 10)
    assert made.read_bytes().isascii()
    found = data(made.read_text())
    names = ("slave", "verdict", "key", "attributes", "action", "error")
    path, value = escape(format_path((hostile,))), quote_string(hostile)
    assert found["rows"] == [[*(line[name] for name in names), [[path, None, value, False]]]]
    assert found["runs"] == [stats]
    assert found["attributes"] == [[hostile, 1]]
    around = [
        re.sub(r'(id="data">).*?(</script>)', r"\1\2", file.read_text(), count=1, flags=re.DOTALL)
        for file in (plain, made)
    ]
    assert around[0] == around[1]


def test_nothing_is_loaded(tmp_path: Path) -> None:
    """The page's policy forbids everything but its own script and style, and the page refers to nothing outside."""
    html = "".join(render_page(Gathered()))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert re.fullmatch(
        r"default-src 'none'; script-src '[^' ]*'; style-src '[^' ]*'; base-uri 'none'; form-action 'none'", policy[1]
    )
    assert not re.search(r"\b(?:src|href)\s*=|@import|url\(|unsafe", html)


def test_counts_are_whole_where_rows_are_not(tmp_path: Path) -> None:
    """Of many differences only so many are listed; all are counted, and how many are left out is told."""
    lines = [difference(str(number), attributes=["v"] if number % 2 else ["v", "w"]) for number in range(50)]
    (tmp_path / "r").write_text(text(*lines, {"complete": True, "differences": 50}))
    make_page([str(tmp_path / "r")], str(tmp_path / "page"), 20)
    found = data((tmp_path / "page").read_text())
    assert [row[2]["id"]["S"] for row in found["rows"]] == [str(number) for number in range(20)]
    assert found["left_out"] == 30
    assert found["counts"] == {SLAVE: {"differing": 50, "action none": 50}}
    assert found["attributes"] == [["v", 50], ["w", 25]]


def test_reports_of_shards_add_up(tmp_path: Path) -> None:
    """Several reports and statistics go into one page."""
    for shard in "01":
        (tmp_path / f"r{shard}").write_text(text(difference(shard), END))
        (tmp_path / f"s{shard}").write_text(text({**STATS, "shard": f"{shard}/2"}))
    make_page([str(file) for file in sorted(tmp_path.iterdir())], str(tmp_path / "page"), 20)
    found = data((tmp_path / "page").read_text())
    assert found["counts"] == {SLAVE: {"differing": 2, "action none": 2}}
    assert [run["shard"] for run in found["runs"]] == ["0/2", "1/2"]
    assert [report["lines"] for report in found["reports"]] == [1, 1]


def test_a_log_of_two_attempts() -> None:
    """Where a run went on in the log of the one that had stopped, each has a course of its own."""
    gathered = Gathered()
    seconds = [30, 60, 5, 35, "x", None, True]
    gathered.add_file("log", [LogLine({**LOG, "elapsed_seconds": each}) for each in seconds])
    courses = gathered.as_document()["courses"]
    assert [[point["elapsed_seconds"] for point in course] for course in courses] == [[30, 60], [5, 35]]


def segment(number: int, **found: Any) -> dict[str, Any]:
    """Make a log line of a segment of 10 items."""
    line = {"level": "info", "message": "", "time": "", "segment": number, "scanned": 10}
    return {**line, "seconds": 1.5, "found": found}


def bars(*lines: Any) -> Any:
    """Give what the page is told of segments by these log lines."""
    segments = Segments()
    for line in lines:
        segments.add_line(line)
    return segments.as_document()


def test_differences_by_segment() -> None:
    """Each segment has a bar, which tells what was found there on each slave; the last word on a segment counts."""
    lost = {"missing": 9, "differing": 9, "extra": 9}
    told = bars(
        segment(2, a={"missing": 1, "differing": 2, "extra": None}, b=lost),
        segment(0, a={"missing": 3, "differing": 0, "extra": 4}),
        segment(2, b={"missing": 5, "differing": 6, "extra": 7}),
    )
    assert told == {
        "each": 1,
        "segments": 2,
        "last": 2,
        "scanned": [10, 0, 10],
        "slaves": {"a": [[3, 0, 1], [0, 0, 2], [4, 0, 0]], "b": [[0, 0, 5], [0, 0, 6], [0, 0, 7]]},
    }


@pytest.mark.parametrize(("count", "each"), [(BARS, 1), (BARS + 1, 2), (100_000, 834)])
def test_many_segments_share_bars(count: int, each: int) -> None:
    """A chart of any number of segments has few bars, and nothing is lost in them."""
    told = bars(*(segment(number, a={"missing": 1}) for number in range(count)))
    assert told["each"] == each
    assert len(told["scanned"]) <= BARS
    assert (sum(told["scanned"]), sum(told["slaves"]["a"][0])) == (10 * count, count)


@pytest.mark.parametrize("number", [-1, 1.5, "1", None, True, [], 2**60])
def test_lines_that_are_no_segment(number: Any) -> None:
    """What is not the number of a segment draws nothing, and counts that are none are 0."""
    assert bars({**segment(0), "segment": number}) is None
    assert bars({**segment(0, a={"missing": number}, b=number), "scanned": number})["scanned"] == [0]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`fastsync report --help` goes to stdout."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "--help"])
    assert ended.value.code == 0
    assert "--rows" in capsys.readouterr().out


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match="nowhere"):
        make_page([str(tmp_path / "nowhere")], "-", 1)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([END | {"differences": 0}], [("No difference in the report", "good")]),
        ([{"complete": False, "differences": 0}], [("Not known", "unknown")]),
        ([], [("Not known", "unknown")]),
        ([difference(), END], [(f"{SLAVE} differs: 1 difference", "bad")]),
        ([difference(action="written"), END], [(f"{SLAVE} was repaired: 1 difference, none left", "good")]),
        ([difference(action="written")], [(f"{SLAVE} differs: 1 difference so far", "bad")]),
    ],
)
def test_verdict_of_a_report(lines: list[Any], expected: list[tuple[str, str]], tmp_path: Path) -> None:
    """Without statistics the report gives the verdict, and one that was cut short is never good."""
    (tmp_path / "r").write_text(text(*lines))
    make_page([str(tmp_path / "r")], str(tmp_path / "page"), 20)
    told = data((tmp_path / "page").read_text())["verdicts"]
    assert [each["state"] for each in told] == [state for _, state in expected]
    assert all(each["text"].startswith(words) for each, (words, _) in zip(told, expected, strict=True))


def log_line(minute: int, **fields: Any) -> dict[str, Any]:
    """Make a line of a log, written so many minutes after two o'clock."""
    return {"time": f"2026-11-24T02:{minute:02}:00.000Z", "level": "info", "message": "", **fields}


def facts_of(*files: list[Any]) -> Any:
    """Give what the page is told of its logs; each file is given by its lines, or by its statistics."""
    gathered = Gathered()
    for number, lines in enumerate(files):
        gathered.add_file(str(number), [LogLine(line) if "level" in line else StatisticsFile(line) for line in lines])
    document = gathered.as_document()
    return document["facts"], document["runs"]


BEGAN = "2026-11-24T02:00:00.000Z"


def test_facts_of_a_log() -> None:
    """A log tells when its run began and ended, its exit code and its command, and has its statistics once."""
    end = log_line(9, exit_code=1, stats=STATS, command="fastsync -m a -s b")
    facts = {"started": BEGAN, "ended": end["time"], "exit_code": 1, "meaning": "differences remain"}
    expected = {**facts, "command": "fastsync -m a -s b", "run": 0}
    assert facts_of([log_line(0), end], [STATS]) == ([expected], [STATS])
    assert facts_of([STATS], [log_line(0), end]) == ([expected], [STATS])
    assert facts_of([log_line(0), end]) == ([expected], [STATS])
    assert facts_of([log_line(0, exit_code=0, stats={}), log_line(0), end])[0] == [expected]


def test_facts_that_a_log_lacks() -> None:
    """What a log does not tell is left out, and a log is not taken for that of another run."""
    other = {**STATS, "master": {"table": "us-east-1:others"}}
    assert facts_of([log_line(0), log_line(1)]) == ([{"started": BEGAN, "run": None}], [])
    assert facts_of([log_line(0), log_line(1)], [STATS]) == ([{"started": BEGAN, "run": 0}], [STATS])
    assert [log["run"] for log in facts_of([log_line(0)], [log_line(0)], [STATS])[0]] == [None, None]
    assert [log["run"] for log in facts_of([log_line(0, exit_code=0, stats=other)], [STATS])[0]] == [1]
    assert facts_of([log_line(0, exit_code=None, stats={"master": {}, "slaves": {"a": 1}})])[1] == []
