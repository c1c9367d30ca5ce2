"""Run all pairs of a fleet: each in a thread of its own, on workers that they share."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastsync.aws.shared_cells import SharedCells
from fastsync.cli.policy import load_policy
from fastsync.errors import ConfigError, FastsyncError, IncompleteError, TableError
from fastsync.fleet.access import FleetAccess
from fastsync.fleet.folder import Ended, Folder
from fastsync.fleet.pairs import Pair
from fastsync.fleet.pooled import PairSynchronizer, Shared
from fastsync.model.policy import Policy
from fastsync.output.sink import Sink
from fastsync.output.unforeseen import Phase, unexpected
from fastsync.run.tasks.delete_guard import Confirm
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.fork_server import start_fork_server
from fastsync.workers.processes.pool import WorkerPool

AHEAD = 2
"""Pairs at once for each process: while one is worked on, another one's tables are described."""
MOST_AT_ONCE = 64
"""Pairs at once at most: each has a thread."""
TICK = 0.2
"""Seconds between two looks at signals."""
NOT_COMPARED = {ConfigError.exit_code, TableError.exit_code}
"""Exit codes of pairs of which nothing was compared; beside others such a pair leaves the fleet incomplete."""
WORST_FIRST = (130, 143, 5, 4, 1)
OUT_OF_TIME = "not begun: the fleet was ended by --max-duration before"
NOT_BEGUN = "not begun: the fleet was ended before"


@dataclass(frozen=True)
class FleetOptions:
    """How a fleet is run: `parallel` processes for all together, for `max_duration` seconds at most (None: no limit).

    `announce` is called with what a person may want to know of a pair by its name, `ended` with how each has ended.
    `make_sinks` returns who listens to a pair, `confirm_deletes` is asked by one pair at a time.
    """

    parallel: int
    max_duration: float | None
    announce: Callable[[str, str], object]
    ended: Callable[[Ended], object]
    make_sinks: Callable[[Pair], Sequence[Sink]] = field(default=lambda _: ())
    confirm_deletes: Confirm | None = None


