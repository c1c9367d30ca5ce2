"""Take a run back by its undo log: restore each item if the slave still holds what the run wrote.

The log is checked as a whole first. Then its items are handed out as tasks to worker processes; see `restore`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from fastsync.aws.shared_cells import SharedCells
from fastsync.config.config import Config
from fastsync.config.paths import check_inputs
from fastsync.config.slicing import Slicing
from fastsync.errors import ConfigError, FastsyncError, IncompleteError, Interrupted, OutputFailed, TableError
from fastsync.model.events import Event, PageDone, TaskFailed, UndoTask, UndoTerms, WritesAhead
from fastsync.model.table import Side, TableRef
from fastsync.output.outputs import Outputs
from fastsync.output.sink import Sink
from fastsync.output.statistics import UNDO, Result
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.plan.segments import Plan
from fastsync.plan.survey import SlaveSurvey, survey_slaves
from fastsync.repair.undo_index import Index
from fastsync.run.outcome import Outcome
from fastsync.run.result import make_result
from fastsync.run.tasks.source import RESTARTS
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.executor import ProcessExecutor
from fastsync.workers.processes.worker_process import start_fork_server

ITEMS_PER_TASK = 1000
BYTES_PER_TASK = 64 << 20
"""Bytes of lines in one task, so that a few large items are divided among the processes too."""


def undo_run(
    path: str,
    flags: Mapping[str, Any],
    known: Sequence[TableRef] = (),
    sinks: Sequence[Sink] = (),
    begin: Callable[[], object] = lambda: None,
    *,
    dry_run: bool = False,
) -> Result:
    """Take back what the undo log at `path` says; in a dry run only report what would be taken back.

    `flags` are the command line's in snake_case; `known` are slaves that have credentials or an endpoint of their own,
    for where the log names them. `begin` is called before the first item is read. Raises ConfigError where a flag is
    wrong or the log is damaged, TableError where no slave can be undone.
    """
    names: Sequence[str] = (path,)
    preparing: _Undo | None = None
    work: _Undo | None = None
    interrupt = Interrupt()
    try:
        with interrupt:
            try:
                with Index(path) as index:
                    names = (path, *index.slaves())
                    own = {str(ref): ref for ref in known}
                    config = Config.without_master([own.get(name, name) for name in names[1:]], flags)
                    check_inputs(config.outputs, [path])
                    preparing = _Undo(index, config, sinks, interrupt)
                    preparing.prepare(dry_run)
                    work = preparing
                    begin()
                    return work.do()
            except Interrupted:
                interrupt.only_count()
                if work is not None:
                    return work.result()
                return make_result(_outcome(names), interrupt) if preparing is None else preparing.end_early()
    except Interrupted:  # the second signal has broken off what was waited for
        return make_result(_outcome(names), interrupt) if work is None else work.result()


def _outcome(names: Sequence[str]) -> Outcome:
    return Outcome(names, strategy=UNDO, plan=Plan.of(Slicing()), extras=True)


class _Undo:
    """One undo: what it reads, and where it reports."""

    def __init__(self, index: Index, config: Config, sinks: Sequence[Sink], interrupt: Interrupt):
        self._index = index
        self._config = config
        self._sinks = sinks
        self._interrupt = interrupt
        self._outputs = Outputs.opened(config)
        self._report = self._outputs.report
        self._outcome = _outcome((index.path, *index.slaves()))

    def prepare(self, dry_run: bool) -> None:
        """Describe the slaves, and let the report begin.

        Raises TableError where no slave can be undone, ConfigError where keys are not theirs; files stay as they were.
        """
        try:
            self._describe(dry_run)
            self._interrupt.only_count()
            self._outputs.begin()
        except Interrupted:
            raise
        except BaseException:
            self._outputs.discard()
            raise

    def end_early(self) -> Result:
        """Write report and statistics of an undo that a signal ended before its first item."""
        with suppress(FastsyncError):  # the report cannot be written
            self._outputs.end_early()
        with self._noted():
            self._outputs.write_stats(self.result().statistics)
        return self.result()

    def _describe(self, dry_run: bool) -> None:
        config = self._config
        start_fork_server()
        self._found = _refuse_replaced(survey_slaves(config), self._index)
        for side in self._found.slaves:
            _check_keys(side, self._index)
        items = sum(self._index.item_count(str(side)) for side in self._found.slaves)
        parts = (config.reading, config.retrying, config.report_values, dry_run, items)
        self._terms = UndoTerms(self._index.path, self._found.slaves, *parts)
        self._tasks = _Tasks(self._terms, self._index)
        self._outcome = _outcome((*self._terms.names, *(str(ref) for ref, _ in self._found.unfit)))
        for _, error in self._found.unfit:
            self._outcome.add_error(error)

    def do(self) -> Result:
        """Work through all tasks, and return what that came to."""
        failure: FastsyncError | None = None
        try:
            self._work()
        except Interrupted:
            pass
        except BaseException as error:  # report and statistics say all the same how far this came
            failure = error if isinstance(error, FastsyncError) else unexpected(error, Phase("undoing", has_read=True))
            self._outcome.add_error(str(failure))
        self._close()
        if failure is not None:
            raise failure
        return self.result()

    def _work(self) -> None:
        for sink in self._sinks:
            sink.begin(self._terms)
        ledger = SharedCells(1 + len(self._terms.slaves))
        credentials = partial(self._found.shared_credentials, ledger, self._give_up)
        executor = ProcessExecutor(self._config.parallel, credentials, ledger)
        with closing(executor.run(self._tasks, self._interrupt)) as events:
            for task, event in events:
                self._hear(task, event)
        for sink in self._sinks:
            sink.end()

    def _hear(self, task: UndoTask, event: Event) -> None:
        match event:
            case PageDone():
                self._tasks.move(task, event)
                self._take_in(event)
            case WritesAhead(writes):
                self._tasks.announce(task, writes)
            case TaskFailed(error, died=True) if self._tasks.retry(task):
                self._outcome.add_note(f"{error}; it was retried")
            case TaskFailed(refused=refused, fatal=fatal):
                self._outcome.add_event(event)
                if refused:
                    self._tasks.give_up(task.slave)
                if fatal:
                    self._interrupt.request_stop()
            case _:
                self._outcome.add_event(event)

    def _take_in(self, page: PageDone) -> None:
        self._outcome.add_event(page)
        try:
            if self._report is not None:
                self._report.add_page(page)
        except OutputFailed as error:
            self._report = None
            self._give_up(error)
        for sink in self._sinks:
            sink.page(page)

    def _give_up(self, error: IncompleteError) -> None:
        self._outcome.add_error(str(error))
        self._interrupt.request_stop()

    def _close(self) -> None:
        """Write the last line of the report and the statistics, each even where the other fails."""
        with self._noted():
            if self._report is not None:
                self._report.finish(self.result().complete)
        with self._noted():
            self._outputs.write_stats(self.result().statistics)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Take an output that fails for an error of the undo; one that nobody reads is left at the second signal."""
        try:
            yield
        except OutputFailed as error:
            self._outcome.add_error(str(error))
        except Interrupted:
            pass

    def result(self) -> Result:
        """Return what the undo has come to."""
        return make_result(self._outcome, self._interrupt)


