"""One task of an undo: lines of the undo log → what each item was before the run → a conditional write.

What the items were before the run is the truth: an item to be put back is `missing` or `differing`, one to be removed
is `extra`. What somebody has changed since is `contended` and left alone. Restoring an item twice does no harm, so a
task whose worker died is simply done again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from fastsync.aws.lookups.coming_answers import Answers
from fastsync.aws.writes.conditional import Condition, WriteAnswer
from fastsync.compare.pairs import Suspect
from fastsync.errors import ConfigError, IncompleteError
from fastsync.model.difference import Difference, Effect
from fastsync.model.keys import Key, encode_key
from fastsync.model.messages.events import Event, WritesAhead
from fastsync.model.messages.tasks import UndoTask
from fastsync.model.throughput import limit_items
from fastsync.repair.condition import require_absent, require_unchanged
from fastsync.repair.decision import EFFECTS, encode_item, writable_attributes
from fastsync.repair.undo_index import read_entries
from fastsync.repair.undo_log import Entry
from fastsync.workers.page_result import PageResult
from fastsync.workers.portions import MOST, PORTION_BYTES
from fastsync.workers.stages import UndoStages

CHANGED = "the item has changed since the run and was left alone"


class _Item(NamedTuple):
    """An item that the run wrote: its key, the offsets of its lines, the last first, and the last one's entry."""

    key: Key
    lines: tuple[int, ...]
    last: Entry


class _Change(NamedTuple):
    """An item to be restored: what it was before the run and what it is now, and what reports call that."""

    suspect: Suspect
    difference: Difference


def restore_items(task: UndoTask, stages: UndoStages) -> Iterator[Event]:
    """Restore the task's items page by page; `resume` of each page says how many of them are done.

    The items of the next page are read while this one is written. Raises IncompleteError where the log has gone.
    """
    restorer = _Restorer(task, stages)
    reading: tuple[list[_Item], Answers] | None = None
    done = task.start
    for items in chain(restorer.take_pages(), [[]]):
        coming = (items, stages.reader.look_up([item.key for item in items], consistent=True))
        if reading is not None:
            done += len(reading[0])
            yield from restorer.restore_page(*reading, done)
        reading = coming


