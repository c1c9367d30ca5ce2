"""A fleet: many pairs in one run, on shared workers, each with files of its own; failures stay where they are."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastsync.cli.config_file import read_options
from fastsync.errors import ConfigError
from tests.functional import faults
from tests.functional.proxy import Proxy
from tests.servers import Server, environment
from tests.tables import ROOT, Item, create_table, put_items, read_all, unique

FEW = 30
MASTER, SLAVE = "us-east-1", "us-west-2"


def item(number: int) -> Item:
    """Give an item by its number."""
    return {"id": {"S": f"{number:04}"}, "n": {"N": str(number)}}


def make_pairs(server: Server, counts: Mapping[str, int], lacking: int = 0) -> str:
    """Create a pair of tables for each name, the slaves without the last items; give what their names begin with."""
    begin = unique("f")
    for name, count in counts.items():
        items = [item(number) for number in range(count)]
        create_table(server, MASTER, f"{begin}-m-{name}")
        create_table(server, SLAVE, f"{begin}-s-{name}")
        put_items(server, MASTER, f"{begin}-m-{name}", items)
        put_items(server, SLAVE, f"{begin}-s-{name}", items[: max(0, count - lacking)])
    return begin


def write_file(folder: Path, begin: str, more: str = "", top: str = "") -> Path:
    """Write the file of a fleet for the pairs that begin so, and give its path."""
    file = folder / "fleet.toml"
    file.write_text(
        f'{top}\n[[tables]]\nmaster = "{MASTER}:{begin}-m-*"\nslave = "{SLAVE}:{begin}-s-*"\nname = "*"\n{more}\n'
    )
    return file


def make_entry(begin: str, name: str, flag: str) -> str:
    """Give an entry for one of the pairs that begin so, with a flag of its own."""
    tables = f'master = "{MASTER}:{begin}-m-{name}"\nslave = "{SLAVE}:{begin}-s-{name}"'
    return f'[[tables]]\n{tables}\nname = "{name}"\n{flag}\n'


def start(server: Server, file: Path, *flags: str) -> subprocess.Popen[str]:
    """Start a fleet on this server in a process group of its own."""
    command = [sys.executable, "-m", "fastsync", "fleet", "--config", str(file), "--endpoint-url", server.url, *flags]
    return subprocess.Popen(
        command,
        cwd=file.parent,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_fleet(server: Server, file: Path, *flags: str) -> tuple[int, str, str]:
    """Run a fleet to its end; give its exit code, stdout and stderr."""
    with start(server, file, *flags) as process:
        out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


def read_fleet_json(folder: Path) -> dict[str, dict[str, Any]]:
    """Give the entries of fleet.json by their names."""
    return {each["name"]: each for each in json.loads((folder / "fleet.json").read_bytes())["tables"]}


def test_files_of_each_pair(dynoxide: Server, tmp_path: Path) -> None:
    """Each pair has its report, statistics and page, as a run of its own; `fleet.json` and index.html have all."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": FEW, "empty": 0}, lacking=2)
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    code, printed, told = run_fleet(dynoxide, file, "--output", str(out), "--parallel", "2")
    assert (code, printed) == (1, "")
    found = read_fleet_json(out)
    assert {name: each["exit_code"] for name, each in found.items()} == {"a": 1, "b": 1, "empty": 0}
    for name in ("a", "b"):
        assert found[name]["stats"] == json.loads((out / f"{name}.stats.json").read_bytes())
        assert found[name]["stats"]["slaves"][f"{SLAVE}:{begin}-s-{name}"]["missing"] == 2
        lines = (out / f"{name}.report.jsonl").read_text().splitlines()
        assert json.loads(lines[-1]) == {"complete": True, "differences": 2}
        assert f'<a href="{name}.report.html">' in (out / "index.html").read_text()
    assert {path.name for path in out.iterdir()} == {
        "fleet.json",
        "index.html",
        *(f"{name}.{kind}" for name in found for kind in ("report.jsonl", "stats.json", "report.html")),
    }
    table = told.splitlines()
    assert [line.split()[0] for line in table[-5:-1]] == ["pair", "a", "b", "empty"]


