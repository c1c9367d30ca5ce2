"""When the parent waits for its workers."""

from __future__ import annotations

import pytest

from fastsync.aws.shared_cells import SharedCells
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import Crew, ProcessExecutor


def test_without_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage without tasks starts no worker, and waits for none."""
    waits: list[float] = []

    def wait_for_ready(_: object, seconds: float) -> list[object]:
        waits.append(seconds)
        return []

    monkeypatch.setattr(Crew, "wait_for_ready", wait_for_ready)
    executor = ProcessExecutor(2, lambda: [], SharedCells(1))
    assert not list(executor.run([], Interrupt()))
    assert not waits
