"""The checkpoint's file: what was written comes back, one run has it at a time, and the old one outlives a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastsync import Policy
from fastsync.config.config import Config
from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.difference import Difference, Effect, Tally, Verdict
from fastsync.model.messages.events import PageDone
from fastsync.output.durable import FilePosition
from fastsync.run.checkpoints.file import CheckpointFile, check_settings, check_tables, collect_settings
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.outcome import Totals
from fastsync.run.sampling import Counts
from fastsync.run.segment_totals import OpenSegment, SegmentTotalsState
from fastsync.run.tasks.agenda import Backlog, PendingSegments, StartedSegment
from fastsync.run.tasks.deletes import Chunks
from fastsync.run.tasks.waiting_extras import WaitingExtras
from fastsync.workers.pending_pages import IN_MEMORY, PendingPages

A, B = "us-west-2:a", "us-west-2:b"
KEY = {"id": {"S": "ä\n"}}
FAILED = Difference(A, Verdict.DIFFERING, KEY, ("v",), Effect.FAILED, "too large")


def checkpoint() -> Checkpoint:
    """Give a checkpoint in which every field says something."""
    left = Backlog((StartedSegment(3, (A,), False, b'{"":"x"}', 12),), (PendingSegments(5, (A,)),))
    counts = Counts()
    counts.add_segment(4)
    spread = SegmentTotalsState({3: OpenSegment(7, {A: Tally(missing=2)})}, {A: counts})
    totals = Totals(Tally(scanned=9, read_units=1.5), {A: Tally(same=8, recheck_units=0.5)}, {A: FAILED}, spread)
    kept = collect_settings(config(), None)
    marks, chunks = (FilePosition(10, 2), {A: FilePosition(50_000, 1500)}), {A: Chunks(700, (0, 2))}
    return Checkpoint(kept, {A: ("a", "1")}, "merge", 8, left, totals, *marks, chunks, 40)


def config(**flags: Any) -> Config:
    return Config.of("us-east-1:m", [A], flags)


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: writes fail then, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    """A run that resumes reads what the one before has written last, to the last counter."""
    path = tmp_path / "cp"
    file = CheckpointFile(str(path), resume=False)
    assert file.read_checkpoint() is None
    file.write_checkpoint(replace(checkpoint(), total=1))
    file.write_checkpoint(checkpoint())
    file.close()
    again = CheckpointFile(str(path), resume=True)
    assert again.read_checkpoint() == checkpoint()
    again.remove_file()
    assert list(tmp_path.iterdir()) == []


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """A file that a run works with is refused to every other one, until it is left."""
    path = str(tmp_path / "cp")
    first, second = CheckpointFile(path, resume=False), CheckpointFile(path, resume=False)
    first.write_checkpoint(checkpoint())
    with pytest.raises(OutputFailed, match="another run"):
        second.write_checkpoint(replace(checkpoint(), total=1))
    for resume, why in ((True, "still at work"), (False, "--resume")):
        with pytest.raises(ConfigError, match=why):
            CheckpointFile(path, resume)
    first.close()
    third = CheckpointFile(path, resume=True)
    assert third.read_checkpoint() == checkpoint()
    third.close()


def test_the_old_one_outlives_a_full_disk(tmp_path: Path) -> None:
    """A checkpoint that does not fit any more is told, and the file holds the one before, whole."""
    file = CheckpointFile(str(tmp_path / "cp"), resume=False)
    file.write_checkpoint(checkpoint())
    long = replace(
        checkpoint(), total=1000, left=Backlog(tuple(StartedSegment(number, (A,)) for number in range(1000)), ())
    )
    with full_disk(8192), pytest.raises(OutputFailed, match=r"cp cannot be written: .*too large"):
        file.write_checkpoint(long)
    assert [path.name for path in tmp_path.iterdir()] == ["cp"]
    assert file.read_checkpoint() == checkpoint()
    file.write_checkpoint(long)  # there is room again
    assert file.read_checkpoint() == long
    file.close()


def test_extras_on_a_full_disk(tmp_path: Path) -> None:
    """Extras that the disk does not take are told at the latest when the checkpoint would rely on them."""
    for path in (tmp_path / "extras", None):
        waiting = WaitingExtras(path)
        with full_disk(8192), pytest.raises(OutputFailed, match="extras cannot be kept"):
            for number in range(1000):
                waiting.add_extra(Difference(A, Verdict.EXTRA, {"id": {"N": str(number)}}))
            waiting.sync()


def test_pages_that_are_held_back_on_a_full_disk() -> None:
    """Pages that have to be put aside and cannot be are told."""
    found = tuple(Difference(A, Verdict.MISSING, {"id": {"N": str(number)}}) for number in range(IN_MEMORY + 1))
    with full_disk(8192), pytest.raises(OutputFailed, match="pages cannot be kept"):
        PendingPages().add_page(PageDone(Tally(), (Tally(),), found))


class Mine(Policy):
    """A policy of the user's."""


OTHERS: dict[str, tuple[Config, object, str]] = {
    "an ignored attribute": (config(ignore=["x"]), None, "--ignore was [] and is now [\"x\"]"),
    "another slave": (Config.of("us-east-1:m", [B], {}), None, f"--slaves was [{A}] and is now [{B}]"),
    "another endpoint": (config(endpoint_url="http://x"), None, "--endpoint-url was not given and is now \"http://x\""),
    "a policy": (config(), Mine(), "--policy was not given and is now \"tests.unit.run.test_checkpoint:Mine\""),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_other_settings_are_refused(other: str) -> None:
    """A run with other settings may not go on; the sentence says which were what, and are now."""
    now, policy, told = OTHERS[other]
    with pytest.raises(ConfigError) as refused:
        check_settings(checkpoint(), Path("cp"), collect_settings(now, policy))
    assert told in str(refused.value)


def test_what_may_be_another() -> None:
    """Pace, access and what is only shown may be others in the run that goes on."""
    now = config(parallel=8, max_read_units="5", profile="other", verbose=True, stats="stats.json")
    check_settings(checkpoint(), Path("cp"), collect_settings(now, None))


def test_a_table_that_was_made_again() -> None:
    """A table of the same name that is not the same table is refused; one that the checkpoint does not know is not."""
    check_tables(checkpoint(), Path("cp"), {A: ("a", "1"), "us-west-2:new": ("n",)})
    with pytest.raises(ConfigError, match=f"{A} was deleted and made again"):
        check_tables(checkpoint(), Path("cp"), {A: ("a", "2")})
