"""`fastsync show`: reports as text, CSV and Markdown, from the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync.reports.show.markdown import MOST_BYTES
from tests.e2e.cases import SS, L, M, N, S
from tests.servers import Server, environment
from tests.tables import ROOT, Ran, create_table, put_items, run_fastsync, unique
from tests.terminal import STDOUT, run_on_terminal

A, B = "us-west-2:a", "us-west-2:b"
END = {"complete": True, "differences": 1}
FORMATS = ("text", "markdown", "csv")
EVIL = '=\x1b[31m\n\t\r\x7f\x85\u2028\u202e\u200f\ud800```|<b></details></code></pre>\\"'


def line(verdict: str = "differing", key: str = "a", slave: str = A, **more: Any) -> dict[str, Any]:
    """Make a line of a report."""
    made = {"slave": slave, "verdict": verdict, "key": {"pk": {"S": key}, "sk": {"N": "7"}}, "attributes": []}
    return {**made, "action": "none", "error": None, **more}


def differing(name: str, old: Any, new: Any, **more: Any) -> dict[str, Any]:
    """Make the line of an item of which one attribute differs."""
    return line(attributes=[name], master={name: new}, slave_item={name: old}, **more)


def text(*lines: Any) -> str:
    """Write a report."""
    return "".join(f"{json.dumps(each)}\n" for each in lines)


@pytest.fixture
def report(tmp_path: Path) -> str:
    """A report of two slaves, with values."""
    path = tmp_path / "report.jsonl"
    lines = [
        differing("status", S("old"), S("new"), action="written"),
        line("missing", "b", master={"pk": S("b"), "v": N(1)}, slave_item=None),
        line("extra", "c", B, action="failed", error="too large", master=None, slave_item={"pk": S("c"), "v": N(2)}),
        differing("total", N(1), N(-5), slave=B, key="d", action="contended", error="it changed"),
    ]
    path.write_text(text(*lines, {"complete": True, "differences": 4}))
    return str(path)


def show(*arguments: str) -> Ran:
    """Show reports; all goes well, and nothing is told besides."""
    ran = run_fastsync("show", *arguments)
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """A master and a slave with a difference of each kind, as arguments."""
    keys = (("pk", "S"), ("sk", "N"))
    master, slave = unique(), unique()
    arguments: tuple[str, ...] = ("-m", create_table(dynoxide, "us-east-1", master, keys))
    arguments += ("-s", create_table(dynoxide, "us-west-2", slave, keys))
    new = {
        "lines": L(M(qty=N(1)), M(qty=N(4))),
        "tags": SS("b", "c"),
        "price": S("549.9"),
        "note": S("hi"),
        "n": N("1.50"),
    }
    old = {
        "lines": L(M(qty=N(1)), M(qty=N(3))),
        "tags": SS("b", "a"),
        "price": N("549.9"),
        "was": M(a=N(1)),
        "n": N("1.5"),
    }
    put_items(
        dynoxide, "us-east-1", master, [{"pk": S("a"), "sk": N(7), **new}, {"pk": S("gone"), "sk": N(1), "v": N(5)}]
    )
    put_items(dynoxide, "us-west-2", slave, [{"pk": S("a"), "sk": N(7), **old}, {"pk": S("left"), "sk": N(2)}])
    return arguments


def test_a_run(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """The report of a run is shown path by path, the counts first, and as what a repair would change."""
    path, slave = str(tmp_path / "r.jsonl"), tables[3]
    run_fastsync(*tables, "--scan-for-extra", "--report-values", "--report", path, server=dynoxide)
    first, total, counts, empty, *blocks = show(path).stdout.splitlines()
    assert first.startswith("slave → master")
    assert (total, counts, empty) == ("3 differences", f"{slave}: 1 missing, 1 differing, 1 extra", "")
    block = [
        f'* differing {slave} {{"pk":"a","sk":7}}',
        "    lines[1].qty  3 → 4",
        '  + note  "hi"',
        '    price  549.9 → "549.9"',
        '    tags  - "a"',
        '    tags  + "c"',
        '  - was  {"a": 1}',
    ]
    start = blocks.index(block[0])
    assert blocks[start : start + len(block)] == block
    assert f'+ missing {slave} {{"pk":"gone","sk":1}}' in blocks
    assert f'- extra {slave} {{"pk":"left","sk":2}}' in blocks
    assert len(blocks) == len(block) + 2
    full = show(path, "--full").stdout.splitlines()
    assert "  + v  5" in full
    assert '  - pk  "left"' in full


def test_a_run_as_a_table(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """In CSV there is a row for each path, and one without a path for an item that one side lacks."""
    path, slave = str(tmp_path / "r.jsonl"), tables[3]
    run_fastsync(*tables, "--scan-for-extra", "--report-values", "--report", path, server=dynoxide)
    shown = show(path, "--format", "csv").stdout
    assert shown.splitlines()[0] == "slave,verdict,key,path,master,slave_item,action,error"
    rows = {(row["verdict"], row["path"]): row for row in csv.DictReader(io.StringIO(shown))}
    assert set(rows) == {("missing", ""), ("extra", "")} | {
        ("differing", name) for name in ("lines[1].qty", "note", "price", "tags", "was")
    }
    assert rows["differing", "lines[1].qty"] == {
        "slave": slave,
        "verdict": "differing",
        "key": '{"pk":"a","sk":7}',
        "path": "lines[1].qty",
        "master": "4",
        "slave_item": "3",
        "action": "none",
        "error": "",
    }
    assert (rows["differing", "note"]["master"], rows["differing", "note"]["slave_item"]) == ("hi", "")
    assert (rows["differing", "price"]["master"], rows["differing", "price"]["slave_item"]) == ('"549.9"', "549.9")
    assert rows["missing", ""]["master"] == '{"pk": "gone", "sk": 1, "v": 5}'


def test_without_values(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """Where the report has no values the attributes are named, and it is told how to get values."""
    path = str(tmp_path / "r.jsonl")
    run_fastsync(*tables, "--report", path, server=dynoxide)
    shown = show(path).stdout
    assert "--report-values" in shown
    assert '{"pk":"a","sk":7} in lines, note, price, tags, was' in shown
    assert "--report-values" in show(path, "--format", "markdown").stdout
    assert "--report-values" in run_fastsync("show", path, "--format", "csv").stderr
    assert "--report-values" not in show(path, "--verdict", "missing").stdout


FILTERS: list[tuple[list[str], str, str]] = [
    ([], "abcd", "4 differences"),
    (["--verdict", "missing"], "b", "1 of 4 differences"),
    (["--verdict", "missing", "--verdict=extra"], "bc", "2 of 4 differences"),
    (["--slave", B], "cd", "2 of 4 differences"),
    (["--slave", A, "--slave", B], "abcd", "4 of 4 differences"),
    (["--slave", "us-west-2:none"], "", "0 of 4 differences"),
    (["--attribute", "status"], "a", "1 of 4 differences"),
    (["--attribute", "status", "--attribute", "total"], "ad", "2 of 4 differences"),
    (["--attribute", "total", "--slave", A], "", "0 of 4 differences"),
    (["--action", "none"], "b", "1 of 4 differences"),
    (["--action", "failed", "--action", "contended", "--verdict", "differing"], "d", "1 of 4 differences"),
    (["--limit", "1"], "a", "4 differences"),
    (["--limit", "0"], "", "4 differences"),
    (["--limit", "1", "--slave", B], "c", "2 of 4 differences"),
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("flags", "expected", "total"), FILTERS, ids=[" ".join(each[0]) or "none" for each in FILTERS])
def test_filters(flags: list[str], expected: str, total: str, form: str, report: str) -> None:
    """One flag given twice lets more through, two flags less; the counts say how many of how many."""
    ran = run_fastsync("show", report, *flags, "--format", form)
    assert ran.exit_code == 0
    assert "".join(re.findall(r'"+pk"+:"+(\w)"', ran.stdout)) == expected
    left_out = int(total.split(maxsplit=1)[0]) - len(expected)
    if form == "csv":
        assert (str(left_out) in ran.stderr) is (left_out > 0)
    else:
        assert total in ran.stdout
        last = ran.stdout.splitlines()[-1]
        assert last.startswith(f"{left_out} more difference") is (left_out > 0)


def test_counts_by_slave(report: str) -> None:
    """Every slave has its counts by verdict, of how many where there are filters, and what was done."""
    assert show(report).stdout.splitlines()[1:6] == [
        "4 differences",
        f"{A}: 1 missing, 1 differing, 0 extra",
        "  of these 1 written",
        f"{B}: 0 missing, 1 differing, 1 extra",
        "  of these 1 contended, 1 failed",
    ]
    assert show(report, "--verdict", "extra").stdout.splitlines()[1:5] == [
        "1 of 4 differences",
        f"{A}: 0 of 1 missing, 0 of 1 differing, 0 of 0 extra",
        f"{B}: 0 of 0 missing, 0 of 1 differing, 1 of 1 extra",
        "  of these 1 failed",
    ]


HOSTILE = {
    "everywhere": line(
        slave=EVIL,
        key=EVIL,
        attributes=[EVIL],
        action=EVIL,
        error=EVIL,
        master={EVIL: M(**{EVIL: SS(EVIL, "a")})},
        slave_item={EVIL: M(**{EVIL: SS("b")})},
    ),
    "a name of a key": {**line("missing"), "key": {EVIL: {"S": EVIL}}, "master": {EVIL: S(EVIL)}},
    "without values": line(attributes=[EVIL]),
    "in values that are none": differing("a", {"S": {EVIL: EVIL}}, {EVIL: [EVIL]}),
}


@pytest.mark.parametrize("full", [(), ("--full",)], ids=str)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_data(hostile: Any, form: str, full: Sequence[str], tmp_path: Path) -> None:
    """Whatever data holds, no unseen character is printed, no formula, and nothing ends the code that it stands in."""
    folder = tmp_path / "\x1b[31m\u202e"
    folder.mkdir()
    (folder / "r").write_text(text(hostile))
    ran = run_fastsync("show", str(folder / "r"), "--format", form, *full)
    assert ran.exit_code == 0
    for shown in (ran.stdout, ran.stderr):
        assert all(each.isprintable() for each in shown.split("\n"))
        assert "Traceback" not in shown
    if form == "csv":
        for row in csv.reader(io.StringIO(ran.stdout)):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    elif form == "markdown":
        assert ran.stdout.count("</details>") == ran.stdout.count("<details>") == 1
        assert set(re.findall(r"</?\w+>", ran.stdout)) <= set(re.findall(r"</?\w+>", MARKUP))
        blocks = ran.stdout[ran.stdout.index("<details>") : ran.stdout.index("</details>")]
        assert "\n\n" not in blocks
        before = ran.stdout[: ran.stdout.index("<details>")]
        assert "```" not in before


MARKUP = "<details><summary><code></code></summary><pre></pre></details>"

FORMULAS = {
    "a formula": (S("=1+1"), "'=1+1"),
    "a sign": (S("+1"), "'+1"),
    "a text of a negative number": (S("-5"), "'-5"),
    "a negative number": (N(-5), "-5"),
    "an at sign": (S("@SUM(A1)"), "'@SUM(A1)"),
    "a tab": (S("\t=1"), "'\\t=1"),
    "a carriage return": (S("\r=1"), "'\\r=1"),
    "a plain text": (S('it\'s, "so"'), 'it\'s, "so"'),
    "a text that looks like a number": (S("5"), '"5"'),
    "a text that looks like nothing": (S(""), '""'),
    "a text that looks like a map": (S("{}"), '"{}"'),
}


@pytest.mark.parametrize("case", FORMULAS.values(), ids=FORMULAS)
def test_formulas(case: tuple[Any, str], tmp_path: Path) -> None:
    """No cell is taken for a formula, and numbers stay numbers."""
    value, expected = case
    (tmp_path / "r").write_text(text(differing("=a", S("x"), value), END))
    (row,) = csv.DictReader(io.StringIO(show(str(tmp_path / "r"), "--format", "csv").stdout))
    assert (row["path"], row["master"], row["slave_item"]) == ("'=a", expected, "x")


def test_markdown_is_bounded(tmp_path: Path) -> None:
    """A summary has at most 100 blocks and less than a megabyte, and says what it leaves out."""
    path = tmp_path / "r"
    path.write_text(text(*(differing("a", N(1), N(2), key=str(number)) for number in range(150)), END))
    shown = show(str(path), "--format", "markdown").stdout
    assert shown.count("<details>") == 100
    assert shown.splitlines()[-1].startswith("50 more differences are not shown")
    path.write_text(text(*(differing("a", S("<" * 60_000), S("é" * 60_000)) for _ in range(20)), END))
    shown = show(str(path), "--format", "markdown", "--full").stdout
    assert len(shown.encode()) <= MOST_BYTES
    count = shown.count("<details>")
    assert 0 < count < 20
    assert shown.splitlines()[-1].startswith(f"{20 - count} more differences are not shown")


def test_streams_and_several_files(report: str, tmp_path: Path) -> None:
    """Reports come through stdin and pipes too, several at once; the counts are of all of them and come first."""
    (tmp_path / "two").write_text(text(line("missing", "z", "us-west-2:z"), END))
    for script in ('cat "$1" | "$0" -m fastsync show - "$2"', '"$0" -m fastsync show <(cat "$1") - < "$2"'):
        ran = subprocess.run(
            ["bash", "-c", script, sys.executable, report, str(tmp_path / "two")],
            capture_output=True,
            cwd=ROOT,
            env=environment(PYTHONIOENCODING="utf-8"),
            check=False,
            text=True,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.splitlines()[1] == "5 differences"
        assert "us-west-2:z: 1 missing, 0 differing, 0 extra" in ran.stdout.splitlines()[2:7]
        assert ran.stdout.index("us-west-2:z") < ran.stdout.index('{"pk":"a"')


def test_a_folder_of_spark(tmp_path: Path) -> None:
    """The numbered parts of a folder are one report; a folder without its end was cut short; another one is refused."""
    for number, lines in ((0, [line(key="a")]), (2, []), (10, [line(key="c")]), (9, [line("missing", "b")])):
        part = tmp_path / "folder" / f"{number:06}"
        part.mkdir(parents=True)
        (part / "_SUCCESS").touch()
        (part / ".part-00000.crc").write_bytes(b"\0\1")
        (part / "part-00000").write_text(text(*lines))
    folder = str(tmp_path / "folder")
    ran = run_fastsync("show", folder)
    assert "cut short" in ran.stderr
    assert re.findall(r'{"pk":"(\w)"', ran.stdout) == ["a", "b", "c"]
    last = tmp_path / "folder" / "000011"
    last.mkdir()
    (last / "part-00000").write_text(text({"complete": True, "differences": 3}))
    assert re.findall(r'{"pk":"(\w)"', show(folder).stdout) == ["a", "b", "c"]
    (last / "part-00000").write_text("hello\n")
    ran = run_fastsync("show", folder)
    assert ran.exit_code == 2
    assert "000011/part-00000" in ran.stderr
    assert run_fastsync("show", str(tmp_path)).exit_code == 2


STATS = {"complete": True, "master": {"table": "us-east-1:a"}, "slaves": {}, "errors": []}
LOG = {"time": "2026-11-24T02:00:00.000Z", "level": "info", "message": "x"}
DEEP = '{"slave":"s","verdict":"missing","key":{},"attributes":[],"action":"none","error":null,"master":{"a":%s1%s}}\n'
BAD: dict[str, tuple[Sequence[str], str]] = {
    "no file": (["nowhere"], "nowhere"),
    "no report": (["text"], "text"),
    "statistics": (["stats"], "stats is no report"),
    "a log": (["log"], "log is no report"),
    "a bad line": (["bad"], "bad is neither a report"),
    "a bad line beside a report": (["good", "bad"], "from its line 2 on"),
    "a line nested too deeply": (["deep"], "deep"),
    "stdin twice": (["-", "-"], "once"),
    "a verdict": (["good", "--verdict", "extras"], "is 'extra' meant?"),
    "same": (["good", "--verdict", "same"], "missing, differing or extra"),
    "an action": (["good", "--action", "slave_newer"], "is 'slave-newer' meant?"),
    "a format": (["good", "--format", "md"], "text, markdown or csv"),
    "a limit": (["good", "--limit", "-1"], "--limit"),
    "half a limit": (["good", "--limit", "1.5"], "--limit"),
    "a colour": (["good", "--color", "red"], "--color"),
    "a flag": (["good", "--slaves", "x"], "--slaves"),
    "nothing": ([], "FILE"),
    "an empty name": ([""], "FILE"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_input(case: tuple[Sequence[str], str], tmp_path: Path) -> None:
    """What cannot be shown is refused in one sentence, before anything is printed."""
    files = {"text": "hello\n", "stats": json.dumps(STATS), "log": text(LOG), "good": text(line(), END)}
    files |= {"bad": text(line()) + "hello\n", "deep": DEEP % ('{"L":[' * 800, "]}" * 800)}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    arguments, expected = case
    ran = run_fastsync("show", *arguments, cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran
    assert expected in ran.stderr


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (text(line()), "was cut short"),
        (text(line()) + '{"slave": "us-we', "was cut short"),
        ("", "was cut short"),
        (text(line(), {"complete": False, "differences": 1}), "not complete"),
    ],
    ids=["no last line", "half a line", "nothing", "an incomplete run"],
)
def test_not_whole(content: str, told: str, form: str, tmp_path: Path) -> None:
    """A report that does not hold everything is shown, and that is told."""
    (tmp_path / "r").write_text(content)
    ran = run_fastsync("show", str(tmp_path / "r"), "--format", form)
    assert ran.exit_code == 0
    assert told in ran.stderr
    if form == "markdown":
        assert told in ran.stdout
    if content and form != "csv":
        assert "1 difference, perhaps more" in ran.stdout


def test_edited_reports(tmp_path: Path) -> None:
    """A report that went through an editor or a filter is still one: with empty lines, other line ends, spaces."""
    lines = [json.dumps(line(key=key), indent=None, separators=(" , ", " : ")) for key in "ab"]
    (tmp_path / "r").write_text("\n\n" + "\r\n\n".join([*lines, json.dumps(END)]) + "\r\n\n")
    assert re.findall(r'{"pk":"(\w)"', show(str(tmp_path / "r")).stdout) == ["a", "b"]


def test_old_reports(tmp_path: Path) -> None:
    """Reports of earlier versions, which name no paths, are shown whole; where paths are named only these are."""
    sides: dict[str, Any] = {"master": {"a": M(x=N(1), y=N(1))}, "slave_item": {"a": M(x=N(2), y=N(2))}}
    old, new = line(attributes=["a"], **sides), line(attributes=["a"], paths=["a.y"], **sides)
    for name, made in (("old", old), ("new", new)):
        (tmp_path / name).write_text(text(made, END))
    assert show(str(tmp_path / "old")).stdout.splitlines()[-2:] == ["    a.x  2 → 1", "    a.y  2 → 1"]
    assert show(str(tmp_path / "new")).stdout.splitlines()[-2:] == [
        '* differing us-west-2:a {"pk":"a","sk":7}',
        "    a.y  2 → 1",
    ]


@pytest.mark.parametrize(
    ("flags", "env", "colored"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        (("--color", "never"), {}, False),
        (("--color=always",), {"NO_COLOR": "1"}, True),
        (("--color", "always", "--format", "csv"), {}, False),
        (("--color", "always", "--format", "markdown"), {}, False),
    ],
)
def test_colors(flags: tuple[str, ...], env: dict[str, str], colored: bool, report: str) -> None:
    """Text is coloured on a terminal, unless NO_COLOR or the flag says otherwise; nothing else is."""
    code, shown = run_on_terminal("show", report, *flags, streams=[STDOUT], env={"NO_COLOR": "", **env})
    assert code == 0
    assert ("\033[" in shown) == colored
    assert "\033[" not in show(report).stdout


def test_a_terminal_without_arrows(report: str) -> None:
    """Where the encoding lacks an arrow or a letter there is another form of it, and no traceback."""
    Path(report).write_text(text(differing("größe", N(3), N(4)), END))
    code, shown = run_on_terminal("show", report, streams=[STDOUT], env={"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"})
    assert code == 0
    assert shown.startswith("slave -> master")
    assert "    gr\\u00f6\\u00dfe  3 -> 4\n" in shown


def large_report(path: Path, lines: int) -> None:
    """Write a report of so many lines."""
    one = json.dumps(differing("status", S("old"), S("new")))
    path.write_text(f"{one}\n" * lines + text({"complete": True, "differences": lines}))


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """`| head` is no error, and nothing is said about it."""
    large_report(tmp_path / "r", 5_000)
    script = '"$0" -m fastsync show "$1" | head -3; echo "${PIPESTATUS[0]}"'
    ran = subprocess.run(
        ["bash", "-c", script, sys.executable, str(tmp_path / "r")],
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        check=False,
        text=True,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[1:] == ["5,000 differences", f"{A}: 0 missing, 5,000 differing, 0 extra", "0"]


PEAK = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
PEAK += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


@pytest.mark.parametrize("form", FORMATS)
def test_memory(form: str, tmp_path: Path) -> None:
    """A report twenty times as long takes no more memory, also through a pipe."""
    peaks = []
    for lines in (500, 10_000):
        large_report(tmp_path / "r", lines)
        with (tmp_path / "r").open("rb") as stdin:
            command = [sys.executable, "-m", "fastsync", "show", "-", "--format", form]
            ran = subprocess.run(
                [sys.executable, "-c", PEAK, *command],
                stdin=stdin,
                capture_output=True,
                cwd=ROOT,
                env={**os.environ, **environment()},
                check=True,
            )
        peaks.append(int(ran.stdout))
    assert peaks[1] < peaks[0] + 5_000