class _Tasks:
    """Hand out the items of an undo log as tasks, one slave's after the other's, and again where a worker died."""

    def __init__(self, terms: UndoTerms, index: Index):
        self._terms = terms
        self._index = index
        self._given_up: set[int] = set()
        self._again: deque[UndoTask] = deque()
        self._deaths: Counter[tuple[int, ...]] = Counter()
        self._at_work: dict[tuple[int, ...], UndoTask] = {}
        self._tasks = chain.from_iterable(map(self._of_slave, range(len(terms.slaves))))

    def __iter__(self) -> Iterator[UndoTask]:
        return self

    def __next__(self) -> UndoTask:
        """Return the next task; after the last one there may be another yet, where a worker dies."""
        task = self._again.popleft() if self._again else next(self._tasks)
        self._at_work[task.ticket] = task
        return task

    def _of_slave(self, slave: int) -> Iterator[UndoTask]:
        lines: list[tuple[int, ...]] = []
        size = number = 0
        for item in self._index.items(str(self._terms.slaves[slave])):
            if slave in self._given_up:
                return
            lines.append(item.offsets)
            size += item.size
            if len(lines) == ITEMS_PER_TASK or size >= BYTES_PER_TASK:
                yield UndoTask(self._terms, slave, tuple(lines), number)
                lines, size, number = [], 0, number + 1
        if lines:
            yield UndoTask(self._terms, slave, tuple(lines), number)

    def move(self, task: UndoTask, page: PageDone) -> None:
        """Note which of a task's items are reported: they need not be done again."""
        if page.resume:
            self._at_work[task.ticket] = replace(task, start=int(page.resume), ahead=())
            self._deaths[task.ticket] = 0

    def announce(self, task: UndoTask, writes: bytes) -> None:
        """Note what a task is about to write: another attempt has to recognise it."""
        at_work = self._at_work[task.ticket]
        self._at_work[task.ticket] = replace(at_work, ahead=(*at_work.ahead, writes))

    def retry(self, task: UndoTask) -> bool:
        """Put a task back whose worker died; return whether that may be tried once more."""
        self._deaths[task.ticket] += 1
        if self._deaths[task.ticket] > RESTARTS:
            return False
        self._again.append(self._at_work[task.ticket])
        return True

    def give_up(self, slave: int) -> None:
        """Hand out nothing more of a slave."""
        self._given_up.add(slave)


def _refuse_replaced(found: SlaveSurvey, index: Index) -> SlaveSurvey:
    """Put slaves aside that are not the tables that the run wrote to; raise TableError where none is left."""
    same = [side for side in found.slaves if index.table_ids(str(side)) <= {side.table.identity}]
    replaced = tuple((side.table.ref, _describe_replaced(side)) for side in found.slaves if side not in same)
    if replaced and not same:
        raise TableError("; ".join(error for _, error in (*found.unfit, *replaced)))
    slaves = tuple(replace(side, number=number) for number, side in enumerate(same, start=1))
    return replace(found, slaves=slaves, unfit=(*found.unfit, *replaced))


def _describe_replaced(side: Side) -> str:
    return (
        f"{side} is not the table that the run wrote to: it was deleted and made again since. Nothing was undone on it"
    )


def _check_keys(side: Side, index: Index) -> None:
    keys, types = side.table.keys, index.key_types(str(side))
    if types != dict(zip(keys.names, keys.types, strict=True)):
        named = ", ".join(f"{name} ({kind})" for name, kind in types.items())
        raise ConfigError(
            f"the undo log {index.path} has lines of {side} whose key is {named}, but that of the table is {keys}"
        )