class FleetRun:
    """Run pairs; `run` returns how each has ended, in their order."""

    def __init__(self, pairs: Sequence[Pair], folder: Folder, access: FleetAccess, options: FleetOptions):
        self._pairs = pairs
        self._folder = folder
        self._access = access
        self._options = options
        self._policies = {pair.policy: load_policy(pair.policy) for pair in pairs}
        self._firsts = _number_tables(pairs)
        self._waiting: deque[Pair] = deque()
        self._results: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._at_work: set[PairSynchronizer] = set()
        self._asking = threading.Lock()
        self._confirm = None if options.confirm_deletes is None else self._confirm_in_turn

    def run(self, interrupt: Interrupt, done: Sequence[Ended]) -> list[Ended]:
        """Run every pair that is not among those `done`; end between two pages where interrupted."""
        tables = sum(1 + len(pair.slaves) for pair in self._pairs)
        for policy in set(map(id, self._policies.values())):
            self._start_processes(next(each for each in self._policies.values() if id(each) == policy))
        pool = WorkerPool(self._options.parallel, SharedCells(tables))
        ended = {each.pair.name: each for each in done}
        self._waiting.extend(pair for pair in self._pairs if pair.name not in ended)
        interrupt.kill = self._break_off
        deadline = None if self._options.max_duration is None else time.monotonic() + self._options.max_duration
        threads = self._start_threads(pool, deadline)
        try:
            while len(ended) < len(self._pairs):
                if interrupt.exit_code is not None:
                    self._stop(interrupt.exit_code - 128)
                try:
                    result = self._results.get(timeout=TICK)
                except queue.Empty:
                    continue
                ended[result.pair.name] = result
                self._options.ended(result)
            for thread in threads:
                thread.join()
        finally:
            pool.dismiss_all()
        return [ended[pair.name] for pair in self._pairs]

    def _start_processes(self, policy: Policy | None) -> None:
        """Start the fork server; raise ConfigError where workers could not be started, or not load a policy."""
        start_fork_server(self._options.parallel, policy)

    def _start_threads(self, pool: WorkerPool, deadline: float | None) -> list[threading.Thread]:
        count = min(AHEAD * self._options.parallel, MOST_AT_ONCE, len(self._waiting))
        threads = [
            threading.Thread(target=self._work, args=(pool, deadline), name=f"pairs-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _stop(self, number: int) -> None:
        """Let no further pair begin, and end those at work as a first signal does; may be called again."""
        for each in tuple(self._at_work):
            each.cancel_by(number)
        self._leave_waiting(128 + number)

    def _leave_waiting(self, code: int) -> None:
        """Let no further pair begin."""
        while self._waiting:
            try:
                pair = self._waiting.popleft()
            except IndexError:
                return
            self._results.put(Ended(pair, code, 0.0, None, NOT_BEGUN))

    def stop_all(self) -> None:
        """Let no further pair begin, and those at work end between two pages; may be called by any thread."""
        self._leave_waiting(IncompleteError.exit_code)
        for each in tuple(self._at_work):
            each.request_stop()

    def _confirm_in_turn(self, counts: Mapping[str, int], ended: Callable[[], bool]) -> bool:
        """Ask whether extras may be deleted, one pair after the other."""
        confirm = self._options.confirm_deletes
        while not self._asking.acquire(timeout=TICK):
            if ended():
                return False
        try:
            return confirm is not None and not ended() and confirm(counts, ended)
        finally:
            self._asking.release()

    def _break_off(self) -> None:
        for each in tuple(self._at_work):
            each.break_off()

    def _work(self, pool: WorkerPool, deadline: float | None) -> None:
        """Run one pair after the other, until none is left."""
        while True:
            try:
                pair = self._waiting.popleft()
            except IndexError:
                return
            began = time.monotonic()
            if deadline is not None and began >= deadline:
                self._results.put(Ended(pair, IncompleteError.exit_code, 0.0, None, OUT_OF_TIME))
                continue
            try:
                result = self._run_pair(pair, pool, deadline)
            except BaseException as error:  # of a bug: the other pairs go on
                result = Ended(pair, IncompleteError.exit_code, 0.0, None, str(unexpected(error, Phase("a pair"))))
            self._results.put(Ended(pair, result.exit_code, time.monotonic() - began, result.statistics, result.error))

    def _run_pair(self, pair: Pair, pool: WorkerPool, deadline: float | None) -> Ended:
        flags: dict[str, Any] = {**pair.flags, **self._folder.options_of(pair), "parallel": self._options.parallel}
        if deadline is not None:
            flags["max_duration"] = max(0.0, deadline - time.monotonic())
        name = pair.name
        try:
            synchronizer = PairSynchronizer(
                Shared(pool, self._access.share_from(self._firsts[name])),
                pair.master,
                pair.slaves,
                policy=self._policies[pair.policy],
                sinks=self._options.make_sinks(pair),
                confirm_deletes=self._confirm,
                announce=lambda text: self._options.announce(name, text),
                **flags,
            )
            self._at_work.add(synchronizer)
            try:
                result = synchronizer.run()
            finally:
                self._at_work.discard(synchronizer)
        except FastsyncError as error:
            return Ended(pair, error.exit_code, 0.0, None, str(error))
        told = "; ".join([*result.errors, *result.warnings]) or None
        return Ended(pair, result.exit_code, 0.0, result.statistics, told)


def find_fleet_code(ended: Sequence[Ended], interrupted: int | None) -> int:
    """Return the exit code of a fleet: the first that holds of 130, 143, 3 (no pair was compared), 5, 4, 1, 0.

    2 where every pair was refused with it.
    """
    if interrupted is not None:
        return interrupted
    codes = {each.exit_code for each in ended}
    if codes and codes <= NOT_COMPARED:
        return max(codes)
    codes = {IncompleteError.exit_code if code in NOT_COMPARED else code for code in codes}
    return next((code for code in WORST_FIRST if code in codes), 0)


def _number_tables(pairs: Sequence[Pair]) -> Mapping[str, int]:
    """Return the number of each pair's master among all tables, by the pair's name; its slaves follow."""
    numbers: dict[str, int] = {}
    following = 0
    for pair in pairs:
        numbers[pair.name] = following
        following += 1 + len(pair.slaves)
    return numbers
