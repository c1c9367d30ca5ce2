"""The life of a page: one segment of the master is compared with the slaves, and repaired, page by page.

    strategy    scans both sides            → pairs: the master's and the slave's item of one key
    judge       compares their bytes        → suspects: pairs whose items look different
    confirmer   reads both sides again      → what still differs; the rest has settled
    repairs     write, on conditions        → differences, and what became of them
    PageDone    carries it to the parent

A new way to read both sides is a class like those in STRATEGIES; whatever it yields passes through the same stages.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.confirm import Confirmed
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Pairs, PairsPage, Strategy, Suspect
from fastsync.compare.strategies.given_keys import choose_key_strategy
from fastsync.compare.strategies.lookup import Lookup
from fastsync.compare.strategies.merge import Merge
from fastsync.compare.strategies.partition import Partition
from fastsync.errors import IncompleteError
from fastsync.model.messages.events import Event, OrdersDisagree, SlaveLost
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.settings import StrategyName
from fastsync.workers.page_result import PageResult
from fastsync.workers.portions import by_bytes, known_bytes
from fastsync.workers.stages import Stages

MakeStrategy = Callable[[SegmentTask, BatchReader, Mapping[int, BatchReader], Executor, Filter], Strategy]
"""Makes a strategy of the task, the master's reader, the covered slaves' readers by index, threads for scans, and the
filter that pairs have to pass."""
STRATEGIES: Mapping[StrategyName, MakeStrategy] = {
    StrategyName.LOOKUP: Lookup,
    StrategyName.MERGE: Merge,
    StrategyName.KEYS: choose_key_strategy,
    StrategyName.PARTITION: Partition,
}


def compare_segment(task: SegmentTask, stages: Stages) -> Iterator[Event]:
    """Compare one segment page by page. A slave that fails is lost, and the others go on."""
    readers = {slave: stages.slaves[slave] for slave in task.covered}
    strategy = STRATEGIES[task.terms.strategy](task, stages.master, readers, stages.scan_threads, stages.filter)
    for page in strategy.pages():
        result = stages.start_page(page.scanned if task.counts else 0)
        lost = yield from _compare_page(page, stages, result)
        for slave, error in (*page.lost, *lost.items()):
            strategy.drop_slave(slave)
            yield SlaveLost(slave, f"{task}: {error}", refused=error.refused, fatal=error.fatal)
        yield stages.finish_page(result, page.resume)
        if page.disagreeing is not None:
            yield OrdersDisagree(page.disagreeing)
        stages.repairs.check_undo_log()


def _compare_page(
    page: PairsPage, stages: Stages, result: PageResult
) -> Generator[Event, None, Mapping[int, IncompleteError]]:
    """Take one page through all stages; return the slaves that could not be read again, with the errors."""
    stages.expiry.read_clock()
    result.count_page(page)
    suspects: list[Suspect] = []
    for pairs in page.pairs:
        result.tallies[pairs.slave].compared += len(pairs.master_items) if pairs.of_master else 0
        stages.ignored_names.look(pairs)
        new = _take_out_repaired(pairs, stages, result)
        suspects += _find_suspects(new, stages, result)
    lost: dict[int, IncompleteError] = {}
    for portion in by_bytes(suspects, known_bytes):
        confirmed = stages.confirmer.confirm([suspect for suspect in portion if suspect.slave not in lost])
        lost.update(confirmed.lost)
        _take_out_lost(portion, lost, result)
        _count_agreeing(confirmed, stages, result)
        yield from _repair_confirmed(confirmed, stages, result)
    return lost


def _take_out_repaired(pairs: Pairs, stages: Stages, result: PageResult) -> Pairs:
    """Report again what an earlier attempt at this page had repaired; return the pairs that are left."""
    known = stages.earlier.find_recorded(pairs)
    if not known:
        return pairs
    again, _ = stages.rechecker.read_again(known)
    repaired = set()
    for now in again:
        is_equal = stages.judge.judge_suspect(now) is None
        if is_equal and stages.repairs.count_if_repaired(now, result):
            repaired.add(now.key)
    if not repaired:
        return pairs
    return pairs.with_rows([row for row in pairs.rows() if row[0] not in repaired])


def _find_suspects(pairs: Pairs, stages: Stages, result: PageResult) -> list[Suspect]:
    """Return the pairs that look different; count those that do not, and the items of the master that have expired."""
    extras: list[Suspect] = []
    tally = result.tallies[pairs.slave]
    if stages.expiry.active:
        pairs, expired, extras = stages.expiry.split_expired(pairs)
        tally.expired += expired
    suspects = stages.judge.find_suspects(pairs)
    tally.same += len(pairs.keys) - len(suspects)
    return [*suspects, *extras] if stages.terms.repairing.find_extras else suspects


def _take_out_lost(suspects: list[Suspect], lost: Mapping[int, IncompleteError], result: PageResult) -> None:
    """Count suspects of lost slaves as not compared: they have no verdict."""
    for suspect in suspects:
        if suspect.slave in lost and suspect.master_item is not None:
            result.tallies[suspect.slave].compared -= 1


def _count_agreeing(confirmed: Confirmed, stages: Stages, result: PageResult) -> None:
    """Count suspects that agree or are left out by now: as repaired where an earlier attempt had written them."""
    for now in confirmed.filtered:
        if not stages.repairs.count_if_repaired(now, result):
            result.tallies[now.slave].filtered += now.master_item is not None
    for now in confirmed.same:
        if not stages.repairs.count_if_repaired(now, result):
            result.tallies[now.slave].same += 1
    for before, now in confirmed.settled:
        if not stages.repairs.count_if_repaired(now, result):
            result.tallies[now.slave].settled += before.master_item is not None


def _repair_confirmed(confirmed: Confirmed, stages: Stages, result: PageResult) -> Iterator[Event]:
    """Repair what still differs, but for extras to be deleted: they wait until all segments are compared."""
    waiting: list[Suspect] = []
    differing: list[Suspect] = []
    for suspect in confirmed.stay:
        if _is_to_be_deleted(suspect, stages):
            waiting.append(suspect)
        else:
            differing.append(suspect)
    yield from stages.repairs.repair(differing, result)
    for suspect in waiting:
        extra = stages.judge.make_difference(suspect)
        if extra is not None:
            result.add_extra(extra)


def _is_to_be_deleted(suspect: Suspect, stages: Stages) -> bool:
    if suspect.master_item is not None or not stages.terms.repairing.delete_extra:
        return False
    return stages.reviewed is None or stages.reviewed.is_unchanged(suspect)
