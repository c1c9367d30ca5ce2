"""Restore: one task of an undo in one worker: lines of the undo log → what was there before → a conditional write.

What the items were before the run is the truth here: an item to be put back is `missing` or `differing`, one to be
removed is `extra`. What somebody has changed since is `contended` and left alone. Restoring an item twice does no harm,
so a task whose worker died is simply done again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from msgspec import Raw

from fastsync.aws.batch_get import IN_FLIGHT, Answers, BatchReader
from fastsync.aws.client import WriteAnswer
from fastsync.aws.clients import Clients
from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.errors import ConfigError, IncompleteError
from fastsync.model.difference import Difference, Effect, Tally
from fastsync.model.digest import Digester
from fastsync.model.events import Event, PageDone, UndoTask, WritesAhead
from fastsync.model.keys import Key, encode_key
from fastsync.model.policy import Policy
from fastsync.model.throughput import limit_items
from fastsync.repair.condition import require_absent, require_unchanged
from fastsync.repair.repairer import EFFECTS, encode_item, writable_attributes
from fastsync.repair.undo_index import read_entries
from fastsync.repair.undo_log import Entry
from fastsync.workers.portions import MOST, PORTION_BYTES

CHANGED = "the item has changed since the run and was left alone"


class _Item(NamedTuple):
    """An item that the run wrote: its key, the offsets of its lines, the last first, and the last one's entry."""

    key: Key
    lines: tuple[int, ...]
    last: Entry


class _Change(NamedTuple):
    """An item to be restored: what is there and what was there before, and what that is called in a report."""

    suspect: Suspect
    difference: Difference


