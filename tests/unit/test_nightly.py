"""Scheduled runs that are refused before anything is read: what their mail says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastsync.nightly import command as nightly
from fastsync.run.checkpoints.form import Checkpoint, encode_checkpoint
from fastsync.run.outcome import NOTHING_COUNTED
from fastsync.run.tasks.agenda import Backlog

DATE = "2026-11-24T020000.000Z"
OLD = {
    **{"complete": False, "strategy": "merge", "segments": 1, "elapsed_seconds": 1.0, "sample": None, "shard": None},
    **{"master": {"table": "us-east-1:a", "scanned": 1, "read_units": 1.0}, "slaves": {}, "errors": ["yesternight"]},
}


@pytest.mark.parametrize(("stopped", "files"), [("", "20"), ("runs/orders", DATE)], ids=["elsewhere", "here"])
def test_a_refusal_tells_of_nothing_older(
    stopped: str, files: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that may not go on, since settings were changed, says so, and not what the run that stopped had found."""
    (folder := tmp_path / "runs" / "orders").mkdir(parents=True)
    (folder / f"{DATE}-report.stats.json").write_text(json.dumps(OLD))
    (folder / f"{DATE}-report.log").write_text('{"time": "", "level": "error", "message": "yesternight"}\n')
    report = tmp_path / stopped / f"{DATE}-report.report.jsonl"
    settings = {"report": str(report), "slaves": [{"text": "us-west-2:b"}]}
    then = Checkpoint(settings, {}, "merge", 1, Backlog.whole(["us-west-2:b"], []), NOTHING_COUNTED)
    (tmp_path / "kept.report").write_bytes(encode_checkpoint(then))
    config = tmp_path / "orders.toml"
    config.write_text(f'master = "us-east-1:a"\nslave = "us-west-2:b"\ncheckpoint = "{tmp_path / "kept"}"\n')
    assert nightly.main(["report", str(config), "--folder", str(tmp_path / "runs")]) == 2
    told = capfd.readouterr().err
    assert "is of a run with other tables or settings" in told
    assert f"files: {folder / files}" in told
    assert "yesternight" not in told
    assert "scanned" not in told
    assert "goes on from" not in told
    assert (tmp_path / "kept.report").exists()
