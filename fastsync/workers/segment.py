"""The core loop: pages of pairs → suspects → differences → repairs → events, for one task in one worker.

    strategy.pages() → judge.suspects → recheck → Difference → repair → PageDone

A task's only exit is the stream of its events. It ends with TaskDone, TaskStopped or TaskFailed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec

from fastsync.aws.batch_get import IN_FLIGHT, BatchReader
from fastsync.aws.clients import Clients
from fastsync.compare.confirm import Confirmed, Confirmer
from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Pairs, PairsPage, Strategy, Suspect
from fastsync.compare.recheck import Lost, Rechecker
from fastsync.compare.strategies.lookup import Lookup
from fastsync.compare.strategies.merge import Merge
from fastsync.errors import IncompleteError, Interrupted
from fastsync.model.difference import Difference, Effect, Tally, Verdict
from fastsync.model.digest import Digester
from fastsync.model.events import (
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
    WritesAhead,
)
from fastsync.model.keys import Key, encode_key
from fastsync.model.policy import Policy
from fastsync.model.settings import StrategyName
from fastsync.model.wording import describe_exception
from fastsync.repair.announced_writes import Announced, pack
from fastsync.repair.earlier_writes import EarlierWrites
from fastsync.repair.recorded_writes import RecordedWrites, without
from fastsync.repair.repairer import Intent, Repairer, announced
from fastsync.workers.portions import Portions, by_bytes
from fastsync.workers.restore import Restorer

NOTHING_LEFT = b"[]"
"""The resume point of a task that has told of everything."""


def run_task(task: AnyTask, clients: Clients, stopped: Callable[[], bool]) -> Iterator[Event]:
    """Work on one task and yield what happens; look at `stopped` after each page that can be resumed from."""
    began = time.monotonic()
    try:
        opened = Restorer(task, clients) if isinstance(task, UndoTask) else _Work(task, clients)
    except IncompleteError as error:  # the undo log is not there, or is damaged
        yield TaskFailed(f"{task}: {error}", fatal=error.fatal)
        return
    except Interrupted:
        raise
    except BaseException as error:
        yield _unforeseen(task, error)
        return
    with opened as work:
        try:
            end = yield from _until_stopped(work.pages(), stopped)
        except IncompleteError as error:
            end = TaskFailed(f"{task}: {error}", error.refused, error.fatal)
        except (GeneratorExit, Interrupted):  # nobody listens any more
            raise
        except BaseException as error:
            end = _unforeseen(task, error)
    yield work.add_usage(PageDone(Tally(), work.empty_tallies()))
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

    def __init__(self, task: Task, clients: Clients):
        terms = task.terms
        clients.begin_task()
        self._task = task
        self._clients = clients
        self._terms = terms
        self._master = clients.client_of(terms.master, terms.reading, terms.retrying)
        self._slaves = [clients.client_of(side, terms.reading, terms.retrying) for side in terms.slaves]
        self._pool = ThreadPoolExecutor(IN_FLIGHT * (1 + len(self._slaves)))
        self._scans = ThreadPoolExecutor(1 + len(self._slaves))
        self._readers = [BatchReader(client, self._pool, terms.reading.batch_limit) for client in self._slaves]
        self._master_reader = BatchReader(self._master, self._pool, terms.reading.batch_limit)
        policy = terms.policy if isinstance(terms.policy, Policy) else Policy()
        self._expiry = Expiry(terms.master.table.ttl, [side.table.ttl for side in terms.slaves])
        judging = terms.judging
        names = tuple(map(str, terms.slaves))
        digester = Digester(judging.ignored, terms.master.table.keys.names, terms.seed)
        self._judge = Judge(names, digester, policy, self._expiry, judging.version, values=terms.values)
        self._rechecker = Rechecker(self._master_reader, self._readers, self._expiry)
        self._confirmer = Confirmer(self._judge, self._rechecker, self._expiry, judging, clients.sleep)
        # repairs wait for reads of their own, so they may not fill the threads that those need
        self._repairs = ThreadPoolExecutor(IN_FLIGHT)
        self._repairer = Repairer(self._slaves, self._judge, self._rechecker, policy, terms.repairing)
        self._earlier = EarlierWrites(names, task.ahead, self._open_earlier_writes(task))

    def _open_earlier_writes(self, task: Task) -> RecordedWrites | None:
        log = task.terms.repairing.undo_log
        if log is None or task.undo_span is None or task.undo_span[0] >= task.undo_span[1]:
            return None
        return RecordedWrites(log, task.undo_span, self._judge, self._expiry, tuple(map(str, task.terms.slaves)))

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in (*self._readers, self._master_reader):
            reader.close()
        self._clients.end_task()
        for pool in (self._repairs, self._scans, self._pool):
            pool.shutdown(cancel_futures=True)
        self._repairer.close()
        self._earlier.close()

    def pages(self) -> Iterator[Event]:
        """Work on the task, page by page."""
        return self._segment(self._task) if isinstance(self._task, SegmentTask) else self._deletes(self._task)

    def _segment(self, task: SegmentTask) -> Iterator[Event]:
        """Compare one segment, page by page."""
        readers = {slave: self._readers[slave] for slave in task.covered}
        kind = Merge if task.terms.strategy == StrategyName.MERGE else Lookup
        strategy: Strategy = kind(task, self._master_reader, readers, self._scans)
        for page in strategy.pages():
            done, lost = yield from self._compare_page(page if task.counts else page._replace(scanned=0))
            for slave, error in (*page.lost, *lost):
                strategy.drop_slave(slave)
                yield SlaveLost(slave, f"{task}: {error}", error.refused, error.fatal)
            yield self.add_usage(done)
            if page.disagreeing is not None:
                yield OrdersDisagree(page.disagreeing)
            self._check_undo_log()

    def _deletes(self, task: DeleteTask) -> Iterator[Event]:
        """Delete extras that are still extra when both sides are read again, in portions that take little memory.

        Only the last page has a resume point, so that all of them count or none. Where something fails after others
        were deleted, the extras that are left have failed.
        """
        keys = [self._master.keys.read_key(key) for key in task.keys]
        left = dict.fromkeys(keys)
        try:
            yield from self._delete(task.slave, Portions(keys), left)
        except Exception as error:
            if len(left) == len(keys):
                raise
            told = str(error) if isinstance(error, IncompleteError) else describe_exception(error)
            yield self._failed_extras(task.slave, left, told)
            raise
        yield self.add_usage(
            PageDone(Tally(), self.empty_tallies(), resume=NOTHING_LEFT, undo_offset=self._repairer.undo_offset)
        )

    def _delete(self, slave: int, portions: Portions[Key], left: dict[Key, None]) -> Iterator[Event]:
        """Delete portion by portion, and take what was decided out of `left`."""
        for keys in portions:
            self._expiry.read_clock()
            again, lost = self._rechecker.read_again([Suspect(slave, key, None, None, None) for key in keys])
            for _, error in lost:
                raise error
            portions.learn(len(again), sum(map(_known_bytes, again)))
            still = [each for each in again if each.master is None and each.slave_item is not None]
            for each in again:
                left.pop(each.key, None)
            left.update((each.key, None) for each in still)
            tallies = self.empty_tallies()
            gone = (self._repaired(each, tallies) for each in again if each.stored is None)
            yield self._deleted(tallies, [each for each in gone if each is not None])
            for part in by_bytes(still, _known_bytes):
                tallies = self.empty_tallies()
                found = yield from self._repair_and_count(part, tallies)
                for each in part:
                    del left[each.key]
                yield self._deleted(tallies, found)
            self._check_undo_log()

    def _deleted(self, tallies: tuple[Tally, ...], found: Sequence[Difference]) -> PageDone:
        return self.add_usage(PageDone(Tally(), tallies, tuple(found), undo_offset=self._repairer.undo_offset))

    def _failed_extras(self, slave: int, keys: Iterable[Key], error: str) -> PageDone:
        tallies, name = self.empty_tallies(), str(self._terms.slaves[slave])
        found = []
        for key in keys:
            found.append(
                Difference(name, Verdict.EXTRA, msgspec.json.decode(encode_key(key)), action=Effect.FAILED, error=error)
            )
            tallies[slave].count_difference(found[-1])
        return replace(self._deleted(tallies, found), resume=NOTHING_LEFT)

    def _check_undo_log(self) -> None:
        """End the task once the undo log has failed: what was done until then is told already."""
        if self._repairer.broken is not None:
            raise self._repairer.broken

    def empty_tallies(self) -> tuple[Tally, ...]:
        """Return an empty tally for every slave."""
        return tuple(Tally() for _ in self._slaves)

    def add_usage(self, done: PageDone) -> PageDone:
        """Add the units that requests have consumed since the last event."""
        for client, tally in zip((self._master, *self._slaves), (done.master, *done.tallies), strict=True):
            tally += client.take_usage()  # noqa: PLW2901 (in place)
        return done

    def _compare_page(self, page: PairsPage) -> Generator[Event, None, tuple[PageDone, Lost]]:
        self._expiry.read_clock()
        tallies = self.empty_tallies()
        suspects: list[Suspect] = []
        found: list[Difference] = []
        for pairs in page.pairs:
            tallies[pairs.slave].compared += _of_master(pairs)
            left, told = self._find_earlier_repairs(pairs, tallies)
            found += told
            suspects += self._find_suspects(left, tallies[pairs.slave])
        if page.slave_scanned is not None:
            slave, count = page.slave_scanned
            tallies[slave].scanned += count
        extras: list[Difference] = []
        lost: dict[int, IncompleteError] = {}
        for part in by_bytes(suspects, _known_bytes):
            confirmed = self._confirmer.confirm([each for each in part if each.slave not in lost])
            lost.update(confirmed.lost)
            for each in part:
                if each.slave in lost and each.master is not None:  # it has no verdict
                    tallies[each.slave].compared -= 1
            found += self._count_settled(confirmed, tallies)
            found += yield from self._repair_and_count(
                [each for each in confirmed.stay if not self._waits(each)], tallies
            )
            waiting = (self._judge.make_difference(each) for each in confirmed.stay if self._waits(each))
            extras += (self._for_parent(each) for each in waiting if each is not None)
        master, log = Tally(scanned=page.scanned), self._repairer.undo_offset
        return PageDone(master, tallies, tuple(found), tuple(extras), page.resume, log), list(lost.items())

    def _waits(self, suspect: Suspect) -> bool:
        """Return whether a suspect is an extra that is to be deleted once all segments are compared."""
        return suspect.master is None and self._terms.repairing.delete_extra

    def _find_earlier_repairs(self, pairs: Pairs, tallies: Sequence[Tally]) -> tuple[Pairs, list[Difference]]:
        """Report again what an earlier attempt at this page had repaired, and return the pairs that are left."""
        known = self._earlier.find_recorded(pairs)
        if not known:
            return pairs, []
        again, _ = self._rechecker.read_again(known)
        agreeing = [each for each in again if self._judge.judge_suspect(each) is None]
        told = {each.key: found for each in agreeing if (found := self._repaired(each, tallies)) is not None}
        return without(pairs, set(told)), list(told.values())

    def _repaired(self, now: Suspect, tallies: Sequence[Tally]) -> Difference | None:
        """Count what an earlier attempt had repaired; None where it had not."""
        difference = self._earlier.repaired(now)
        if difference is None:
            return None
        tallies[now.slave].count_difference(difference)
        return self._for_parent(difference)

    def _count_settled(self, confirmed: Confirmed, tallies: Sequence[Tally]) -> list[Difference]:
        """Count suspects that are none any more, and return those that an earlier attempt had repaired."""
        found = []
        for now in confirmed.same:
            if (difference := self._repaired(now, tallies)) is not None:
                found.append(difference)
            else:
                tallies[now.slave].same += 1
        for before, now in confirmed.settled:
            if (difference := self._repaired(now, tallies)) is not None:
                found.append(difference)
            else:
                tallies[now.slave].settled += before.master is not None
        return found

    def _find_suspects(self, pairs: Pairs, tally: Tally) -> list[Suspect]:
        extras: list[Suspect] = []
        if self._expiry.active:
            pairs, expired, extras = self._expiry.split_expired(pairs)
            tally.expired += expired
        found = self._judge.find_suspects(pairs)
        tally.same += len(pairs.keys) - len(found)
        return [*found, *extras] if self._terms.repairing.find_extras else found

    def _repair_and_count(
        self, suspects: Sequence[Suspect], tallies: Sequence[Tally]
    ) -> Generator[Event, None, list[Difference]]:
        """Repair what may be repaired, and count what became of each; announce writes before they are sent."""
        found = []
        for suspect, done in zip(suspects, (yield from self._repair_all(suspects)), strict=True):
            if isinstance(done, Difference):
                tallies[suspect.slave].count_difference(done)
                found.append(self._for_parent(done))
            elif (repaired := self._repaired(done, tallies)) is not None:
                found.append(repaired)
            else:
                tallies[suspect.slave].settled += suspect.master is not None
        return found

    def _repair_all(self, suspects: Sequence[Suspect]) -> Generator[Event, None, list[Difference | Suspect]]:
        rounds = self._repairer.repair_all(suspects, self._repairs)
        while True:
            try:
                intents = next(rounds)
            except StopIteration as end:
                return list(end.value)
            yield WritesAhead(pack([self._announced(each) for each in intents]))

    def _announced(self, intent: Intent) -> Announced:
        write = announced(intent)
        return write._replace(difference=self._for_parent(write.difference))

    def _for_parent(self, difference: Difference) -> Difference:
        return difference if self._terms.values else replace(difference, master=None, slave_item=None)


def _of_master(pairs: Pairs) -> int:
    """Return how many items of the master are in pairs."""
    return len(pairs.masters) if pairs.masters and pairs.masters[0] is not None else 0


def _known_bytes(suspect: Suspect) -> int:
    """Return the bytes of what is known of a suspect's items."""
    return len(suspect.master or b"") + len(suspect.stored or b"")
