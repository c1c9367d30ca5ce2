"""The core loop: pages of pairs → suspects → differences → repairs → events, for one task in one worker.

    strategy.pages() → judge.suspects → recheck → Difference → repair → PageDone

A task's only exit is the stream of its events. It ends with TaskDone, TaskStopped or TaskFailed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from fastsync.aws.access import Access
from fastsync.batch import IN_FLIGHT, BatchReader
from fastsync.confirm import Confirmer
from fastsync.difference import Difference, Tally
from fastsync.digest import Digester
from fastsync.errors import IncompleteError, RequestFailed
from fastsync.events import (
    AnyTask,
    DeleteTask,
    Event,
    OrdersDisagree,
    PageDone,
    SegmentTask,
    SlaveLost,
    Task,
    TaskDone,
    TaskFailed,
    TaskStopped,
    UndoTask,
)
from fastsync.expiry import Expiry
from fastsync.judge import Judge
from fastsync.pairs import Pairs, PairsPage, Strategy, Suspect
from fastsync.policy import Policy
from fastsync.recall import Recall, without
from fastsync.recheck import Rechecker
from fastsync.repair import Repairer
from fastsync.restore import Restorer
from fastsync.strategies.lookup import Lookup
from fastsync.strategies.merge import Merge
from fastsync.wording import describe_exception

NOTHING_LEFT = b"[]"
"""The resume point of a task that has told of everything."""


def run_task(task: AnyTask, access: Access, stopped: Callable[[], bool]) -> Iterator[Event]:
    """Work on one task and yield what happens; look at `stopped` after each page that can be resumed from."""
    began = time.monotonic()
    try:
        opened = Restorer(task, access) if isinstance(task, UndoTask) else _Work(task, access)
    except IncompleteError as error:  # the undo log is not there, or is damaged
        yield TaskFailed(f"{task}: {error}", fatal=error.fatal)
        return
    except BaseException as error:
        yield _unforeseen(task, error)
        return
    with opened as work:
        try:
            end = yield from _until_stopped(work.pages(), stopped)
        except IncompleteError as error:
            refused = isinstance(error, RequestFailed) and error.refused
            end = TaskFailed(f"{task}: {error}", refused, error.fatal)
        except GeneratorExit:  # nobody listens any more
            raise
        except BaseException as error:
            end = _unforeseen(task, error)
    yield work.spent(PageDone(Tally(), work.tallies()))
    yield TaskDone(time.monotonic() - began) if isinstance(end, TaskDone) else end


def _unforeseen(task: AnyTask, error: BaseException) -> TaskFailed:
    """Fail a task for what a policy, or we ourselves, raised, even SystemExit; the other segments go on."""
    logging.getLogger(__name__).debug("%s failed", task, exc_info=error)
    return TaskFailed(f"{task}: {describe_exception(error)}")


def _until_stopped(pages: Iterator[Event], stopped: Callable[[], bool]) -> Generator[Event, None, Event]:
    for event in pages:
        yield event
        if isinstance(event, PageDone) and event.resume and stopped():
            return TaskStopped()
    return TaskDone()


class _Work:
    """What a task works with: clients, threads that wait for answers, judge and repairer."""

    def __init__(self, task: Task, access: Access):
        terms = task.terms
        access.enter()
        self._task = task
        self._access = access
        self._terms = terms
        self._master = access.client(terms.master, terms.reading, terms.retrying)
        self._slaves = [access.client(side, terms.reading, terms.retrying) for side in terms.slaves]
        self._pool = ThreadPoolExecutor(IN_FLIGHT * (1 + len(self._slaves)))
        self._scans = ThreadPoolExecutor(1 + len(self._slaves))
        self._readers = [BatchReader(client, self._pool, terms.reading.batch_limit) for client in self._slaves]
        self._master_reader = BatchReader(self._master, self._pool, terms.reading.batch_limit)
        policy = terms.policy if isinstance(terms.policy, Policy) else Policy()
        self._expiry = Expiry(terms.master.table.ttl, [side.table.ttl for side in terms.slaves])
        judging = terms.judging
        names = tuple(map(str, terms.slaves))
        digester = Digester(judging.ignored, terms.master.table.keys.names)
        self._judge = Judge(names, digester, policy, self._expiry, judging.version, values=terms.values)
        self._rechecker = Rechecker(self._master_reader, self._readers, self._expiry)
        self._confirmer = Confirmer(self._judge, self._rechecker, self._expiry, judging, access.sleep)
        # repairs wait for reads of their own, so they may not fill the threads that those need
        self._repairs = ThreadPoolExecutor(IN_FLIGHT)
        self._repairer = Repairer(self._slaves, self._judge, self._rechecker, policy, terms.repairing)
        self._recall = self._recalled(task)

    def _recalled(self, task: Task) -> Recall | None:
        log = task.terms.repairing.undo_log
        if log is None or task.recall is None or task.recall[0] >= task.recall[1]:
            return None
        return Recall(log, task.recall, self._judge, tuple(map(str, task.terms.slaves)))

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in (*self._readers, self._master_reader):
            reader.close()
        self._access.leave()
        for pool in (self._repairs, self._scans, self._pool):
            pool.shutdown(cancel_futures=True)
        self._repairer.close()
        if self._recall is not None:
            self._recall.close()

    def pages(self) -> Iterator[Event]:
        """Work on the task, page by page."""
        return self._segment(self._task) if isinstance(self._task, SegmentTask) else self._deletes(self._task)

    def _segment(self, task: SegmentTask) -> Iterator[Event]:
        """Compare one segment, page by page."""
        readers = {slave: self._readers[slave] for slave in task.covered}
        kind = Merge if task.terms.strategy == "merge" else Lookup
        strategy: Strategy = kind(task, self._master_reader, readers, self._scans)
        for page in strategy.pages():
            done, lost = self._page(page if task.counts else page._replace(scanned=0))
            for slave, error in (*page.lost, *lost):
                strategy.drop(slave)
                refused = isinstance(error, RequestFailed) and error.refused
                yield SlaveLost(slave, f"{task}: {error}", refused, error.fatal)
            yield self.spent(done)
            if page.disagreeing is not None:
                yield OrdersDisagree(page.disagreeing)
            self._check_log()

    def _deletes(self, task: DeleteTask) -> Iterator[Event]:
        """Delete extras that are still extra when both sides are read again."""
        self._expiry.read_clock()
        suspects = [Suspect(task.slave, self._master.keys.read(key), None, None, None) for key in task.keys]
        again, lost = self._rechecker.again(suspects)
        for _, error in lost:
            raise error
        still = [suspect for suspect in again if suspect.master is None and suspect.slave_item is not None]
        tallies = self.tallies()
        found = (*self._tell_again(again, tallies), *self._settle(still, tallies))
        yield self.spent(PageDone(Tally(), tallies, found, resume=NOTHING_LEFT, log=self._repairer.logged))
        self._check_log()

    def _check_log(self) -> None:
        """End the task once the undo log has failed: what was done until then is told already."""
        if self._repairer.broken is not None:
            raise self._repairer.broken

    def tallies(self) -> tuple[Tally, ...]:
        """Give an empty tally for every slave."""
        return tuple(Tally() for _ in self._slaves)

    def spent(self, done: PageDone) -> PageDone:
        """Add the units that requests have consumed since the last event."""
        for client, tally in zip((self._master, *self._slaves), (done.master, *done.tallies), strict=True):
            tally += client.take_usage()  # noqa: PLW2901 (in place)
        return done

    def _page(self, page: PairsPage) -> tuple[PageDone, list[tuple[int, IncompleteError]]]:
        self._expiry.read_clock()
        tallies = self.tallies()
        suspects: list[Suspect] = []
        repaired: list[Difference] = []
        for pairs in page.pairs:
            left, told = (pairs, ()) if self._recall is None else self._remembered(self._recall, pairs, tallies)
            repaired.extend(told)
            suspects.extend(self._compared(left, tallies[pairs.slave]))
        if page.slave_scanned is not None:
            slave, count = page.slave_scanned
            tallies[slave].scanned += count
        suspects, lost = self._confirmer.confirmed(suspects, tallies)
        deletes = self._terms.repairing.delete_extra
        differences = self._settle([each for each in suspects if each.master is not None or not deletes], tallies)
        waiting = (self._judge.difference(each) for each in suspects if each.master is None and deletes)
        extras = tuple(self._for_parent(each) for each in waiting if each is not None)
        found = (*repaired, *differences)
        return PageDone(Tally(scanned=page.scanned), tallies, found, extras, page.resume, self._repairer.logged), lost

    def _remembered(self, recall: Recall, pairs: Pairs, tallies: Sequence[Tally]) -> tuple[Pairs, Sequence[Difference]]:
        """Tell again what an earlier attempt at this page had repaired, and give the pairs that are left."""
        known = recall.known(pairs)
        again, _ = self._rechecker.again(known) if known else ([], [])
        told = {each.key: difference for each in again if (difference := recall.told(each)) is not None}
        return without(pairs, set(told)), self._counted(pairs.slave, told.values(), tallies)

    def _tell_again(self, again: Sequence[Suspect], tallies: Sequence[Tally]) -> Sequence[Difference]:
        """Tell again which extras an earlier attempt had deleted."""
        gone = [each for each in again if each.master is None and each.there is None]
        if self._recall is None or not gone:
            return ()
        told = (self._recall.told(each) for each in gone)
        return self._counted(gone[0].slave, [each for each in told if each is not None], tallies)

    def _counted(self, slave: int, found: Collection[Difference], tallies: Sequence[Tally]) -> Sequence[Difference]:
        for difference in found:
            tallies[slave].count(difference)
        return [self._for_parent(each) for each in found]

    def _compared(self, pairs: Pairs, tally: Tally) -> list[Suspect]:
        extras: list[Suspect] = []
        if self._expiry.active:
            pairs, expired, extras = self._expiry.living(pairs)
            tally.expired += expired
        found = self._judge.suspects(pairs)
        tally.same += len(pairs.keys) - len(found)
        return [*found, *extras] if self._terms.repairing.find_extras else found

    def _settle(self, suspects: Sequence[Suspect], tallies: Sequence[Tally]) -> tuple[Difference, ...]:
        """Repair what may be repaired, and count what became of each."""
        found = []
        for suspect, difference in zip(suspects, self._repairer.repair_all(suspects, self._repairs), strict=True):
            if difference is not None:
                tallies[suspect.slave].count(difference)
                found.append(self._for_parent(difference))
            elif suspect.master is not None:
                tallies[suspect.slave].settled += 1
        return tuple(found)

    def _for_parent(self, difference: Difference) -> Difference:
        return difference if self._terms.values else replace(difference, master=None, slave_item=None)
