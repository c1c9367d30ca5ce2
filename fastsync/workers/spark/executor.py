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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Generic

from fastsync import __version__
from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.config.config import Config
from fastsync.errors import ConfigError, Interrupted, OutputFailed
from fastsync.model.events import Event, PageDone, ReportPart, Task, TaskFailed, TaskStopped
from fastsync.output.report_line import ReportLines
from fastsync.workers.executor import T
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.spark.condense import EventSummary
from fastsync.workers.spark.divided_limits import count_shares, divide_limits
from fastsync.workers.spark.part_store import SparkPartStore, root_cause
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

    def __call__(self, tasks: Iterable[bytes], told: Any) -> Iterator[str]:
        """Do the tasks: yield the lines of the report, and put everything else into `told`."""
        for pickled in tasks:
            try:
                task: Task = pickle.loads(pickled)
            except Exception as error:  # a policy's module is not there
                failed = TaskFailed(f"an executor could not take its task up: {type(error).__name__}: {error}")
                told.add({self.number: (0, [failed])})
                return
            clients = Clients(Keyring(self.credentials), SharedCells(1 + len(task.terms.slaves)))
            condensed, written = EventSummary(task), 0
            try:
                for difference in condensed.differences(run_task(task, clients, lambda: False)):
                    if self.lines is not None:
                        written += 1
                        yield self.lines.format_line(difference)
                clients.repay_budgets()
            finally:
                clients.close_all()
            told.add({self.number: (written, condensed.events)})
        _forget_zips()


def _forget_zips() -> None:
    """Forget who imports from zips: pyspark has each read its whole zip anew before a task, 0.1 s up to Python 3.11."""
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[path]


class Cluster:
    """A Spark context, and the folder into which tasks write the report."""

    def __init__(self, context: Any):
        self.context = context
        self.folder: SparkPartStore | None = None

    @property
    def cores(self) -> int:
        """How many tasks run at once, as far as Spark knows now."""
        return max(1, int(self.context.defaultParallelism))

    def check_version(self) -> None:
        """Raise ConfigError where executors do not load this fastsync; waits until there is one."""
        try:
            there = self.context.parallelize([__version__], 1).map(_return_version).collect()[0]
        except Interrupted:
            raise
        except Exception as error:
            raise ConfigError(
                f"the executors cannot load fastsync ({root_cause(error)}): it has to be sent along, see docs/spark.md"
            ) from None
        if there != __version__:
            raise ConfigError(f"the executors have fastsync {there}, and here it is {__version__}")

    def open_folder(self, path: str) -> SparkPartStore:
        """Open the folder of the report; raise ConfigError where it cannot be written."""
        self.folder = SparkPartStore(self.context, path)
        return self.folder


@contextmanager
def open_cluster(config: Config) -> Iterator[Cluster]:
    """Return the cluster of the Spark context that is there, else of one that lasts as long as the run.

    Raises ConfigError where Spark is not there, or not such that the run is safe on it.
    """
    try:
        from pyspark import SparkConf, SparkContext
    except ImportError:
        raise ConfigError(
            "--executor spark needs pyspark: pip install 'fastsync[spark]', or use spark-submit"
        ) from None
    context = SparkContext._active_spark_context
    own = context is None
    if context is None:
        conf = SparkConf().setIfMissing("spark.app.name", "fastsync").set("spark.ui.showConsoleProgress", "false")
        if not config.repairing.nothing:
            conf.set("spark.speculation", "false")
        try:
            context = SparkContext(conf=conf)
        except Exception as error:
            raise ConfigError(f"--executor spark: Spark does not start: {root_cause(error)}") from None
    try:
        _check_context(config, context)
        yield Cluster(context)
    finally:
        if own:
            with suppress(Exception):  # its JVM may be gone
                context.stop()


