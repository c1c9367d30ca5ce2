"""A run's spool is its own, and goes with it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastsync.errors import ConfigError
from fastsync.spool.folder import make_folder, remove_abandoned

HOLD = "import sys, time; from pathlib import Path; from fastsync.spool.folder import make_folder; "


def test_a_folder_is_private_and_removed(tmp_path: Path) -> None:
    """Nobody else may look into the folder; at the end it is gone with all that is in it."""
    folder = make_folder(tmp_path)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    (folder.path / "0-0").write_bytes(b"x")
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_only_abandoned_folders_are_removed(tmp_path: Path) -> None:
    """A folder goes once its process is gone; one of a living run stays, and so does all that is no spool."""
    mine = make_folder(tmp_path)
    (tmp_path / "other").mkdir()
    script = f"{HOLD}print(make_folder(Path({str(tmp_path)!r})).path, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        remove_abandoned(tmp_path)
        assert left.exists()
        other.kill()
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine.path.name, "other"}
    mine.remove()


def test_a_worker_adds_nothing_to_a_folder_that_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that outlives its run cannot make a file where the folder was, so nothing of it is left."""
    folder = make_folder(tmp_path)
    refused: list[bool] = []

    def remove_slowly(path: Path, ignore_errors: bool) -> None:
        for part in (folder.path / "late", folder.path / "lock"):
            try:
                part.write_bytes(b"x")
            except FileNotFoundError:
                refused.append(True)
        remove(path, ignore_errors)

    remove = shutil.rmtree
    monkeypatch.setattr("fastsync.spool.folder.shutil.rmtree", remove_slowly)
    folder.remove()
    assert refused == [True, True]
    assert not list(tmp_path.iterdir())


def test_what_a_killed_removal_has_left_is_removed(tmp_path: Path) -> None:
    """A folder without a lock goes: at once where it was being removed, and after a while where it was being made."""
    names = ("removed.gone", "old", "new")
    for name in names:
        (tmp_path / f"fastsync-spool-{name}").mkdir()
    os.utime(tmp_path / "fastsync-spool-old", (time.time() - 3600, time.time() - 3600))
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fastsync-spool-new"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A place that is no folder is one sentence that names the flag."""
    with pytest.raises(ConfigError, match=r"^--spool: no folder can be made in .*gone: No such file or directory$"):
        make_folder(tmp_path / "gone")