def test_repair_with_undo_logs(dynoxide: Server, tmp_path: Path) -> None:
    """Pairs are repaired as their flags say, with an undo log where one is asked for."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": FEW}, lacking=3)
    own = (
        f'[[tables]]\nmaster = "{MASTER}:{begin}-m-b"\nslave = "{SLAVE}:{begin}-s-b"\nname = "b"\nwrite-missing = false'
    )
    file, out = write_file(tmp_path, begin, own, "write-missing = true\nundo-log = true"), tmp_path / "out"
    assert run_fleet(dynoxide, file, "--output", str(out))[0] == 1
    assert {name: each["exit_code"] for name, each in read_fleet_json(out).items()} == {"a": 0, "b": 1}
    assert len(read_all(dynoxide, SLAVE, f"{begin}-s-a")) == FEW
    assert len(read_all(dynoxide, SLAVE, f"{begin}-s-b")) == FEW - 3
    assert len((out / "a.undo.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(("names", "code"), [(("a", "b"), 4), ((), 3)])
def test_a_pair_that_cannot_be_compared(dynoxide: Server, names: Sequence[str], code: int, tmp_path: Path) -> None:
    """A pair whose slave is not there is told, and the others go on; alone it is exit code 3."""
    begin = make_pairs(dynoxide, {"lost": FEW, **dict.fromkeys(names, FEW)})
    file, out = tmp_path / "fleet.toml", tmp_path / "out"
    entries = [(name, f"{begin}-s-{name}") for name in names] + [("lost", f"{begin}-nowhere")]
    file.write_text(
        "".join(
            f'[[tables]]\nmaster = "{MASTER}:{begin}-m-{name}"\nslave = "{SLAVE}:{slave}"\n' for name, slave in entries
        )
    )
    ended, _, told = run_fleet(dynoxide, file, "--output", str(out))
    assert ended == code
    found = read_fleet_json(out)
    assert found.pop(f"{begin}-m-lost")["stats"] is None
    assert {each["exit_code"] for each in found.values()} <= {0}
    assert f"{begin}-nowhere: no such table" in told


@pytest.mark.parametrize(("operation", "its_code"), [("DescribeTable", 3), ("Scan", 3), ("BatchGetItem", 4)])
def test_access_that_is_denied_to_one_pair(
    proxy: Proxy, dynoxide: Server, operation: str, its_code: int, tmp_path: Path
) -> None:
    """Where a table of one pair may not be read, that pair says so, and the others are compared."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": FEW, "c": FEW}, lacking=1)
    denied = f"{begin}-s-b"
    proxy.add(faults.DENIED, operation, table=denied)
    file, out = write_file(tmp_path, begin, top='strategy = "merge"'), tmp_path / "out"
    code, _, told = run_fleet(replace(dynoxide, url=proxy.url), file, "--output", str(out), "--parallel", "2")
    found = read_fleet_json(out)
    assert code == 4, told
    assert {name: each["exit_code"] for name, each in found.items()} == {"a": 1, "b": its_code, "c": 1}
    assert any(denied in line and "not authorized" in line for line in told.splitlines())


def test_files_that_cannot_be_written_to_their_end(dynoxide: Server, tmp_path: Path) -> None:
    """Where the files of one pair find no room, that pair is incomplete, and the others are whole."""
    begin = make_pairs(dynoxide, {"large": 400, "small": FEW}, lacking=1)
    file, out = write_file(tmp_path, begin, top="report-values = true"), tmp_path / "out"
    for name in range(400):
        put_items(dynoxide, SLAVE, f"{begin}-s-large", [{**item(name), "n": {"S": "x" * 200}}])
    with start(dynoxide, file, "--output", str(out), "--parallel", "2") as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (60_000, 60_000))
        _, told = process.communicate(timeout=120)
    found = read_fleet_json(out)
    assert "Traceback" not in told
    assert {name: each["exit_code"] for name, each in found.items()} == {"large": 4, "small": 1}
    assert process.returncode == 4
    assert "large.report.jsonl" in told


