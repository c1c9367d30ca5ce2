"""A pool of workers is shared fairly: every run has one before another has two."""

from __future__ import annotations

import threading
import time

from fastsync.aws.shared_cells import SharedCells
from fastsync.workers.processes.pool import WorkerPool


def wait_in_thread(pool: WorkerPool, left: threading.Event) -> tuple[threading.Thread, list[bool]]:
    """Let a run wait for its first worker; give the thread, and where its answer will be."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(pool.wait_for_worker(left.is_set)), daemon=True)
    thread.start()
    return thread, answers


def until_contended(pool: WorkerPool) -> None:
    """Wait until a run waits."""
    end = time.monotonic() + 30
    while not pool.contended:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_second_worker_waits_for_every_first_one() -> None:
    """While a run waits for its first worker, nobody else gets another one; what is released is its."""
    pool, left = WorkerPool(2, SharedCells(1)), threading.Event()
    assert pool.wait_for_worker(left.is_set)
    assert pool.try_reserve()
    assert not pool.try_reserve()
    thread, answers = wait_in_thread(pool, left)
    until_contended(pool)
    assert not pool.try_reserve()
    pool.release()
    thread.join(30)
    assert answers == [True]
    assert not pool.contended
    assert not pool.try_reserve()
    pool.release()
    assert pool.try_reserve()


def test_a_run_that_is_left_waits_no_longer() -> None:
    """A run that is ended while it waits gets no worker, and others do."""
    pool, left = WorkerPool(1, SharedCells(1)), threading.Event()
    assert pool.wait_for_worker(lambda: False)
    thread, answers = wait_in_thread(pool, left)
    until_contended(pool)
    left.set()
    thread.join(30)
    assert answers == [False]
    pool.release()
    assert pool.try_reserve()