def _check_context(config: Config, context: Any) -> None:
    if not config.repairing.nothing and context.getConf().get("spark.speculation", "false").lower() == "true":
        raise ConfigError(
            "this Spark context has spark.speculation on, which would do writes twice at the same time: "
            "turn it off for runs that write"
        )
    if config.undo_log is not None and not context.master.startswith("local"):
        raise ConfigError(
            f"--undo-log is one file of one machine, and the executors of {context.master} are on others: "
            "use it with --executor processes"
        )


def _return_version(_: str) -> str:
    return __version__


class SparkExecutor:
    """Have a cluster work on up to `at_once` tasks; `current` gives the accounts' credentials valid now."""

    def __init__(
        self, cluster: Cluster, at_once: int, lines: ReportLines, current: Callable[[], Sequence[Credentials]]
    ):
        self._cluster = cluster
        self._at_once = at_once
        self._lines = lines
        self._current = current

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield each task's events when it has ended; start no further task once interrupted.

        Limits are shared out among the tasks that are at work at once, so no more of them are then.
        """
        waiting = iter(tasks)
        ready = deque(islice(waiting, self._at_once))
        if not ready:
            return
        share = count_shares(ready[0].terms, len(ready))
        most = share or self._at_once + -(-self._at_once // SPARE)
        desk: _Desk[T] = _Desk(self._cluster, self._lines, share or 1, most)
        try:
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
        finally:
            desk.close()


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
        self._told = cluster.context.accumulator({}, _EventsByNumber())
        self._pool = ThreadPoolExecutor(most)

    def submit_task(self, task: T, credentials: tuple[Credentials, ...]) -> None:
        """Have a task worked on."""
        number = next(self._numbers) if self._folder is None else self._folder.next_number()
        work = TaskRunner(credentials, self._lines, number)
        sent = pickle.dumps(replace(task, terms=divide_limits(task.terms, self._share)))
        self.running[self._pool.submit(self._wait_for_job, work, sent, task)] = task

    def wait_for_ended(self) -> Iterator[tuple[T, list[Event]]]:
        """Wait a little, and give what has come to an end."""
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

    def _wait_for_job(self, work: TaskRunner, sent: bytes, task: Task) -> list[Event]:
        """Wait for a task's job, and give its events; a job that failed has changed nothing that counts."""
        try:
            return self._run_job(work, sent, str(task))
        except Exception as error:
            if self._folder is not None:
                with suppress(OutputFailed):  # what is left is swept away at the end
                    self._folder.remove_part(work.number)
            if self._cancelled:
                return [TaskStopped()]
            return [TaskFailed(f"{task}: its Spark job failed: {root_cause(error)}", died=True)]

    def _run_job(self, work: TaskRunner, sent: bytes, name: str) -> list[Event]:
        self._context.setJobGroup(self._group, f"fastsync: {name}", interruptOnCancel=True)
        told = self._told
        lines = self._context.parallelize([sent], 1).mapPartitions(lambda tasks: work(tasks, told))
        if self._folder is None:
            lines.count()
        else:
            lines.saveAsTextFile(self._folder.part_path(work.number))
        written, events = told.value.pop(work.number)
        if self._folder is None:
            return list(events)
        if not written:
            self._folder.remove_part(work.number)
            return list(events)
        return _attach_part(events, ReportPart(work.number, written))


def _attach_part(events: Sequence[Event], part: ReportPart) -> list[Event]:
    """Tell of a task's part of the report with the first page, which is the first that counts."""
    place = next(place for place, event in enumerate(events) if isinstance(event, PageDone))
    page = events[place]
    assert isinstance(page, PageDone)
    return [*events[:place], replace(page, part=part), *events[place + 1 :]]


class _EventsByNumber:
    """What pyspark calls an AccumulatorParam: what jobs tell, by their numbers."""

    def zero(self, value: dict[int, object]) -> dict[int, object]:
        return {}

    def addInPlace(self, value: dict[int, object], more: dict[int, object]) -> dict[int, object]:
        value.update(more)
        return value
