"""Run tasks on a Spark cluster, each as a job with one Spark task, so that each counts exactly once.

The lines of a task's differences are what its job saves: Spark commits the output of one attempt only. Its other events
come back in an accumulator, which takes in one attempt only too. So a segment that Spark runs twice counts once.
"""

from __future__ import annotations

import pickle
import sys
import uuid
import zipimport
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Generic

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.errors import OutputFailed
from fastsync.model.messages.events import Event, PageDone, ReportPart, TaskFailed, TaskStopped
from fastsync.model.messages.tasks import SpoolTask, Task
from fastsync.output.report_line import ReportLines
from fastsync.workers.executor import T
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.spark.cluster import Cluster
from fastsync.workers.spark.condense import EventSummary
from fastsync.workers.spark.divided_limits import count_shares, divide_limits
from fastsync.workers.spark.part_store import root_cause
from fastsync.workers.task import run_task

TICK = 0.2
"""Seconds between two looks at interrupts and credentials while no job ends."""
SPARE = 4
"""One job in so many waits at Spark for a core to be free, so that no core waits for the driver."""


@dataclass(frozen=True)
class TaskRunner:
    """What a Spark task needs beside its fastsync task; it travels in the job's closure, which nothing shows."""

    credentials: tuple[Credentials, ...]
    lines: ReportLines | None
    number: int

    def __call__(self, tasks: Iterable[bytes], results: Any) -> Iterator[str]:
        """Run the tasks: yield the lines of the report, and add everything else to the accumulator `results`."""
        for pickled in tasks:
            try:
                task: Task = pickle.loads(pickled)
            except Exception as error:  # a policy's module is not there
                failed = TaskFailed(f"an executor could not take its task up: {type(error).__name__}: {error}")
                results.add({self.number: (0, [failed])})
                return
            yield from self._run(task, results)
        _forget_zips()

    def _run(self, task: Task, results: Any) -> Iterator[str]:
        clients = Clients(Keyring(self.credentials), SharedCells(1 + len(task.terms.slaves)))
        summary = EventSummary(task)
        written = 0
        try:
            for difference in summary.differences(run_task(task, clients, lambda: False)):
                if self.lines is not None:
                    written += 1
                    yield self.lines.format_line(difference)
            clients.repay_budgets()
        finally:
            clients.close_all()
        results.add({self.number: (written, summary.events)})


def _forget_zips() -> None:
    """Forget who imports from zips: pyspark has each read its whole zip anew before a task, 0.1 s up to Python 3.11."""
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[path]


class SparkExecutor:
    """Have a cluster work on up to `at_once` tasks; `current` returns the accounts' credentials valid now."""

    def __init__(
        self, cluster: Cluster, at_once: int, lines: ReportLines, current: Callable[[], Sequence[Credentials]]
    ):
        self._cluster = cluster
        self._at_once = at_once
        self._lines = lines
        self._current = current

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield each task's events when it has ended; start no further task once interrupted.

        Limits are divided among the tasks that are at work at once, so no more of them are then.
        """
        waiting = iter(tasks)
        ready = deque(islice(waiting, self._at_once))
        if not ready:
            return
        share = count_shares(ready[0].terms, len(ready))
        most = share or self._at_once + -(-self._at_once // SPARE)
        desk: _Desk[T] = _Desk(self._cluster, self._lines, share or 1, most)
        with closing(desk):
            while True:
                # a task has no way to ask for others: it is not to wait for them
                credentials = tuple(replace(each, renewable=False) for each in self._current())
                while not interrupt.count and len(desk.running) < most:
                    task = ready.popleft() if ready else next(waiting, None)
                    if task is None:
                        break
                    desk.submit_task(task, credentials)
                if not desk.running:
                    return
                for task, events in desk.wait_for_ended():
                    for event in events:
                        yield task, event
                if interrupt.count > 1:
                    desk.cancel_all()


class _Desk(Generic[T]):
    """The jobs under way: each has a thread of the driver, which waits for it."""

    def __init__(self, cluster: Cluster, lines: ReportLines, share: int, most: int):
        self.running: dict[Future[list[Event]], T] = {}
        self._context = cluster.context
        self._folder = cluster.folder
        self._lines = None if cluster.folder is None else lines
        self._share = share
        self._group = f"fastsync-{uuid.uuid4()}"
        self._cancelled = False
        self._numbers = count()
        self._results = cluster.context.accumulator({}, _EventsByNumber())
        self._pool = ThreadPoolExecutor(most)

    def submit_task(self, task: T, credentials: tuple[Credentials, ...]) -> None:
        """Have a task worked on."""
        number = next(self._numbers) if self._folder is None else self._folder.next_number()
        runner = TaskRunner(credentials, self._lines, number)
        sent = pickle.dumps(replace(task, terms=divide_limits(task.terms, self._share)))
        self.running[self._pool.submit(self._wait_for_job, runner, sent, task)] = task

    def wait_for_ended(self) -> Iterator[tuple[T, list[Event]]]:
        """Wait a little, and yield the tasks that have ended, each with its events."""
        done, _ = wait(self.running, TICK, FIRST_COMPLETED)
        for future in done:
            yield self.running.pop(future), future.result()

    def cancel_all(self) -> None:
        """Have Spark end all tasks at once."""
        self._cancelled = True
        with suppress(Exception):  # then Spark is gone, and all its tasks with it
            self._context.cancelJobGroup(self._group)

    def close(self) -> None:
        """Leave nothing at work."""
        if self.running:
            self.cancel_all()
        self._pool.shutdown(cancel_futures=True)

    def _wait_for_job(self, runner: TaskRunner, sent: bytes, task: Task | SpoolTask) -> list[Event]:
        """Wait for a task's job, and return its events; a job that failed has changed nothing that counts."""
        try:
            return self._run_job(runner, sent, str(task))
        except Exception as error:
            if self._folder is not None:
                with suppress(OutputFailed):  # what is left is removed at the end
                    self._folder.remove_part(runner.number)
            if self._cancelled:
                return [TaskStopped()]
            return [TaskFailed(f"{task}: its Spark job failed: {root_cause(error)}", died=True)]

    def _run_job(self, runner: TaskRunner, sent: bytes, name: str) -> list[Event]:
        self._context.setJobGroup(self._group, f"fastsync: {name}", interruptOnCancel=True)
        results = self._results
        lines = self._context.parallelize([sent], 1).mapPartitions(lambda tasks: runner(tasks, results))
        if self._folder is None:
            lines.count()
        else:
            lines.saveAsTextFile(self._folder.part_path(runner.number))
        written, events = results.value.pop(runner.number)
        if self._folder is None:
            return list(events)
        if not written:
            self._folder.remove_part(runner.number)
            return list(events)
        return _attach_part(events, ReportPart(runner.number, written))


def _attach_part(events: Sequence[Event], part: ReportPart) -> list[Event]:
    """Put a task's part of the report into its first page, which is the first that counts."""
    attached = list(events)
    index = next(index for index, event in enumerate(events) if isinstance(event, PageDone))
    page = attached[index]
    assert isinstance(page, PageDone)
    attached[index] = replace(page, part=part)
    return attached


class _EventsByNumber:
    """What pyspark calls an AccumulatorParam: what jobs report, by their numbers."""

    def zero(self, value: dict[int, object]) -> dict[int, object]:
        return {}

    def addInPlace(self, value: dict[int, object], more: dict[int, object]) -> dict[int, object]:
        value.update(more)
        return value