def test_large_tables_in_segments_beside_small_ones(dynoxide: Server, tmp_path: Path) -> None:
    """Whatever a pair's number of segments, all pairs share as many worker processes as --parallel says."""
    begin = make_pairs(dynoxide, {"large": 400, **{f"small{number}": FEW for number in range(6)}}, lacking=1)
    own = make_entry(begin, "large", "segments = 16")
    file, out = write_file(tmp_path, begin, own), tmp_path / "out"
    assert run_fleet(dynoxide, file, "--output", str(out), "--parallel", "3")[0] == 1
    found = read_fleet_json(out)
    assert found["large"]["stats"]["segments"] == 16
    assert found["small0"]["stats"]["segments"] == 1
    assert {each["exit_code"] for each in found.values()} == {1}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_and_a_resume(dynoxide: Server, number: int, code: int, tmp_path: Path) -> None:
    """A signal ends the pairs at work between two pages; `--resume` goes on with what is left, and nothing is lost."""
    begin = make_pairs(dynoxide, {f"t{place}": 60 for place in range(4)}, lacking=2)
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    slowly = ("--output", str(out), "--parallel", "2", "--scan-limit", "2", "--segments", "2")
    with start(dynoxide, file, *slowly, "--max-read-units", "6") as process:
        wait_until(lambda: any(out.glob("*.checkpoint")))
        time.sleep(1)
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
    assert process.returncode == code
    assert {each["exit_code"] for each in read_fleet_json(out).values()} <= {0, 1, code}
    ended, _, told = run_fleet(dynoxide, file, *slowly, "--resume")
    assert ended == 1, told
    for name, each in read_fleet_json(out).items():
        assert each["stats"]["complete"]
        assert each["stats"]["slaves"][f"{SLAVE}:{begin}-s-{name}"]["missing"] == 2
        assert each["stats"]["master"]["scanned"] == 60
        assert len((out / f"{name}.report.jsonl").read_text().splitlines()) == 3
    assert not list(out.glob("*.checkpoint*"))


def test_a_worker_that_is_killed(dynoxide: Server, tmp_path: Path) -> None:
    """A worker that dies is replaced, and the fleet finds what it would have found."""
    begin = make_pairs(dynoxide, {f"t{place}": 60 for place in range(3)}, lacking=2)
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    slowly = ("--output", str(out), "--parallel", "2", "--scan-limit", "2", "--max-read-units", "20")
    with start(dynoxide, file, *slowly) as process:
        wait_until(lambda: len(workers_of(process.pid)) > 0)
        time.sleep(0.5)
        for worker in workers_of(process.pid)[:1]:
            os.kill(worker, signal.SIGKILL)
        process.communicate(timeout=120)
    assert process.returncode == 1
    assert {each["stats"]["complete"] for each in read_fleet_json(out).values()} == {True}


def test_limits_hold_for_each_pair(dynoxide: Server, tmp_path: Path) -> None:
    """Each table has its own budget, over all processes: pairs beside each other do not share one."""
    begin = make_pairs(dynoxide, {"a": 40, "b": 40})
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    flags = ("--parallel", "4", "--segments", "2", "--scan-limit", "1", "--strategy", "merge", "--max-read-units", "8")
    run_fleet(dynoxide, file, "--output", str(out), *flags)
    for each in read_fleet_json(out).values():
        # half a unit for each page of one item; a second's worth is free at the start
        units = each["stats"]["master"]["read_units"]
        assert units >= 20
        assert each["stats"]["elapsed_seconds"] >= (units - 8) / 8 * 0.9


@pytest.mark.parametrize("limit", [("--max-units", "5"), ("--max-cost", "0.000001")])
def test_limits_of_the_whole(dynoxide: Server, limit: Sequence[str], tmp_path: Path) -> None:
    """What all pairs together may consume keeps the fleet from starting, or ends it, with exit code 5."""
    begin = make_pairs(dynoxide, {"a": 60, "b": 60})
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    code, _, told = run_fleet(dynoxide, file, "--output", str(out), "--scan-limit", "2", *limit)
    assert code == 5
    assert limit[0] in told


