"""Undo: take a run back by its undo log, each item only where the slave still holds what the run left there.

What the items were before the run is the truth here: an item to be put back is `missing` or `differing`, one to be
removed is `extra`. What somebody has changed since is `contended` and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from msgspec import Raw

from fastsync.aws.access import Access, Keyring
from fastsync.aws.client import Client, WriteAnswer
from fastsync.aws.credentials import Credentials
from fastsync.batch import IN_FLIGHT, BatchReader
from fastsync.condition import absent, unchanged
from fastsync.config import Config
from fastsync.difference import Difference, Effect, Tally
from fastsync.digest import Digester
from fastsync.errors import IncompleteError, OutputFailed, RequestFailed
from fastsync.events import PageDone, SlaveLost
from fastsync.expiry import Expiry
from fastsync.interrupt import Interrupt, Interrupted
from fastsync.judge import Judge
from fastsync.keys import write
from fastsync.ledger import Ledger
from fastsync.limits import at_once
from fastsync.outcome import Outcome
from fastsync.pairs import Suspect
from fastsync.paths import check_inputs
from fastsync.plan import Plan
from fastsync.policy import Policy
from fastsync.preflight import SlaveSurvey, survey_slaves
from fastsync.repair import EFFECTS, spelled, writable
from fastsync.run import Result, result_of
from fastsync.sinks.report import Report, open_output, write_stats
from fastsync.table import Side, TableRef
from fastsync.undoindex import Chain, Index, read_entries

KEYS_AT_ONCE = 1000
"""Keys that are read, judged and written together."""
CHANGED = "the item has changed since the run and was left alone"


def undo(
    path: str,
    flags: Mapping[str, Any],
    tell: Callable[[Difference], object] = lambda _: None,
    known: Sequence[TableRef] = (),
    begin: Callable[[Sequence[Side]], object] = lambda _: None,
) -> Result:
    """Take back what the undo log at `path` tells; `begin` is called with the slaves, `tell` with every difference.

    `flags` are the command line's in snake_case; `known` are slaves that have credentials or an endpoint of their own,
    for where the log names them. Raises ConfigError where a flag is wrong or the log cannot be read, TableError where
    no slave can be reached.
    """
    with Interrupt() as interrupt, Index(path) as index:
        own = {str(ref): ref for ref in known}
        config = Config.undoing(path, [own.get(name, name) for name in index.slaves()], flags)
        check_inputs(config.outputs, [path])
        plan = Plan.of(config.slicing)
        report = None if config.report is None else Report(config)
        stats_file = None if config.stats is None else open_output(config.stats, "--stats")
        try:
            found = survey_slaves(config)
            begin(found.slaves)
            interrupt.hold()
        except Interrupted:
            return result_of(Outcome(path, config.slaves, "undo", plan, True), interrupt)
        names = [*(side.table.ref for side in found.slaves), *(ref for ref, _ in found.unfit)]
        outcome = Outcome(path, names, "undo", plan, True)
        for _, error in found.unfit:
            outcome.fail(error)
        try:
            with _Undoing(found, config, outcome, interrupt=interrupt, report=report, tell=tell) as undoing:
                for place, side in enumerate(found.slaves):
                    chains = (list(read_entries(path, each.offsets)) for each in index.items(str(side)))
                    undoing.slave(place, chains)
            if report is not None:
                report.close(result_of(outcome, interrupt).complete)
            if stats_file is not None:
                write_stats(stats_file, result_of(outcome, interrupt).stats)
        except OutputFailed as error:
            outcome.fail(str(error))
        return result_of(outcome, interrupt)


class _Undoing:
    """What undoing works with."""

    def __init__(
        self,
        found: SlaveSurvey,
        config: Config,
        outcome: Outcome,
        *,
        interrupt: Interrupt,
        report: Report | None,
        tell: Callable[[Difference], object],
    ):
        self._found = found
        self._outcome = outcome
        self._report = report
        self._tell = tell
        self._interrupt = interrupt
        self._keyring = Keyring(self._credentials())
        self._access = Access(self._keyring, Ledger(1 + len(found.slaves)))
        self._clients = [self._access.client(side, config.reading, config.retrying) for side in found.slaves]
        self._pool = ThreadPoolExecutor(IN_FLIGHT)
        self._readers = [BatchReader(client, self._pool, config.reading.batch_limit) for client in self._clients]
        self._digester = Digester()
        names = tuple(map(str, found.slaves))
        self._judge = Judge(names, self._digester, Policy(), Expiry(None, [None] * len(names)))

    def __enter__(self) -> _Undoing:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._access.close()

    def slave(self, place: int, chains: Iterator[Chain]) -> None:
        """Undo what was written to one slave; a slave that cannot be read is given up."""
        with suppress(_Lost):
            pace = self._found.slaves[place].pace
            size = at_once((pace.reads, pace.writes), KEYS_AT_ONCE)
            while not self._interrupt.count and (chunk := list(islice(chains, size))):
                self._keyring.credentials = self._credentials()
                self._add(place, self._undone(place, chunk), len(chunk))

    def _credentials(self) -> tuple[Credentials, ...]:
        return self._found.credentials(self._give_up)

    def _give_up(self, error: IncompleteError) -> None:
        self._outcome.fail(str(error))
        self._interrupt.end()

    def _undone(self, place: int, chunk: Sequence[Chain]) -> list[Difference]:
        client = self._clients[place]
        keys = [client.keys.read(chain[0].key) for chain in chunk]
        try:
            now = self._readers[place].read(keys, consistent=True).result()
        except IncompleteError as error:
            refused = isinstance(error, RequestFailed) and error.refused
            self._outcome.add(SlaveLost(place, str(error), refused))
            raise _Lost from None
        suspects: list[Suspect] = []
        changed: list[Difference] = []
        for key, chain in zip(keys, chunk, strict=True):
            before, known = self._before(chain, now.get(key))
            suspect = Suspect(place, key, before, now.get(key), now.get(key))
            difference = self._judge.difference(suspect)
            if difference is not None and known:
                suspects.append(suspect)
            elif difference is not None:
                changed.append(replace(difference, action=Effect.CONTENDED, error=CHANGED))
        return [*changed, *self._pool.map(self._put_back, suspects)]

    def _before(self, chain: Chain, now: Raw | None) -> tuple[Raw | None, bool]:
        """Give what was there before the run, and whether what is there now is what the run, or an undo, left there.

        A line does not say that its write was made. So the lines of a key are gone through from the last to the first,
        and each one whose `after` is there is taken back.
        """
        item, known = now, False
        for entry in chain:
            if self._equal(item, entry.after_item):
                item, known = entry.before_item, True
            elif self._equal(item, entry.before_item):
                known = True
        return (item if known else chain[-1].before_item), known

    def _equal(self, one: Raw | None, other: Raw | None) -> bool:
        if one is None or other is None:
            return one is other
        return not self._digester.differing(one, other)

    def _put_back(self, suspect: Suspect) -> Difference:
        difference = self._judge.difference(suspect)
        assert difference is not None
        try:
            answer = self._write(self._clients[suspect.slave], suspect)
        except RequestFailed as error:
            return replace(difference, action=Effect.FAILED, error=str(error))
        if answer.done or (answer.attempts > 1 and self._equal(answer.current, suspect.master)):
            return replace(difference, action=EFFECTS[difference.verdict])
        return replace(difference, action=Effect.CONTENDED, error=CHANGED)

    def _write(self, client: Client, suspect: Suspect) -> WriteAnswer:
        names = client.side.table.keys.names
        if suspect.slave_item is None:
            condition = absent(names[0])
        else:
            now = writable(suspect.slave_item, names)
            before = {} if suspect.master is None else writable(suspect.master, names)
            guarded = sorted(now.keys() | before.keys(), key=lambda name: (now.get(name) == before.get(name), name))
            condition = unchanged(names[0], now, [name for name in guarded if name not in names])
        if suspect.master is None:
            return client.delete(write(suspect.key), condition)
        return client.put(spelled(writable(suspect.master, names)), condition)

    def _add(self, place: int, found: Sequence[Difference], keys: int) -> None:
        """Count a chunk of keys and tell of it: what is as it was before the run is the same."""
        tallies = [Tally() for _ in self._clients]
        for difference in found:
            tallies[place].count(difference)
        tallies[place].same = keys - len(found)
        for client, tally in zip(self._clients, tallies, strict=True):
            read, written = client.take_units()
            tally.read_units += read
            tally.write_units += written
            throttled, retried = client.take_failures()
            tally.throttled += throttled
            tally.retried += retried
        page = PageDone(Tally(scanned=keys), tuple(tallies), tuple(found))
        self._outcome.add(page)
        if self._report is not None:
            self._report.add(page)
        for difference in found:
            self._tell(difference)


class _Lost(Exception):
    """A slave was given up, which the outcome knows."""
