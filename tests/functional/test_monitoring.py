"""What monitoring sees of a run: the metrics file, and stderr as JSON lines."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fastsync import cli
from tests.e2e.cases import N, item
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.processes import running, wait_for
from tests.openmetrics import parse
from tests.servers import Server
from tests.tables import Ran, create_table, put_items, run_fastsync, unique


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """A master and a slave with a difference of each kind, as arguments."""
    master, slave = unique(), unique()
    arguments = ("-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave))
    put_items(dynoxide, "us-east-1", master, [item("same"), item("gone\n\x1b[31m\u2028"), item("old", v=N(1))])
    put_items(dynoxide, "us-west-2", slave, [item("same"), item("old", v=N(2)), item("left")])
    return arguments


def metrics(file: Path) -> dict[tuple[str, str], float]:
    """Give the samples of a metrics file by name and the value of their last label."""
    return {
        (name.removeprefix("fastsync_"), list(labels.values())[-1]): value
        for name, labels, value in parse(file.read_text())
    }


def lines(ran: Ran) -> list[dict[str, Any]]:
    """Give stderr's lines, each of which has to be a JSON object with time, level and message."""
    assert ran.stderr.endswith("\n")
    found = [json.loads(line) for line in ran.stderr.split("\n")[:-1]]
    for line in found:
        assert line["level"] in ("info", "warning", "error")
        assert isinstance(line["message"], str)
        age = datetime.now(timezone.utc) - datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
        assert abs(age) < timedelta(minutes=10)
    return found


def test_metrics_of_a_report(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """The metrics file says what the statistics say."""
    file = tmp_path / "nightly.prom"
    ran = run_fastsync(*tables, "--scan-for-extra", "--metrics-file", str(file), server=dynoxide)
    assert (ran.exit_code, ran.stdout) == (1, "")
    found, slave = metrics(file), ran.stats["slaves"][tables[3]]
    for verdict in ("same", "missing", "differing", "extra", "settled", "expired"):
        assert found["items", verdict] == slave[verdict]
    for action in ("written", "deleted", "contended", "refused", "failed"):
        assert found["differences", action] == 0
    assert found["read_units", tables[1]] == ran.stats["master"]["read_units"]
    assert found["read_units", tables[3]] == slave["read_units"]
    assert (found["last_exit_code", "nightly"], found["last_complete", "nightly"]) == (1, 1)
    assert ("last_success_timestamp_seconds", "nightly") not in found


def test_metrics_of_a_repair(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """A run that makes the slave equal is a success, and tells what it wrote and what that cost."""
    file = tmp_path / "nightly.prom"
    flags = ("--write-missing", "--write-differing", "--delete-extra", "--quiet", "--metrics-file", str(file))
    ran = run_fastsync(*tables, *flags, server=dynoxide)
    assert (ran.exit_code, ran.stderr) == (0, "")
    found = metrics(file)
    assert (found["differences", "written"], found["differences", "deleted"]) == (2, 1)
    assert found["write_units", tables[3]] > 0
    assert found["last_success_timestamp_seconds", "nightly"] > found["start_timestamp_seconds", "nightly"]


def test_metrics_of_retries(make_world: MakeWorld, tmp_path: Path) -> None:
    """Requests that are sent again are counted for their table, whatever they failed of, and throttled ones beside."""
    made, file = make_world([item("a"), item("b")], [item("a")]), tmp_path / "nightly.prom"
    made.proxy.add(faults.in_turn([faults.THROTTLED, faults.cut]), "Scan", nth=[1, 2])
    made.proxy.add(faults.INTERNAL, "BatchGetItem", table=made.slave.name, nth=[1])
    made.run_inline("--metrics-file", str(file))
    found, tables = metrics(file), (str(made.master), str(made.slave))
    assert [found["throttled_requests", table] for table in tables] == [1, 0]
    assert [found["retried_requests", table] for table in tables] == [2, 1]


@pytest.mark.parametrize(("slave", "code"), [("us-west-2:nowhere", 3), ("same", 3)])
def test_metrics_of_a_run_that_compared_nothing(
    slave: str, code: int, tables: Sequence[str], dynoxide: Server, tmp_path: Path
) -> None:
    """Where tables cannot be compared, the file says so by its exit code."""
    file = tmp_path / "nightly.prom"
    ran = run_fastsync(
        *tables[:3], tables[1] if slave == "same" else slave, "--metrics-file", str(file), server=dynoxide
    )
    assert ran.exit_code == code
    assert metrics(file)["last_exit_code", "nightly"] == code
    assert metrics(file)["running", "nightly"] == 0


def test_metrics_that_cannot_be_written_at_the_end(make_world: MakeWorld, tmp_path: Path) -> None:
    """Metrics that cannot be written any more are told, and the exit code is 4."""
    made = make_world([item(f"{n}") for n in range(30)], [])
    made.proxy.add(faults.delayed(0.2), "Scan")
    (folder := tmp_path / "folder").mkdir()
    with running(made, "--scan-limit", "5", "--metrics-file", str(folder / "a.prom")) as run:
        wait_for(lambda: made.proxy.of("Scan"), 20)
        (folder / "a.prom").unlink()
        folder.rmdir()
        ran = run.ended()
    assert ran.exit_code == 4
    assert "a.prom" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.differences) == 30


def test_metrics_of_an_interrupted_run(make_world: MakeWorld, tmp_path: Path) -> None:
    """A run under way is told as such, and one that was interrupted by its exit code."""
    made = make_world([item(f"{n}") for n in range(30)], [])
    made.proxy.add(faults.delayed(0.1), "Scan")
    file = tmp_path / "nightly.prom"
    with running(made, "--scan-limit", "2", "--metrics-file", str(file)) as run:
        wait_for(lambda: made.proxy.of("Scan"), 20)
        assert metrics(file)["running", "nightly"] == 1
        run.signal(signal.SIGTERM)
        assert run.ended().exit_code == 143
    assert metrics(file)["last_exit_code", "nightly"] == 143
    assert metrics(file)["last_complete", "nightly"] == 0


@pytest.mark.parametrize("more", [(), ("--verbose",), ("--progress",), ("--no-progress", "-v"), ("--quiet",)], ids=str)
def test_every_line_is_json(more: Sequence[str], tables: Sequence[str], dynoxide: Server) -> None:
    """With --log-format json every line on stderr is one object with time, level and message."""
    ran = run_fastsync(*tables, "--log-format", "json", "--slave", "us-west-2:nowhere", *more, server=dynoxide)
    assert ran.exit_code == 4
    found = lines(ran)
    assert any(line["level"] == "error" and "us-west-2:nowhere" in line["message"] for line in found)
    if "--quiet" in more:
        assert len(found) == 1
    else:
        assert (found[-1]["exit_code"], found[-1]["complete"]) == (4, False)
        assert found[-1]["stats"] == ran.stats
    if "--verbose" in more or "-v" in more:
        assert {line["verdict"] for line in found if "verdict" in line} == {"missing", "differing"}
    progress = [line for line in found if "expected" in line]
    assert len(progress) == (0 if {"--quiet", "--no-progress"} & set(more) else 1)
    segments = [(line["scanned"], line["found"]) for line in found if "segment" in line]
    verdicts = {"missing": 1, "differing": 1, "extra": None}
    assert segments == [(3, {tables[3]: verdicts})] * len(progress)
    for line in progress:
        assert line["scanned"] == 3
        assert line["read_units"][tables[1]] == ran.stats["master"]["read_units"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--log-format", "json", "--frobnicate"), 2),
        (("--log-format=json", "--parallel", "0"), 2),
        (("--log-format", "json", "--slave", "us-west-2:orders\n"), 2),
        (("--log-format", "json", "--endpoint-url", "http://127.0.0.1:9", "--max-retries", "0"), 3),
    ],
)
def test_errors_are_json_too(arguments: Sequence[str], code: int) -> None:
    """An error that ends the program at once is a line like any other, also where the arguments are wrong."""
    ran = run_fastsync("-m", "us-east-1:nowhere-a", "-s", "us-west-2:nowhere-b", *arguments)
    assert ran.exit_code == code
    (line,) = lines(ran)
    assert (line["level"], line["exit_code"]) == ("error", code)


