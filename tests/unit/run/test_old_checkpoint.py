"""Names of fields are part of a checkpoint's format: classes may move and be renamed, fields may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastsync.run.checkpoints.form import decode_checkpoint
from tests.unit.run.test_checkpoint import checkpoint

OLD = Path(__file__).with_name("old_checkpoint.json")
"""Written by the revision before the modules moved into packages."""


def test_a_checkpoint_of_before_the_packages_is_read() -> None:
    """An upgrade between a run and its resume loses no progress: the old file says the same as ever."""
    assert replace(decode_checkpoint(OLD.read_bytes()), settings={}) == replace(checkpoint(), settings={})
