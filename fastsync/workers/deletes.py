"""One chunk of deletes: extras of a slave, found by earlier tasks, are read again and deleted if they are still extra.

Only the last page has a resume point, so that the chunk counts as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from fastsync.compare.pairs import Suspect
from fastsync.errors import IncompleteError
from fastsync.model.difference import Difference, Effect, Verdict
from fastsync.model.keys import Key, encode_key
from fastsync.model.messages.events import Event, PageDone
from fastsync.model.messages.tasks import DeleteTask
from fastsync.model.wording import describe_exception
from fastsync.workers.portions import Portions, by_bytes, known_bytes
from fastsync.workers.stages import Stages

NOTHING_LEFT = b"[]"
"""The resume point of a chunk of which everything is reported."""


def delete_extras(task: DeleteTask, stages: Stages) -> Iterator[Event]:
    """Delete a chunk of extras. Where something fails after some were deleted, the rest is reported as failed."""
    chunk = _Chunk(task, stages)
    try:
        yield from chunk.delete_portions()
    except Exception as error:
        if chunk.untouched:
            raise
        yield chunk.report_failed(str(error) if isinstance(error, IncompleteError) else describe_exception(error))
        raise
    yield stages.finish_page(stages.start_page(), NOTHING_LEFT)


def _is_extra(now: Suspect) -> bool:
    return now.master_item is None and now.slave_item is not None and not now.filtered


class _Chunk:
    """The extras of a task, in portions that take little memory."""

    def __init__(self, task: DeleteTask, stages: Stages):
        self._slave = task.slave
        self._name = str(task.terms.slaves[task.slave])
        self._stages = stages
        self._keys = [stages.master.client.keys.read_key(key) for key in task.keys]
        self._left = dict.fromkeys(self._keys)
        self._total = len(self._left)

    @property
    def untouched(self) -> bool:
        """Return whether nothing is decided yet."""
        return len(self._left) == self._total

    def delete_portions(self) -> Iterator[Event]:
        """Read portion by portion again, and delete what is still extra."""
        portions = Portions(self._keys)
        for keys in portions:
            again = self._read_again(keys)
            portions.learn(len(again), sum(map(known_bytes, again)))
            still_extra = [now for now in again if _is_extra(now)]
            yield self._drop_settled(again, still_extra)
            for part in by_bytes(still_extra, known_bytes):
                yield from self._delete(part)
            self._stages.repairs.check_undo_log()

    def report_failed(self, error: str) -> PageDone:
        """Report all extras that are left as failed; nothing of the task is left then."""
        result = self._stages.start_page()
        for key in self._left:
            named = msgspec.json.decode(encode_key(key))
            failed = Difference(self._name, Verdict.EXTRA, named, action=Effect.FAILED, error=error)
            result.add_difference(self._slave, failed)
        return self._stages.finish_page(result, NOTHING_LEFT)

    def _read_again(self, keys: Sequence[Key]) -> list[Suspect]:
        self._stages.expiry.read_clock()
        suspects = [Suspect(self._slave, key, None, None, None) for key in keys]
        again, lost = self._stages.rechecker.read_again(suspects)
        for _, error in lost:
            raise error
        return again

    def _drop_settled(self, again: Sequence[Suspect], still_extra: Sequence[Suspect]) -> PageDone:
        """Take out what is no extra any more; report those that an earlier attempt had deleted."""
        extra = {now.key for now in still_extra}
        result = self._stages.start_page()
        for now in again:
            if now.key not in extra:
                self._left.pop(now.key, None)
            if now.stored is None:
                self._stages.repairs.count_if_repaired(now, result)
        return self._stages.finish_page(result)

    def _delete(self, extras: Sequence[Suspect]) -> Iterator[Event]:
        result = self._stages.start_page()
        yield from self._stages.repairs.repair(extras, result)
        for extra in extras:
            self._left.pop(extra.key, None)
        yield self._stages.finish_page(result)
