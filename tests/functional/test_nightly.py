"""Scheduled runs as cron and make start them: under a lock, into dated files, silent when all is well."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.processes import wait_for
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

FILE = re.compile(r"\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-(report|sync)\.(.*)")
NIGHTLY = [sys.executable, "-m", "fastsync.nightly"]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and a slave with a difference of each kind."""
    return make_world([item("same"), item("gone"), item("old", v=1)], [item("same"), item("old", v=2), item("left")])


def config(made: World, folder: Path, *lines: str) -> Path:
    """Write a configuration of these tables."""
    file = folder / "orders.toml"
    told = [f'master = "{made.master}"', f'slave = "{made.slave}"', f'endpoint-url = "{made.proxy.url}"', *lines]
    file.write_text("\n".join(told) + "\n")
    return file


OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""What `make test` sets, and cron does not: under it make tells which folder it enters."""


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={name: value for name, value in environment(PYTHONPATH=str(ROOT)).items() if name not in OF_MAKE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def files(folder: Path) -> dict[str, Path]:
    """Give the dated files of a folder by what they are, the newest of each."""
    found = sorted(file for file in (folder / "orders").iterdir() if FILE.fullmatch(file.name))
    return {" ".join(FILE.fullmatch(file.name).groups()): file for file in found}  # type: ignore[union-attr]


def silent(done: subprocess.CompletedProcess[str]) -> None:
    """Hold that a run was a success of which cron sends no mail."""
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_report_that_finds_differences(made: World, tmp_path: Path) -> None:
    """A report never writes, whatever the configuration says; a mail tells what was found and where the files are."""
    before = made.slave.all()
    file = config(made, tmp_path, "write-missing = true", "delete-extra = true", "quiet = true", "undo-log = 'x'")
    done = run(*NIGHTLY, "report", file, "--folder", tmp_path / "runs", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "1 missing, 1 differing, 1 extra" in done.stderr
    assert made.slave.all() == before
    there = files(tmp_path / "runs")
    assert set(there) == {"report report.jsonl", "report stats.json", "report log", "report html"}
    assert str(there["report html"]).removesuffix("html") in done.stderr
    assert json.loads(there["report stats.json"].read_text())["slaves"][str(made.slave)]["extra"] == 1
    assert not (tmp_path / "x").exists()


def test_a_report_logs_its_command(made: World, tmp_path: Path) -> None:
    """The command that a report logs writes nothing either, whatever the configuration says."""
    run(*NIGHTLY, "report", config(made, tmp_path, "write-missing = true"), "--folder", tmp_path / "runs")
    last = json.loads(files(tmp_path / "runs")["report log"].read_text().splitlines()[-1])
    assert last["command"].startswith("fastsync --config ")
    assert last["command"].endswith(" --dry-run")


def test_a_repair(made: World, tmp_path: Path) -> None:
    """A repair writes what is missing or differs, keeps an undo log, and says nothing; the next report does neither."""
    file = config(made, tmp_path)
    silent(run(*NIGHTLY, "sync", file, "--folder", tmp_path / "runs"))
    assert {each["id"]["S"]: each.get("v") for each in made.slave.all()} == {
        "same": None, "gone": None, "old": {"N": "1"}, "left": None
    }  # fmt: skip
    there = files(tmp_path / "runs")
    assert set(there) == {f"sync {kind}" for kind in ("report.jsonl", "stats.json", "log", "html", "undo.jsonl")}
    assert len(there["sync undo.jsonl"].read_text().splitlines()) == 2
    assert all(json.loads(line)["level"] == "info" for line in there["sync log"].read_text().splitlines())
    silent(run(*NIGHTLY, "report", file, "--folder", tmp_path / "runs"))


def test_a_repair_as_the_configuration_says(made: World, tmp_path: Path) -> None:
    """Where the configuration names writes, a repair does these and no others; flags behind it go on to the run."""
    file = config(made, tmp_path, "write-missing = true")
    flags = ("--ignore", "v", "--folder", tmp_path / "runs", "--undo-log", tmp_path / "undo")
    silent(run(*NIGHTLY, "sync", file, *flags))
    assert [each for each in made.slave.all() if each["id"]["S"] == "old"] == [item("old", v=2)]
    assert "sync undo.jsonl" not in files(tmp_path / "runs")
    assert (tmp_path / "undo").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ('frobnicate = "x"', 2, "frobnicate"),
        ('slave = "us-west-2:nowhere"', 3, "nowhere"),
        ("max-deletes = '0'", 5, "--max-deletes"),
    ],
)
def test_exit_codes_are_kept(line: str, code: int, told: str, made: World, tmp_path: Path) -> None:
    """The exit code is that of the run, and what went wrong is said."""
    file = config(made, tmp_path)
    if line.startswith("slave"):
        file.write_text(re.sub("(?m)^slave.*$", line, file.read_text()))
    else:
        file.write_text(f"{line}\n" + file.read_text())
    done = run(*NIGHTLY, "sync", file, "--folder", tmp_path / "runs", "--delete-extra")
    assert done.returncode == code
    assert told in done.stderr
    assert f"exit code {code}" in done.stderr
    assert "Traceback" not in done.stderr + files(tmp_path / "runs")["sync log"].read_text()


def test_runs_never_overlap(made: World, tmp_path: Path) -> None:
    """A run that finds another at work does nothing, says so, and has an exit code of its own."""
    file, folder = config(made, tmp_path), tmp_path / "runs"
    gate = threading.Event()
    made.proxy.add(faults.before(lambda: gate.wait(60)), "Scan")
    with subprocess.Popen(
        [*NIGHTLY, "report", str(file), "--folder", str(folder)],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
    ) as first:
        wait_for(lambda: made.proxy.of("Scan"), 20)
        second = run(*NIGHTLY, "sync", file, "--folder", folder)
        assert second.returncode == 75
        assert f"process {first.pid}" in second.stderr
        first.send_signal(signal.SIGTERM)
        gate.set()
        assert first.wait(20) == 143
    assert {name.split()[0] for name in files(folder)} == {"report"}
    made.proxy.rules.clear()
    assert run(*NIGHTLY, "report", file, "--folder", folder).returncode == 1


def test_a_killed_run_leaves_no_lock(made: World, tmp_path: Path) -> None:
    """The lock goes with the process, however that ends."""
    file, folder = config(made, tmp_path), tmp_path / "runs"
    made.proxy.add(faults.delayed(0.3), "Scan")
    with subprocess.Popen(
        [*NIGHTLY, "report", str(file), "--folder", str(folder), "--scan-limit", "1"], cwd=ROOT, env=environment()
    ) as first:
        wait_for(lambda: made.proxy.of("Scan"), 20)
        first.kill()
    with (folder / "orders" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_run_that_stopped_is_taken_up_again(made: World, tmp_path: Path) -> None:
    """With a checkpoint the next run of the same kind goes on in the files of the run that stopped, even by a kill."""
    folder, checkpoint = tmp_path / "runs", tmp_path / "checkpoint.report"
    file = config(made, tmp_path, f'checkpoint = "{tmp_path / "checkpoint"}"', "scan-limit = 1", "no-recheck = true")
    gate = threading.Event()
    made.proxy.add(faults.before(lambda: gate.wait(60)), "Scan", nth=[2])
    with subprocess.Popen(
        [*NIGHTLY, "report", str(file), "--folder", str(folder)], cwd=ROOT, env=environment()
    ) as first:
        wait_for(lambda: len(made.proxy.of("Scan")) >= 2, 20)
        first.kill()
        gate.set()
    assert checkpoint.exists()
    made.proxy.rules.clear()
    silent(run(*NIGHTLY, "sync", file, "--folder", folder))  # a repair is another job
    made.slave.put(item("old", v=2))
    done = run(*NIGHTLY, "report", file, "--folder", folder)
    assert done.returncode == 1, done.stderr
    assert not checkpoint.exists()
    names = [found for each in (folder / "orders").iterdir() if (found := FILE.fullmatch(each.name))]
    reports = [found[0] for found in names if found[2] == "report.jsonl"]
    assert sorted(found[1] for found in names if found[2] == "report.jsonl") == ["report", "sync"], reports
    lines = [json.loads(line) for line in files(folder)["report report.jsonl"].read_text().splitlines()]
    assert lines[-1] == {"complete": True, "differences": len(lines) - 1}
    stats = json.loads(files(folder)["report stats.json"].read_text())
    assert (stats["complete"], stats["master"]["scanned"]) == (True, 3)


def test_old_files_are_pruned(made: World, tmp_path: Path) -> None:
    """Files of runs older than --keep are deleted by the date in their names; whatever else is there stays."""
    folder = tmp_path / "runs" / "orders"
    folder.mkdir(parents=True)
    old = ["2020-01-01T020000.000Z-report.log", "2020-01-01T020000.000Z-sync.undo.jsonl"]
    others = [
        "2020-01-01.txt",
        "notes",
        "2020-01-01T020000.000Z-report.log.gz.bak2",
        "x2020-01-01T020000.000Z-report.log",
    ]
    for name in (*old, *others, "2999-01-01T020000.000Z-report.log"):
        (folder / name).touch()
    os.utime(folder / "notes", (0, 0))
    run(*NIGHTLY, "report", config(made, tmp_path), "--folder", tmp_path / "runs", "--keep", "7")
    left = {file.name for file in folder.iterdir()}
    assert not left & set(old)
    assert left >= {*others, "2999-01-01T020000.000Z-report.log", "lock"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("report",), "CONFIG"),
        (("repair", "x"), "repair"),
        (("report", "nowhere.toml"), "nowhere.toml"),
        (("report", "x", "--keep", "0"), "--keep"),
    ],
)
def test_wrong_arguments(arguments: Sequence[str], told: str, tmp_path: Path) -> None:
    """What is wrong with the arguments is told with exit code 2."""
    done = run(*NIGHTLY, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_crontab(made: World, tmp_path: Path) -> None:
    """The lines of `crontab --sync` work as cron runs them: by sh, with next to no environment."""
    (folder := tmp_path / "it's 100% here").mkdir()
    flags = ("--ignore", "50%", "--folder", folder / "runs")
    printed = run(*NIGHTLY, "crontab", config(made, folder), "--sync", *flags)
    assert (printed.returncode, printed.stderr) == (0, "")
    lines = [line for line in printed.stdout.splitlines() if not re.match(r"#|\w+=", line)]
    assert len(lines) == 2
    codes = []
    for line in reversed(lines):
        command = re.sub(r"^(?:\S+ ){5}", "", line)
        assert "%" not in command.replace("\\%", "")
        keys = [f"{name}={value}" for name, value in environment().items() if name.startswith("AWS_")]
        ran = run("env", "-i", f"HOME={tmp_path}", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", *keys, f"PYTHONPATH={ROOT}",
                  "sh", "-c", command.replace("\\%", "%"))  # fmt: skip
        codes.append(ran.returncode)
        assert ran.stderr == ""
    assert codes == [0, 0]
    assert {name.split()[0] for name in files(folder / "runs")} == {"report", "sync"}


def test_a_crontab_does_not_repair_unasked(made: World, tmp_path: Path) -> None:
    """The lines report only, every night; repairs have a day of their own where they are asked for."""
    file = config(made, tmp_path)
    asked = {
        ("crontab", str(file)): [("0 2 * * *", "report")],
        ("crontab", str(file), "--sync"): [("0 2 * * 1-6", "report"), ("0 2 * * 0", "sync")],
    }
    for words, expected in asked.items():
        printed = run(*NIGHTLY, *words)
        assert re.findall(r"^((?:\S+ ){4}\S+) cd .* fastsync\.nightly (\w+) ", printed.stdout, re.MULTILINE) == expected
    refused = run(*NIGHTLY, "report", file, "--sync")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--sync goes with crontab only" in refused.stderr


def test_make_crontab(made: World, tmp_path: Path) -> None:
    """`make crontab` prints lines that repair only with SYNC=yes, and refuses other words."""
    file = config(made, tmp_path)
    for words, repairs in (((), 0), (("SYNC=yes",), 1)):
        printed = run("make", "crontab", f"CONFIG={file}", *words).stdout
        assert shlex.quote(str(file)) in printed
        assert printed.count("nightly sync") == repairs
    assert run("env", "SYNC=yes", "make", "crontab", f"CONFIG={file}").stdout.count("nightly sync") == 0
    assert "SYNC is yes, or not given" in run("make", "crontab", f"CONFIG={file}", "SYNC=true").stderr


def test_make(made: World, tmp_path: Path) -> None:
    """The targets of the Makefile do what they say; make itself ends with 1, and adds nothing to what the run said."""
    file, runs = config(made, tmp_path), f"RUNS={tmp_path / 'runs'}"
    shown = run("make", "-n", "sync", f"CONFIG={file}", runs)
    assert (shown.returncode, "fastsync.nightly sync" in shown.stdout) == (0, True)
    assert not (tmp_path / "runs").exists()
    done = run("make", "report", f"CONFIG={file}", runs)
    assert done.returncode == 1
    assert "make:" not in done.stderr
    assert "1 missing" in done.stderr
    wrong = run("make", "report", f"CONFIG={file}", runs, "FLAGS=--parallel none")
    assert (wrong.returncode, wrong.stderr.count("***")) == (1, 0)
    assert "exit code 2" in wrong.stderr
    silent(
        run("make", "sync", f"CONFIG={file}", runs, "KEEP=3", "FLAGS=--delete-extra --write-missing --write-differing")
    )
    silent(run("make", "report", f"CONFIG={file}", runs))
    assert "CONFIG" in run("make", "report", runs).stderr


def installed(tmp_path: Path) -> Path:
    """Write the units as they are, but for the paths of an installation; give the folder."""
    paths = {"/opt/fastsync/.venv/bin/python": sys.executable, "/etc/fastsync": str(tmp_path)}
    for unit in (ROOT / "examples/systemd").iterdir():
        text = unit.read_text().replace("/var/lib/fastsync", str(tmp_path / "runs"))
        for there, here in paths.items():
            text = text.replace(there, here)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def test_the_unit(made: World, tmp_path: Path) -> None:
    """The command of the systemd unit does a report, as the file of the instance's name says."""
    config(made, tmp_path)
    unit = (installed(tmp_path) / "fastsync@.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    done = run(*shlex.split(command.replace("%i", "orders")), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "1 missing, 1 differing" in done.stderr
    assert "report report.jsonl" in files(tmp_path / "runs")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_the_units_are_valid(tmp_path: Path) -> None:
    """systemd finds nothing to say about unit and timer."""
    instances = [unit.rename(unit.with_stem("fastsync@orders")) for unit in installed(tmp_path).iterdir()]
    done = run("systemd-analyze", "verify", "--man=no", *instances)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
