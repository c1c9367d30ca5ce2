"""A run's spool is its own, and goes with it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fastsync.errors import ConfigError
from fastsync.spool.folder import SpoolFolder, remove_abandoned

HOLD = "import sys, time; from pathlib import Path; from fastsync.spool.folder import SpoolFolder; "


def test_a_folder_is_private_and_removed(tmp_path: Path) -> None:
    """Nobody else may look into the folder; at the end it is gone with all that is in it."""
    folder = SpoolFolder(tmp_path)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    (folder.path / "0-0").write_bytes(b"x")
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_only_abandoned_folders_are_removed(tmp_path: Path) -> None:
    """A folder goes once its process is gone; one of a living run stays, and so does all that is no spool."""
    mine = SpoolFolder(tmp_path)
    (tmp_path / "other").mkdir()
    script = f"{HOLD}print(SpoolFolder(Path({str(tmp_path)!r})).path, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        remove_abandoned(tmp_path)
        assert left.exists()
        other.kill()
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine.path.name, "other"}
    mine.remove()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A place that is no folder is one sentence that names the flag."""
    with pytest.raises(ConfigError, match=r"^--spool: no folder can be made in .*gone: No such file or directory$"):
        SpoolFolder(tmp_path / "gone")
