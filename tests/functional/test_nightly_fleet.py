"""Scheduled runs of a fleet: under the same lock as a single run, in dated folders, silent when all is well."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.functional.test_fleet import FEW, MASTER, SLAVE, make_pairs, write_file
from tests.servers import Server, environment
from tests.tables import ROOT, read_all

DATED = re.compile(r"\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-(report|sync)(\.log)?")


def schedule(what: str, file: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Do one scheduled run."""
    return subprocess.run(
        [sys.executable, "-m", "fastsync.nightly", what, str(file), "--folder", "runs", *flags],
        cwd=file.parent,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def folder_of(what: str, folder: Path) -> Path:
    """Give the one folder of the runs of a kind."""
    (found,) = (path for path in folder.iterdir() if path.is_dir() and path.name.endswith(f"-{what}"))
    return found


def test_report_and_sync(dynoxide: Server, tmp_path: Path) -> None:
    """A report writes nothing and mails the worst pairs; a repair writes, with undo logs; then all is silent."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": FEW}, lacking=2)
    file = write_file(tmp_path, begin, top=f'endpoint-url = "{dynoxide.url}"\nwrite-missing = true')
    told = schedule("report", file)
    assert told.returncode == 1
    assert "the report ended with exit code 1" in told.stderr
    assert [line.split()[0] for line in told.stderr.splitlines()[1:4]] == ["pair", "a", "b"]
    assert len(read_all(dynoxide, SLAVE, f"{begin}-s-a")) == FEW - 2
    assert schedule("sync", file).returncode == 0
    assert len(read_all(dynoxide, SLAVE, f"{begin}-s-a")) == FEW
    runs = tmp_path / "runs" / "fleet"
    assert len((folder_of("sync", runs) / "a.undo.jsonl").read_text().splitlines()) == 2
    assert all(DATED.fullmatch(path.name) for path in runs.iterdir() if path.name != "lock")
    quiet = schedule("sync", file)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_old_folders_are_deleted(dynoxide: Server, tmp_path: Path) -> None:
    """Folders of runs older than --keep days are deleted by the date in their names, and nothing else."""
    begin = make_pairs(dynoxide, {"a": 0})
    file = write_file(tmp_path, begin, top=f'endpoint-url = "{dynoxide.url}"')
    runs = tmp_path / "runs" / "fleet"
    for name in ("2020-01-01T000000.000Z-report", "2020-01-01T000000.000Z-mine", "other"):
        (runs / name).mkdir(parents=True)
        (runs / name / "fleet.json").write_text("{}")
    assert schedule("report", file).returncode == 0
    left = {path.name for path in runs.iterdir() if path.is_dir()} - {folder_of("report", runs).name}
    assert left == {"2020-01-01T000000.000Z-mine", "other"}


def test_what_did_not_end_goes_on(dynoxide: Server, tmp_path: Path) -> None:
    """The next run of its kind goes on in the folder of one that was ended, and does the rest."""
    begin = make_pairs(dynoxide, {"a": 40, "b": 40})
    file = write_file(tmp_path, begin, top=f'endpoint-url = "{dynoxide.url}"\nscan-limit = 1')
    stopped = schedule("report", file, "--max-duration", "2", "--max-read-units", "4")
    assert stopped.returncode == 4
    assert "the next report goes on" in stopped.stderr
    first = folder_of("report", tmp_path / "runs" / "fleet")
    assert schedule("report", file).returncode == 0
    assert folder_of("report", tmp_path / "runs" / "fleet") == first
    found = json.loads((first / "fleet.json").read_bytes())
    assert [each["stats"]["master"]["scanned"] for each in found["tables"]] == [40, 40]
    assert found["tables"][0]["master"] == f"{MASTER}:{begin}-m-a"