def test_list(dynoxide: Server, tmp_path: Path) -> None:
    """`--list` prints the pairs on stdout, makes no folder, and tells of slaves' tables without a master."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": 0})
    create_table(dynoxide, SLAVE, f"{begin}-s-old")
    code, printed, told = run_fleet(dynoxide, write_file(tmp_path, begin), "--list")
    assert code == 0
    assert [line.split()[0] for line in printed.splitlines()] == ["pair", "a", "b"]
    assert f"{MASTER}:{begin}-m-a" in printed
    assert f"1 table without a master: {SLAVE}:{begin}-s-old" in told
    assert [path.name for path in tmp_path.iterdir()] == ["fleet.toml"]


def test_bad_folders_and_flags(dynoxide: Server, tmp_path: Path) -> None:
    """A folder that holds files, a resume without a folder, and files of one's own are refused in one sentence."""
    begin = make_pairs(dynoxide, {"a": 0})
    file = write_file(tmp_path, begin)
    for flags, words in (
        (("--output", str(tmp_path)), "has files in it"),
        (("--resume",), "--resume needs --output"),
        (("--report", "x"), "--report does not go with a fleet"),
        (("--undo-log", "x"), "undo-log = true"),
        (("--master", "us-east-1:a"), "--master does not go with a fleet"),
        (("--executor", "inline"), "--executor processes only"),
        (("--parallel", "0"), "--parallel"),
    ):
        code, printed, told = run_fleet(dynoxide, file, *flags)
        assert (code, printed, told.count("\n")) == (2, "", 1), told
        assert words in told


def test_the_file_of_a_fleet_without_the_command(tmp_path: Path) -> None:
    """A run that is given a fleet's file says which command takes it."""
    with pytest.raises(ConfigError, match="fastsync fleet --config"):
        read_options(str(write_file(tmp_path, "any")))


def test_pairs_without_a_checkpoint(dynoxide: Server, tmp_path: Path) -> None:
    """Pairs of given keys, and pairs with an export, are compared beside the others, also in a resumed run."""
    begin = make_pairs(dynoxide, {"live": FEW, "keys": FEW}, lacking=1)
    export = tmp_path / "export"
    export.mkdir()
    (export / "data.json").write_text("".join(f"{json.dumps({'Item': item(number)})}\n" for number in range(FEW)))
    file, out = tmp_path / "fleet.toml", tmp_path / "out"
    file.write_text(
        make_entry(begin, "keys", """key = '{"id":"0029"}'""")
        + make_entry(begin, "live", "")
        + f'[[tables]]\nname = "export"\nmaster = "export:{export}"\nslave = "{SLAVE}:{begin}-s-live"\n'
    )
    for more in ((), ("--resume",)):
        code, _, told = run_fleet(dynoxide, file, "--output", str(out), *more)
        assert code == 1, told
        missing = {
            name: [slave["missing"] for slave in each["stats"]["slaves"].values()]
            for name, each in read_fleet_json(out).items()
        }
        assert missing == {"keys": [1], "live": [1], "export": [1]}


def test_metrics(dynoxide: Server, tmp_path: Path) -> None:
    """The metrics of a fleet have each pair's figures with its name and its tables as labels."""
    begin = make_pairs(dynoxide, {"a": FEW}, lacking=1)
    file, metrics = write_file(tmp_path, begin), tmp_path / "nightly.prom"
    run_fleet(dynoxide, file, "--output", str(tmp_path / "out"), "--metrics-file", str(metrics), "--quiet")
    lines = metrics.read_text().splitlines()
    assert 'fastsync_last_exit_code{run="nightly"} 1' in lines
    assert f'fastsync_items{{run="nightly",pair="a",slave="{SLAVE}:{begin}-s-a",verdict="missing"}} 1' in lines
    assert lines[-1] == "# EOF"


def wait_until(holds: Any, seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def workers_of(parent: int) -> list[int]:
    """Give the worker processes of a run: the children of its fork server."""
    by_parent: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        by_parent.setdefault(int(fields[1]), []).append(int(status.parent.name))
    return [worker for child in by_parent.get(parent, []) for worker in by_parent.get(child, [])]