class Restorer:
    """Work on one task of an undo; use as a context manager. Raises IncompleteError where the log has gone."""

    def __init__(self, task: UndoTask, access: Clients):
        terms = task.terms
        access.begin_task()
        self._task = task
        self._access = access
        self._client = access.client_of(task.side, terms.reading, terms.retrying)
        self._pool = ThreadPoolExecutor(IN_FLIGHT)
        self._reader = BatchReader(self._client, self._pool, terms.reading.batch_limit)
        self._digester = Digester(keys=task.side.table.keys.names)
        names = tuple(map(str, terms.slaves))
        self._judge = Judge(names, self._digester, Policy(), Expiry(None, [None] * len(names)), values=terms.values)
        # what attempts at this task whose workers died were about to report
        self._announced: dict[bytes, Difference] = {}
        for each in task.ahead:
            self._announced.update(pickle.loads(each))
        self._refused: str | None = None

    def __enter__(self) -> Restorer:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._access.end_task()
        self._pool.shutdown(cancel_futures=True)

    def pages(self) -> Iterator[Event]:
        """Restore the task's items page by page; `resume` of each page says how many of them are done.

        The items of the next page are read while this one is written.
        """
        reading: tuple[list[_Item], Answers] | None = None
        done = self._task.start
        for items in chain(self._take_pages(), [[]]):
            coming = (items, self._reader.look_up([item.key for item in items], consistent=True))
            if reading is not None:
                done += len(reading[0])
                yield from self._restore_page(*reading, done)
            reading = coming

    def _restore_page(self, items: Sequence[_Item], answers: Answers, done: int) -> Iterator[Event]:
        now = answers.wait_by_key()
        found: list[Difference] = []
        changes: list[_Change] = []
        for item in items:
            self._sort(item, now.get(item.key), changes, found)
        if self._task.terms.dry_run:
            found += [each.difference for each in changes]
        elif changes:
            announced = {encode_key(each.suspect.key): _done(each.difference) for each in changes}
            yield WritesAhead(pickle.dumps(announced))
            found += filter(None, self._pool.map(self._restore, changes))
        yield self._count(len(items), found, done)

    def empty_tallies(self) -> tuple[Tally, ...]:
        """Return an empty tally for every slave."""
        return tuple(Tally() for _ in self._task.terms.slaves)

    def add_usage(self, done: PageDone) -> PageDone:
        """Add the units that requests have consumed since the last event."""
        done.tallies[self._task.slave].__iadd__(self._client.take_usage())
        return done

    def _take_pages(self) -> Iterator[list[_Item]]:
        """Yield the items of one page after the other, so many that they take about PORTION_BYTES."""
        pace, lines = self._task.side.pace, self._task.lines[self._task.start :]
        most = limit_items((pace.reads, pace.writes), MOST) or MOST
        page: list[_Item] = []
        size = 0
        for offsets, entry in zip(lines, self._read_entries([each[0] for each in lines]), strict=True):
            page.append(_Item(self._client.keys.read_key(entry.key), offsets, entry))
            size += len(entry.before) + len(entry.after)
            if len(page) == most or size >= PORTION_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def _sort(self, item: _Item, now: Raw | None, changes: list[_Change], found: list[Difference]) -> None:
        """Put an item among those to be restored, or among what was found; one that is as before is in neither."""
        before, known = self._before(item, now)
        suspect = Suspect(self._task.slave, item.key, before, now, now)
        difference = self._judge.make_difference(suspect)
        if difference is None:
            if (restored := self._announced.get(encode_key(item.key))) is not None:
                found.append(restored)
        elif known:
            changes.append(_Change(suspect, difference))
        else:
            found.append(replace(difference, action=Effect.CONTENDED, error=CHANGED))

    def _before(self, item: _Item, now: Raw | None) -> tuple[Raw | None, bool]:
        """Return the item as it was before the run, and whether the current one is the run's, or an earlier undo's.

        A line does not say that its write was made. So the lines are gone through from the last to the first, and each
        one whose `after` is there is taken back.
        """
        state, known, first = now, False, item.last
        for entry in chain((item.last,), self._read_entries(item.lines[1:])):
            first = entry
            if self._is_equal(state, entry.after_item):
                state, known = entry.before_item, True
            elif self._is_equal(state, entry.before_item):
                known = True
        return (state if known else first.before_item), known

    def _read_entries(self, offsets: Sequence[int]) -> Iterator[Entry]:
        if not offsets:  # of nearly all items there is one line
            return
        try:
            yield from read_entries(self._task.terms.log, offsets)
        except ConfigError as error:  # every line was checked, so the file has changed since
            raise IncompleteError(str(error)) from None

    def _is_equal(self, one: Raw | None, other: Raw | None) -> bool:
        if one is None or other is None:
            return one is other
        return not self._digester.find_differing(one, other)

    def _restore(self, change: _Change) -> Difference | None:
        """Write one item; return None where it was restored meanwhile, by nobody that this undo knows of."""
        suspect, difference = change
        if self._refused is not None:
            return replace(difference, action=Effect.FAILED, error=self._refused)
        try:
            answer = self._write(suspect)
        except IncompleteError as error:
            if error.refused:
                self._refused = str(error)
            return replace(difference, action=Effect.FAILED, error=str(error))
        if answer.done:
            return _done(difference)
        if not self._is_equal(answer.current, suspect.master):
            return replace(difference, action=Effect.CONTENDED, error=CHANGED)
        return _done(difference) if answer.attempts > 1 else self._announced.get(encode_key(suspect.key))

    def _write(self, suspect: Suspect) -> WriteAnswer:
        names = self._task.side.table.keys.names
        if suspect.slave_item is None:
            condition = require_absent(names[0])
        else:
            now = writable_attributes(suspect.slave_item, names)
            before = {} if suspect.master is None else writable_attributes(suspect.master, names)
            guarded = sorted(now.keys() | before.keys(), key=lambda name: (now.get(name) == before.get(name), name))
            condition = require_unchanged(names[0], now, [name for name in guarded if name not in names])
        if suspect.master is None:
            return self._client.delete_item(encode_key(suspect.key), condition)
        return self._client.put_item(encode_item(writable_attributes(suspect.master, names)), condition)

    def _count(self, items: int, found: Sequence[Difference], done: int) -> PageDone:
        """Count a page: what is as it was before the run is the same."""
        tallies = self.empty_tallies()
        tally = tallies[self._task.slave]
        for difference in found:
            tally.count_difference(difference)
        tally.same = items - len(found)
        tally.compared = items - tally.extra
        return self.add_usage(PageDone(Tally(scanned=items), tallies, tuple(found), resume=b"%d" % done))


def _done(difference: Difference) -> Difference:
    return replace(difference, action=EFFECTS[difference.verdict])