class _Restorer:
    """Restore the items of one task."""

    def __init__(self, task: UndoTask, stages: UndoStages):
        self._task = task
        self._stages = stages
        self._key_names = task.side.table.keys.names
        # what attempts at this task whose workers died were about to report
        self._announced: dict[bytes, Difference] = {}
        for packed in task.ahead:
            self._announced.update(pickle.loads(packed))
        self._refused: str | None = None

    def take_pages(self) -> Iterator[list[_Item]]:
        """Yield the items of one page after the other, so many that they take about PORTION_BYTES."""
        pace = self._task.side.pace
        most = limit_items((pace.reads, pace.writes), MOST) or MOST
        page: list[_Item] = []
        size = 0
        for item in self._read_items():
            page.append(item)
            size += len(item.last.before) + len(item.last.after)
            if len(page) == most or size >= PORTION_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def restore_page(self, items: Sequence[_Item], answers: Answers, done: int) -> Iterator[Event]:
        """Write the items of a page that the run had changed; report those that somebody else has changed since."""
        now = answers.wait_by_key()
        result = self._stages.start_page(len(items))
        changes: list[_Change] = []
        for item in items:
            self._sort(item, now.get(item.key), changes, result)
        if self._task.terms.dry_run:
            self._report(result, [change.difference for change in changes])
        elif changes:
            announced = {encode_key(change.suspect.key): _restored(change.difference) for change in changes}
            yield WritesAhead(pickle.dumps(announced))
            self._report(result, self._stages.threads.map(self._restore, changes))
        tally = result.tallies[self._task.slave]
        tally.same = len(items) - tally.differences  # it is as it was before the run
        tally.compared = len(items) - tally.extra
        yield self._stages.finish_page(result, resume=b"%d" % done)

    def _report(self, result: PageResult, differences: Iterable[Difference | None]) -> None:
        for difference in differences:
            if difference is not None:
                result.add_difference(self._task.slave, difference)

    def _read_items(self) -> Iterator[_Item]:
        read_key = self._stages.client.keys.read_key
        lines = self._task.lines[self._task.start :]
        entries = self._read_entries([offsets[0] for offsets in lines])
        for offsets, entry in zip(lines, entries, strict=True):
            yield _Item(read_key(entry.key), offsets, entry)

    def _sort(self, item: _Item, now: Raw | None, changes: list[_Change], result: PageResult) -> None:
        """Put an item among the changes, or report it; one that is as it was before the run is neither."""
        before, known = self._find_before(item, now)
        suspect = Suspect(self._task.slave, item.key, before, now, now)
        difference = self._stages.judge.make_difference(suspect)
        if difference is None:
            self._report(result, [self._announced.get(encode_key(item.key))])
        elif known:
            changes.append(_Change(suspect, difference))
        else:
            self._report(result, [_contended(difference)])

    def _find_before(self, item: _Item, now: Raw | None) -> tuple[Raw | None, bool]:
        """Return the item as it was before the run, and whether the current one is the run's, or an earlier undo's.

        A line does not say that its write was made. So the lines are followed from the last to the first, and each
        whose `after` is the item's state is taken back.
        """
        state, known, first = now, False, item.last
        for entry in chain((item.last,), self._read_entries(item.lines[1:])):
            first = entry
            if self._are_equal(state, entry.after_item):
                state, known = entry.before_item, True
            elif self._are_equal(state, entry.before_item):
                known = True
        return (state if known else first.before_item), known

    def _read_entries(self, offsets: Sequence[int]) -> Iterator[Entry]:
        if not offsets:  # nearly all items have one line
            return
        try:
            yield from read_entries(self._task.terms.log, offsets)
        except ConfigError as error:  # every line was checked, so the file has changed since
            raise IncompleteError(str(error)) from None

    def _are_equal(self, one: Raw | None, other: Raw | None) -> bool:
        if one is None or other is None:
            return one is other
        return not self._stages.digester.find_differing(one, other)

    def _restore(self, change: _Change) -> Difference | None:
        """Write one item; return None where it was restored meanwhile, by nobody that this undo knows of."""
        suspect, difference = change
        if self._refused is not None:
            return _failed(difference, self._refused)
        try:
            answer = self._write(suspect)
        except IncompleteError as error:
            if error.refused:
                self._refused = str(error)
            return _failed(difference, str(error))
        if answer.done:
            return _restored(difference)
        if not self._are_equal(answer.current, suspect.master_item):
            return _contended(difference)
        if answer.attempts > 1:  # an attempt before the last had written it, but its answer was lost
            return _restored(difference)
        return self._announced.get(encode_key(suspect.key))

    def _write(self, suspect: Suspect) -> WriteAnswer:
        condition = self._make_condition(suspect)
        if suspect.master_item is None:
            return self._stages.client.delete_item(encode_key(suspect.key), condition)
        item = encode_item(writable_attributes(suspect.master_item, self._key_names))
        return self._stages.client.put_item(item, condition)

    def _make_condition(self, suspect: Suspect) -> Condition:
        """Return the condition that the item is still as it was read; what the write changes is guarded first."""
        if suspect.slave_item is None:
            return require_absent(self._key_names[0])
        now = writable_attributes(suspect.slave_item, self._key_names)
        before = {} if suspect.master_item is None else writable_attributes(suspect.master_item, self._key_names)
        guarded = [name for name in now.keys() | before.keys() if name not in self._key_names]
        guarded.sort(key=lambda name: (now.get(name) == before.get(name), name))
        return require_unchanged(self._key_names[0], now, guarded)


def _restored(difference: Difference) -> Difference:
    return replace(difference, action=EFFECTS[difference.verdict])


def _contended(difference: Difference) -> Difference:
    return replace(difference, action=Effect.CONTENDED, error=CHANGED)


def _failed(difference: Difference, error: str) -> Difference:
    return replace(difference, action=Effect.FAILED, error=error)