@pytest.mark.parametrize(
    ("text", "arguments", "form"),
    [
        ('log-format = "json"\nslave = "us-west-2:b"\n', [], "json"),
        ('log-format = "json"\nmister = 1\n', ["-m", "us-east-1:a"], "json"),
        ('log-format = "json"\nparallel = 0\n', ["-m", "us-east-1:a", "-s", "us-west-2:b"], "json"),
        ('log-format = "json"\n', ["-m", "us-east-1:a", "--log-format", "text"], "text"),
        ("log-format = 1\n", [], "text"),
        ('log-format = "json"\n=', [], "text"),
    ],
)
def test_the_file_says_the_form_of_errors_too(
    text: str, arguments: Sequence[str], form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of what a file says, or of flags beside it, has the form that flag or file asks for."""
    (tmp_path / "x.toml").write_text(text)
    assert cli.main(["--config", str(tmp_path / "x.toml"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (json.loads(line)["exit_code"] == 2) if form == "json" else line.startswith("fastsync: ")


def test_refusals_are_warnings(tables: Sequence[str], dynoxide: Server) -> None:
    """What a safety limit refused is a line of level warning."""
    flags = ("--log-format", "json", "--delete-extra", "--max-deletes", "0")
    ran = run_fastsync(*tables, *flags, server=dynoxide)
    assert ran.exit_code == 5
    assert any(line["level"] == "warning" and "--max-deletes" in line["message"] for line in lines(ran))


def test_stdout_stays_the_reports(tables: Sequence[str], dynoxide: Server) -> None:
    """The format of the log changes nothing on stdout."""
    ran = run_fastsync(*tables, "--log-format", "json", "--report", "-", server=dynoxide)
    assert ran.end == {"complete": True, "differences": 2}
    lines(ran)


def test_a_file_name_that_is_no_text(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """A name that is no UTF-8 gives valid metrics and valid lines."""
    file = tmp_path / os.fsdecode(b"\xff.prom")
    ran = run_fastsync(*tables, "--metrics-file", str(file), "--log-format", "json", server=dynoxide)
    assert ran.exit_code == 1
    assert metrics(file)
