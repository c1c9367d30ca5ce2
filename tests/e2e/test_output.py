"""What goes where: stdout carries only what was asked for, stderr the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e import canonical
from tests.e2e.cases import SS, L, M, N, S, item
from tests.servers import Server, environment
from tests.tables import create_table, put_items, read_all, run_fastsync, unique
from tests.terminal import run_on_terminal

MASTER = [item("same"), item("gone"), item("old", v=N(1), w=N(1)), item("ümlaut\n😀")]
SLAVE = [item("same"), item("old", v=N(2)), item("left")]
FLAGS = [
    "--verbose", "--quiet", "--progress", "--no-progress", "--report", "--report-values", "--stats", "--ignore",
    "--ignore-att", "--starting-key", "--scan-limit", "--batch-read-limit", "--max-retries",
    "--retry-delay-base", "--parallel", "--segments", "--write-missing", "--write-differing",
    "--scan-for-extra", "--delete-extra", "--max-deletes", "--allow-empty-master", "--profile",
    "--slave-profile", "--strategy", "--endpoint-url", "--slave-endpoint-url", "--consistent-read",
    "--no-recheck", "--recheck-delay", "--policy", "--version", "--master", "--slave",
]  # fmt: skip


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """A master and a slave with a difference of each kind, as arguments."""
    master, slave = unique(), unique()
    arguments = (
        "--master",
        create_table(dynoxide, "us-east-1", master),
        "--slave",
        create_table(dynoxide, "us-west-2", slave),
    )
    put_items(dynoxide, "us-east-1", master, MASTER)
    put_items(dynoxide, "us-west-2", slave, SLAVE)
    return arguments


def test_nothing_asked_for(tables: Sequence[str], dynoxide: Server) -> None:
    """Without --report and --stats there is a summary on stderr, and nothing on stdout."""
    ran = run_fastsync(*tables, "--endpoint-url", dynoxide.url)
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert tables[1] in ran.stderr
    assert tables[3] in ran.stderr


def test_report_on_stdout(tables: Sequence[str], dynoxide: Server) -> None:
    """--report - puts the report, and nothing else, on stdout."""
    ran = run_fastsync(*tables, "--report", "-", "--scan-for-extra", "--verbose", "--progress", server=dynoxide)
    assert ran.exit_code == 1
    assert [line["verdict"] for line in ran.differences].count("missing") == 2
    assert {line["key"]["id"]["S"] for line in ran.differences} == {"gone", "old", "left", "ümlaut\n😀"}
    assert ran.end == {"complete": True, "differences": 4}


def test_stats_on_stdout(tables: Sequence[str], dynoxide: Server) -> None:
    """--stats - puts the statistics, and nothing else, on stdout."""
    ran = run_fastsync(*tables, "--stats", "-", "--verbose", "--write-missing", server=dynoxide)
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["slaves"][tables[3]]["written"] == 2


def test_summary(tables: Sequence[str], dynoxide: Server) -> None:
    """The summary says what was found, and plainly when extras were not looked for."""
    ran = run_fastsync(*tables, server=dynoxide)
    for text in ("1 same", "2 missing", "1 differing", "not looked for"):
        assert text in ran.stderr
    ran = run_fastsync(*tables, "--delete-extra", "--max-deletes", "0", server=dynoxide)
    for text in ("1 extra", "1 refused"):
        assert text in ran.stderr
    assert "not looked for" not in ran.stderr


def test_quiet(tables: Sequence[str], dynoxide: Server) -> None:
    """--quiet says nothing when all goes well."""
    ran = run_fastsync(*tables, "--quiet", "--write-missing", "--write-differing", "--delete-extra", server=dynoxide)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")


def test_quiet_tells_errors(tables: Sequence[str], dynoxide: Server) -> None:
    """--quiet tells warnings and errors all the same."""
    ran = run_fastsync(*tables, "--slave", "us-west-2:nowhere", "--quiet", server=dynoxide)
    assert ran.exit_code == 4
    assert "us-west-2:nowhere" in ran.stderr
    assert ran.stderr.count("\n") == 1
    ran = run_fastsync("--master", "us-east-1:nowhere", *tables[2:], "--quiet", server=dynoxide)
    assert ran.exit_code == 3
    assert ran.stderr.count("\n") == 1


def test_quiet_tells_refusals(tables: Sequence[str], dynoxide: Server) -> None:
    """--quiet tells that a safety limit refused something."""
    ran = run_fastsync(*tables, "--quiet", "--delete-extra", "--max-deletes", "0", server=dynoxide)
    assert ran.exit_code == 5
    assert "--max-deletes" in ran.stderr


def test_paths_in_reports(dynoxide: Server) -> None:
    """With values, a line says where in its attributes items differ, but for what is ignored; and only then."""
    master, slave = unique(), unique()
    tables = ("-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave))
    old = {"lines": L(M(qty=N(1)), M(qty=N(3))), "a.b": S("x"), "seen": N(1), "tags": SS("a", "b"), "n": N("1.50")}
    new = {"lines": L(M(qty=N(1)), M(qty=N(4))), "a.b": S("y"), "seen": N(2), "tags": SS("b", "c"), "n": N("1.5")}
    put_items(dynoxide, "us-east-1", master, [item("a", **new), item("gone")])
    put_items(dynoxide, "us-west-2", slave, [item("a", **old)])
    flags = (*tables, "--ignore", "seen", "--report", "-")
    found = {line["verdict"]: line for line in run_fastsync(*flags, "--report-values", server=dynoxide).differences}
    assert found["differing"]["paths"] == ['"a.b"', "lines[1].qty", "tags"]
    assert "paths" not in found["missing"]
    assert not any("paths" in line for line in run_fastsync(*flags, server=dynoxide).differences)


@pytest.mark.parametrize("flag", ["--verbose", "-v"])
def test_verbose(flag: str, tables: Sequence[str], dynoxide: Server) -> None:
    """--verbose adds a line per difference, with what was done about it."""
    repair = ("--write-missing", "--delete-extra")
    plain = run_fastsync(*tables, "--no-progress", server=dynoxide).stderr.splitlines()
    ran = run_fastsync(*tables, "--no-progress", flag, *repair, server=dynoxide)
    lines = [line for line in ran.stderr.splitlines() if tables[3] in line and '"' in line]
    assert len(lines) == 4
    for key, action in (("gone", "written"), ("left", "deleted"), ("old", ""), ("ümlaut\\n😀", "written")):
        (line,) = [line for line in lines if f'"{key}"' in line]
        assert action in line
    assert not any('"' in line for line in plain)


@pytest.mark.parametrize("executor", ["processes", "inline"])
def test_verbose_shows_paths(executor: str, tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """--verbose shows what differs, path by path, as `fastsync show` does; the report is as without it."""
    report, undo = tmp_path / "report", tmp_path / "undo"
    flags = ("--write-differing", "--report", str(report), "--undo-log", str(undo), "--executor", executor)
    ran = run_fastsync(*tables, "--no-progress", "--verbose", *flags, server=dynoxide)
    block = [f'* differing {tables[3]} {{"id":"old"}} written', "    v  2 → 1", "  + w  1"]
    lines = ran.stderr.splitlines()
    start = lines.index(block[0])
    assert lines[start : start + 3] == block
    assert not any({"master", "slave_item", "paths"} & line.keys() for line in ran.report)
    ran = run_fastsync("undo", str(undo), "--endpoint-url", dynoxide.url, "--no-progress", "--verbose")
    block = [f'* differing {tables[3]} {{"id":"old"}} put back', "    v  1 → 2", "  - w  1"]
    lines = ran.stderr.splitlines()
    start = lines.index(block[0])
    assert lines[start : start + 3] == block


def test_verbose_in_json(tables: Sequence[str], dynoxide: Server) -> None:
    """Lines of JSON hold no values with --verbose."""
    ran = run_fastsync(*tables, "--verbose", "--log-format", "json", server=dynoxide)
    found = [line for line in map(json.loads, ran.stderr.splitlines()) if "verdict" in line]
    assert len(found) == 3
    fields = {"time", "level", "message", "slave", "verdict", "key", "attributes", "action", "error"}
    assert all(line.keys() == fields for line in found)


@pytest.mark.parametrize("flag", ["--verbose", "--progress", "--no-progress"])
def test_no_escape_codes(flag: str, tables: Sequence[str], dynoxide: Server) -> None:
    """Where stderr is not a terminal there are no escape codes, whatever is shown."""
    ran = run_fastsync(*tables, flag, "--scan-limit", "1", "--parallel", "2", server=dynoxide)
    assert ran.exit_code == 1
    assert "\x1b" not in ran.stderr


def test_verbose_escapes(dynoxide: Server) -> None:
    """Keys and attribute names from the tables cannot send escape codes to a terminal."""
    master, slave = unique(), unique()
    tables = ("-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave))
    put_items(dynoxide, "us-east-1", master, [item("\x1b[31mred"), item("a", **{"\x1b[2Jcleared": N(1)})])
    put_items(dynoxide, "us-west-2", slave, [item("a", **{"\x1b[2Jcleared": N(2)})])
    ran = run_fastsync(*tables, "--verbose", server=dynoxide)
    assert ran.exit_code == 1
    assert "\x1b" not in ran.stderr


def test_terminal(tables: Sequence[str], dynoxide: Server) -> None:
    """On a terminal there is a bar, unless it is not wanted."""
    assert "items" in run_on_terminal(*tables, "--endpoint-url", dynoxide.url)[1]
    assert "4.00" not in run_on_terminal(*tables, "--endpoint-url", dynoxide.url, "--no-progress")[1]
    assert run_on_terminal(*tables, "--endpoint-url", dynoxide.url, "--quiet") == (1, "")


def test_no_secrets(tables: Sequence[str], dynoxide: Server) -> None:
    """Neither secret nor token is printed, at any level."""
    secrets = {"AWS_SECRET_ACCESS_KEY": "verysecretkey", "AWS_SESSION_TOKEN": "verysecrettoken"}
    for more in ([], ["--slave", "us-west-2:nowhere"]):
        ran = run_fastsync(*tables, "--verbose", *more, server=dynoxide, env=secrets)
        assert ran.exit_code in (1, 4)
        assert "verysecret" not in f"{ran.stdout}{ran.stderr}{ran.report}{ran.stats}"


def test_files_are_replaced(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """An older report and older statistics leave nothing behind."""
    for name in ("report", "stats"):
        (tmp_path / name).write_text("old\n" * 10_000)
    ran = run_fastsync(
        *tables, "--report", str(tmp_path / "report"), "--stats", str(tmp_path / "stats"), server=dynoxide
    )
    assert ran.exit_code == 1
    assert len(ran.report) == 4
    assert ran.stats["complete"] is True


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("flag", ["--report", "--stats"])
def test_full_disk(flag: str, tables: Sequence[str], dynoxide: Server) -> None:
    """A report or statistics that cannot be written to their end are told, and the exit code is 4."""
    ran = run_fastsync(*tables, flag, "/dev/full", "--endpoint-url", dynoxide.url)
    assert ran.exit_code == 4, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "cannot be written" in ran.stderr


def test_help() -> None:
    """--help goes to stdout and names every flag that there is."""
    ran = run_fastsync("--help")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [flag for flag in FLAGS if flag not in ran.stdout] == []


def test_version() -> None:
    """--version goes to stdout."""
    ran = run_fastsync("--version")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("fastsync ")


def test_console_script() -> None:
    """The console script and the module are the same program."""
    script = Path(sys.executable).with_name("fastsync")
    asked = subprocess.run([script, "--help"], env=environment(), capture_output=True, text=True, check=True)
    assert asked.stdout == run_fastsync("--help").stdout


def test_many_slaves_scan_once(dynoxide: Server) -> None:
    """However many slaves there are, the master is scanned once."""
    master = unique()
    arguments = ["--master", create_table(dynoxide, "us-east-1", master)]
    put_items(dynoxide, "us-east-1", master, [item(f"{number}") for number in range(50)])
    read = []
    for _ in range(3):
        slave = unique()
        arguments += ["--slave", create_table(dynoxide, "us-west-2", slave)]
        put_items(dynoxide, "us-west-2", slave, read_all(dynoxide, "us-east-1", master))
        ran = run_fastsync(*arguments, server=dynoxide)
        assert ran.exit_code == 0
        assert ran.stats["master"]["scanned"] == 50
        read.append(ran.stats["master"]["read_units"])
    assert len(set(read)) == 1


def test_consistent_read_costs_double(dynoxide: Server) -> None:
    """--consistent-read reads consistently, on both sides."""
    master, slave = unique(), unique()
    tables = ["-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave)]
    for name in (master, slave):
        put_items(dynoxide, "us-east-1", name, [item(f"{number}") for number in range(100)])
    plain = run_fastsync(*tables, server=dynoxide).stats
    consistent = run_fastsync(*tables, "--consistent-read", server=dynoxide).stats
    assert consistent["master"]["read_units"] == 2 * plain["master"]["read_units"]
    assert consistent["slaves"][tables[3]]["read_units"] == 2 * plain["slaves"][tables[3]]["read_units"]


def test_written_as_reported(tables: Sequence[str], dynoxide: Server) -> None:
    """A run that only reports finds the same differences as one that repairs them."""
    flags = ["--write-missing", "--write-differing", "--delete-extra"]
    reported = run_fastsync(*tables, "--scan-for-extra", server=dynoxide).differences
    repaired = run_fastsync(*tables, *flags, server=dynoxide).differences
    assert _found(reported) == _found(repaired)


def _found(lines: Sequence[dict[str, object]]) -> set[str]:
    return {f"{line['verdict']} {canonical.item(line['key'])} {line['attributes']}" for line in lines}  # type: ignore[arg-type]
