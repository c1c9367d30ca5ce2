"""Stages: what the pages of a task pass through, built when the task begins and closed when it ends.

Tables are read and written by clients, which a process keeps from task to task. Everything else is the task's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from fastsync.aws.clients import Clients
from fastsync.aws.lookups.batch_get import IN_FLIGHT, BatchReader
from fastsync.compare.confirm import Confirmer
from fastsync.compare.expiry import Expiry
from fastsync.compare.filter import Filter
from fastsync.compare.ignored_names import IgnoredNames
from fastsync.compare.judge import Judge
from fastsync.compare.recheck import Rechecker
from fastsync.compare.reviewed import Reviewed
from fastsync.compare.screen import make_digester
from fastsync.model.difference import Tally
from fastsync.model.digest import Digester
from fastsync.model.keys import KeyReader, ReviewedLine
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.tasks import DeleteTask, SegmentTask, Task, UndoTask
from fastsync.model.messages.terms import AnyTerms
from fastsync.model.policy import Policy
from fastsync.model.settings import Judging
from fastsync.model.table import Side
from fastsync.repair.earlier_writes import EarlierWrites
from fastsync.repair.recorded_writes import RecordedWrites
from fastsync.repair.repairer import Repairer
from fastsync.workers.page_result import PageResult
from fastsync.workers.repairs import Repairs


class Tables:
    """The tables that a task works on: for each a client and a reader of single items, and threads for requests."""

    def __init__(self, sides: Sequence[Side], terms: AnyTerms, clients: Clients):
        clients.begin_task()
        self._opened = clients
        self.clients = [clients.client_of(side, terms.reading, terms.retrying) for side in sides]
        self.threads = ThreadPoolExecutor(IN_FLIGHT * len(sides))
        self.readers = [BatchReader(client, self.threads, terms.reading.batch_limit) for client in self.clients]

    def count_usage(self, tallies: Sequence[Tally]) -> None:
        """Add what requests to each table have consumed since the last call to its tally."""
        for client, tally in zip(self.clients, tallies, strict=True):
            tally.add(client.take_usage())

    def close(self) -> None:
        """Give up all requests that are still waited for, and end the threads."""
        for reader in self.readers:
            reader.close()
        self._opened.end_task()
        self.threads.shutdown(cancel_futures=True)


class Stages:
    """The stages of a task of a run: readers → judge → confirmer → repairs."""

    def __init__(self, task: Task, clients: Clients):
        terms = task.terms
        self.terms = terms
        self._names = tuple(map(str, terms.slaves))
        self._tables = Tables(terms.tables, terms, clients)
        self.master, *self.slaves = self._tables.readers
        self.scan_threads = ThreadPoolExecutor(len(terms.tables))
        self._repair_threads = ThreadPoolExecutor(IN_FLIGHT + len(self.slaves))  # each slave's writes take one more
        policy = Policy() if terms.policy is None else terms.policy
        self.expiry = Expiry(terms.master.table.ttl, [side.table.ttl for side in terms.slaves])
        keys = terms.master.table.keys.names
        self._digester = make_digester(terms)
        self.ignored_names = IgnoredNames(terms.judging.ignored.difference(keys))
        self.judge = Judge(
            self._names,
            self._digester,
            policy,
            self.expiry,
            terms.judging.version,
            values=terms.values,
            whole_items=terms.whole_items,
        )
        self.filter = Filter(terms.judging.where)
        self.rechecker = Rechecker(self.master, self.slaves, self.expiry, self.filter)
        judging = _choose_judging(task)
        self.confirmer = Confirmer(self.judge, self.rechecker, self.expiry, judging, clients.sleep)
        self.reviewed = _open_reviewed(task, self.master.client.keys, self._digester)
        self.earlier = EarlierWrites(self._names, task.ahead, self._open_recorded_writes(task))
        repairer = Repairer(
            self._tables.clients[1:], self.judge, self.rechecker, policy, terms.repairing, reviewed=self.reviewed
        )
        self.repairs = Repairs(repairer, self.earlier, self._repair_threads)

    def _open_recorded_writes(self, task: Task) -> RecordedWrites | None:
        """Open the part of the undo log in which earlier attempts at the task may have left lines, if any."""
        log, span = task.terms.repairing.undo_log, task.undo_span
        if log is None or span is None or span[0] >= span[1]:
            return None
        return RecordedWrites(log, span, self.judge, self.expiry, self._names)

    def start_page(self, scanned: int = 0) -> PageResult:
        """Return the empty result of a page for which so many items of the master were scanned."""
        return PageResult(len(self.slaves), values=self.terms.values, scanned=scanned)

    def finish_page(self, result: PageResult, resume: bytes = b"") -> PageDone:
        """Return the event of a page, with what requests have consumed since the last one."""
        self._tables.count_usage((result.master, *result.tallies))
        self.ignored_names.add(self._digester.ignored_seen)
        return result.make_event(
            resume, self.repairs.undo_offset, self.ignored_names.take_new(), self.filter.take_failure()
        )

    def finish_task(self) -> PageDone:
        """Return what requests have consumed since the last page; to be called after `close`, which may still wait."""
        result = self.start_page()
        self._tables.count_usage((result.master, *result.tallies))
        return result.make_event()

    def close(self) -> None:
        """Leave nothing at work: threads end before the undo log that they write into is closed."""
        self._tables.close()
        for threads in (self._repair_threads, self.scan_threads):
            threads.shutdown(cancel_futures=True)
        self.repairs.close()


def _choose_judging(task: Task) -> Judging:
    """Return how a task's suspects are judged: what looks different under a partition key is always read again."""
    judging = task.terms.judging
    if isinstance(task, SegmentTask) and task.chunk is not None and task.chunk.partition is not None:
        return replace(judging, recheck=True)
    return judging


def _open_reviewed(task: Task, keys: KeyReader, digester: Digester) -> Reviewed | None:
    """Return the lines of a report that the task's items must still be as, None where the run asks for none."""
    lines: Sequence[ReviewedLine] | None = None
    if isinstance(task, DeleteTask):
        lines = task.reviewed
    elif task.chunk is not None:
        lines = task.chunk.reviewed
    if lines is None:
        return None
    return Reviewed(lines, keys, digester)


class UndoStages:
    """The stages of a task of an undo: one slave's reader → judge → writes."""

    def __init__(self, task: UndoTask, clients: Clients):
        terms = task.terms
        self._task = task
        self._tables = Tables([task.side], terms, clients)
        (self.client,) = self._tables.clients
        (self.reader,) = self._tables.readers
        self.threads = self._tables.threads
        self.digester = Digester(keys=task.side.table.keys.names)
        never = Expiry(None, [None for _ in terms.slaves])
        self.judge = Judge(tuple(map(str, terms.slaves)), self.digester, Policy(), never, values=terms.values)

    def start_page(self, scanned: int = 0) -> PageResult:
        """Return the empty result of a page of so many items."""
        return PageResult(len(self._task.terms.slaves), values=self._task.terms.values, scanned=scanned)

    def finish_page(self, result: PageResult, resume: bytes = b"") -> PageDone:
        """Return the event of a page, with what requests have consumed since the last one."""
        self._tables.count_usage([result.tallies[self._task.slave]])
        return result.make_event(resume)

    def finish_task(self) -> PageDone:
        """Return what requests have consumed since the last page."""
        return self.finish_page(self.start_page())

    def close(self) -> None:
        """Leave nothing at work."""
        self._tables.close()
