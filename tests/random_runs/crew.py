"""Many runs on some processes, each with a server of its own and several runs under way at once."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.random_runs import plans
from tests.random_runs.runs import Stage

LOOK = 5.0
"""Seconds between two looks at whether all processes are alive."""


class Job(NamedTuple):
    """A run's seed, the modes and the speed of writes to draw from, and where files of what went wrong go."""

    seed: int
    modes: Sequence[str]
    slow: bool | None
    keep: Path


class Ended(NamedTuple):
    """A run that has ended: its seed, its kind and plan in words, and what is wrong."""

    seed: int
    kind: str
    plan: str
    wrong: list[str]


def carried_out(jobs: Sequence[Job], workers: int, lanes: int) -> Iterator[Ended]:
    """Carry runs out on some processes, and yield them as they end."""
    context = multiprocessing.get_context("spawn")
    waiting: Any = context.Queue()
    ended: Any = context.Queue()
    for job in jobs:
        waiting.put(job)
    processes = [
        context.Process(target=_work, args=(waiting, ended, lanes, os.getpid()), daemon=True) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    left = len(jobs)
    try:
        while left:
            try:
                yield ended.get(timeout=LOOK)
                left -= 1
            except queue.Empty:
                if not all(process.is_alive() for process in processes):
                    raise RuntimeError("a process of the harness has died") from None
    finally:
        for _ in range(0 if left else workers * lanes):
            waiting.put(None)
        for process in processes:
            process.join(0 if left else LOOK)
            process.terminate()


def _work(waiting: Any, ended: Any, lanes: int, parent: int) -> None:
    with Stage() as stage, ThreadPoolExecutor(lanes) as pool:

        def end_early(*_: object) -> None:
            stage.abandon()
            os._exit(1)

        def follow() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            end_early()

        signal.signal(signal.SIGTERM, end_early)
        threading.Thread(target=follow, daemon=True).start()
        for lane in [pool.submit(_lane, stage, waiting, ended) for _ in range(lanes)]:
            lane.result()


def _lane(stage: Stage, waiting: Any, ended: Any) -> None:
    while (job := waiting.get()) is not None:
        plan = plans.make(job.seed, job.modes, job.slow)
        wrong = stage.carry_out(plan, job.keep / str(job.seed))
        ended.put(Ended(plan.seed, f"{plan.mode}{', slow' if plan.slow else ''}", str(plan), wrong))
