"""Repair: a difference → an undo line → a conditional write → what came of it.

Every write says what the slave's item must still be: absent for `missing`, unchanged for `differing` and `extra`. A
condition that fails is a race that was lost: both items are read again, and the write is decided anew a few times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.aws.client import Client, Condition, WriteAnswer
from fastsync.batchwrite import BatchWriter
from fastsync.condition import absent, unchanged
from fastsync.difference import Difference, Effect, Verdict
from fastsync.digest import REPLICATION_PREFIX
from fastsync.errors import IncompleteError, OutputFailed, RequestFailed
from fastsync.judge import Judge
from fastsync.keys import write
from fastsync.pairs import Suspect
from fastsync.parts import Repairing
from fastsync.policy import Action, Policy
from fastsync.recheck import Rechecker
from fastsync.undolog import NOTHING, Entry, UndoLog
from fastsync.version import slave_is_newer
from fastsync.wording import describe_exception

RACES = 3
"""How often a write is decided anew after a failed condition, before it counts as contended."""

Attributes = dict[str, Raw]


class Intent(NamedTuple):
    """A repair that was decided: what the slave's item is, and is to be; None where there is none."""

    suspect: Suspect
    difference: Difference
    before: Attributes | None
    after: Attributes | None


class Repairer:
    """Carry out what flags and policy allow: one conditional write per difference, or batches, many in flight.

    `broken` is the failure of the undo log, after which nothing more is written.
    """

    def __init__(
        self,
        slaves: Sequence[Client],
        judge: Judge,
        rechecker: Rechecker,
        policy: Policy,
        allowed: Repairing,
    ):
        self._slaves = slaves
        self._judge = judge
        self._rechecker = rechecker
        self._policy = policy
        self._allowed = allowed
        self._refused: dict[int, str] = {}
        self._log = None if allowed.undo_log is None else UndoLog(allowed.undo_log)
        self.broken: OutputFailed | None = None

    @property
    def logged(self) -> int:
        """The bytes of the undo log, 0 where there is none: all that was carried out so far stands before."""
        return 0 if self._log is None else self._log.size

    def close(self) -> None:
        """Close the undo log."""
        if self._log is not None:
            self._log.close()

    def repair_all(self, suspects: Sequence[Suspect], pool: Executor) -> list[Difference | None]:
        """Repair suspects side by side; None stands for one that has settled meanwhile.

        One sync of the undo log serves them all.
        """
        decided = [self._decide(suspect) for suspect in suspects]
        intents = [each for each in decided if isinstance(each, Intent)]
        done = iter(self._failed(intents) or self._carried_out(intents, pool))
        return [next(done) if isinstance(each, Intent) else each for each in decided]

    def _carried_out(self, intents: Sequence[Intent], pool: Executor) -> Iterable[Difference | None]:
        if not self._allowed.in_batches:
            return pool.map(self._carry_out, intents)
        batched = [place for place, each in enumerate(intents) if each.after is not None]
        written: dict[int, Difference | None] = {}
        in_batches = self._write_batches([intents[place] for place in batched], pool)
        written.update(zip(batched, in_batches, strict=True))
        deleted = [place for place in range(len(intents)) if place not in written]
        written.update(zip(deleted, pool.map(self._carry_out, [intents[place] for place in deleted]), strict=True))
        return [written[place] for place in range(len(intents))]

    def _write_batches(self, intents: Sequence[Intent], pool: Executor) -> list[Difference]:
        """Write whole items by BatchWriteItem, without a condition; each counts only once it was taken."""
        errors: dict[int, str | None] = {}
        for slave in dict.fromkeys(each.suspect.slave for each in intents):
            mine = [place for place, each in enumerate(intents) if each.suspect.slave == slave]
            items = [(intents[place].suspect.key, spelled(intents[place].after)) for place in mine]
            errors.update(zip(mine, BatchWriter(self._slaves[slave], pool).write(items), strict=True))
        return [_done(each.difference, errors[place]) for place, each in enumerate(intents)]

    def _failed(self, intents: Sequence[Intent]) -> list[Difference]:
        """Put intents into the undo log, where there is one; give them as failed where that is not possible."""
        if self._log is None or not intents:
            return []
        try:
            if self.broken is not None:
                raise self.broken
            self._log.append([self._entry(each) for each in intents])
        except OutputFailed as error:
            self.broken = error
            return [_done(each.difference, str(error)) for each in intents]
        return []

    def _entry(self, intent: Intent) -> Entry:
        before, after = (NOTHING if each is None else Raw(spelled(each)) for each in (intent.before, intent.after))
        table = self._slaves[intent.suspect.slave].side.table
        return Entry(intent.difference.slave, Raw(write(intent.suspect.key)), before, after, table.identity)

    def _decide(self, suspect: Suspect) -> Difference | Intent | None:
        """Decide what a suspect is, and whether it is to be repaired."""
        difference = self._judge.difference(suspect)
        if difference is None:
            return None
        versioned = self._allowed.version is not None and suspect.master is not None
        if versioned and slave_is_newer(difference.master_version, difference.slave_version):
            return replace(difference, action=Effect.SLAVE_NEWER)
        if not self._wanted(difference):
            return difference
        if suspect.slave in self._refused:
            return _done(difference, self._refused[suspect.slave])
        before = None if suspect.there is None else _attributes(suspect.there)
        return Intent(suspect, difference, before, self._after(suspect, before))

    def _wanted(self, difference: Difference) -> bool:
        allowed = {
            Verdict.MISSING: self._allowed.write_missing,
            Verdict.DIFFERING: self._allowed.write_differing,
            Verdict.EXTRA: self._allowed.delete_extra,
        }
        return allowed[difference.verdict] and self._policy.resolve(difference) is Action.REPAIR

    def _after(self, suspect: Suspect, before: Attributes | None) -> Attributes | None:
        if suspect.master is None:
            return None
        keys = self._slaves[suspect.slave].side.table.keys.names
        after = writable(suspect.master, keys)
        if not self._allowed.keep_ignored or before is None or suspect.slave_item is None:
            return after
        ignored = self._allowed.ignored.difference(keys)
        kept = {name: raw for name, raw in writable(suspect.slave_item, keys).items() if name in ignored}
        return {name: raw for name, raw in after.items() if name not in ignored} | kept

    def _carry_out(self, intent: Intent) -> Difference | None:
        """Bring one intent to its end. Never raises for a write that fails: the difference says so."""
        for attempt in range(RACES):
            if intent.suspect.slave in self._refused:
                return _done(intent.difference, self._refused[intent.suspect.slave])
            try:
                if attempt and (failed := self._failed([intent])):
                    return failed[0]
                answer = self._write(intent)
                if answer.done or self._written_before(answer, intent.suspect):
                    return _done(intent.difference, None)
                moved = self._look_again(intent.suspect)
                decided = None if moved is None else self._decide(moved)
            except IncompleteError as error:
                if isinstance(error, RequestFailed) and error.refused:
                    self._refused[intent.suspect.slave] = str(error)
                return _done(intent.difference, str(error))
            except BaseException as error:  # a policy's: what was written beside this item must still be told
                return _done(intent.difference, describe_exception(error))
            if not isinstance(decided, Intent):
                return decided
            intent = decided
        text = f"the item changed under {RACES} attempts in a row and was left alone"
        return replace(intent.difference, action=Effect.CONTENDED, error=text)

    def _write(self, intent: Intent) -> WriteAnswer:
        slave = self._slaves[intent.suspect.slave]
        condition = self._condition(intent, slave.side.table.keys.names)
        if intent.after is None:
            return slave.delete(write(intent.suspect.key), condition)
        return slave.put(spelled(intent.after), condition)

    def _condition(self, intent: Intent, key_names: Sequence[str]) -> Condition:
        if intent.before is None:
            return absent(key_names[0])
        return unchanged(key_names[0], intent.before, self._guarded(intent, key_names))

    def _guarded(self, intent: Intent, key_names: Sequence[str]) -> list[str]:
        """Name the attributes that must be unchanged, the most important first.

        What is compared is guarded; and what is not compared where the slave's value of it is written back, or may be
        by an undo.
        """
        before, after = intent.before or {}, intent.after or {}
        kept = self._allowed.ignored if self._allowed.keep_ignored else frozenset()
        first = [self._allowed.version] if self._allowed.version is not None else []
        both = sorted(before.keys() | after.keys(), key=lambda name: (before.get(name) == after.get(name), name))
        compared = [name for name in both if name not in self._allowed.ignored]
        rest = both if self._log is not None else []
        names = dict.fromkeys([*first, *compared, *sorted(kept), *rest])
        return [name for name in names if name not in key_names and not name.startswith(REPLICATION_PREFIX)]

    def _written_before(self, answer: WriteAnswer, suspect: Suspect) -> bool:
        """Recognise a write whose answer was lost and whose repetition then failed its own condition."""
        if answer.attempts == 1:
            return False
        if suspect.master is None or answer.current is None:
            return suspect.master is None and answer.current is None
        return self._judge.attributes(suspect.master, answer.current) == ()

    def _look_again(self, suspect: Suspect) -> Suspect | None:
        """Read both sides again; None where the master's item is gone, or is back, so that this is another matter."""
        again, lost = self._rechecker.again([suspect])
        for _, error in lost:
            raise error
        return again[0] if (again[0].master is None) is (suspect.master is None) else None


def writable(item: Raw, keys: Collection[str]) -> Attributes:
    """Give an item's attributes as they may be written: whole, without `aws:rep:*` but for the `keys` of the table."""
    return {
        name: raw for name, raw in _attributes(item).items() if name in keys or not name.startswith(REPLICATION_PREFIX)
    }


_attributes = msgspec.json.Decoder(Attributes).decode


def spelled(item: Attributes | None) -> bytes:
    """Write an item as DynamoDB JSON, its values as they were read."""
    return msgspec.json.encode(item)


def _done(difference: Difference, error: str | None) -> Difference:
    effect = EFFECTS[difference.verdict] if error is None else Effect.FAILED
    return replace(difference, action=effect, error=error)


EFFECTS = {Verdict.MISSING: Effect.WRITTEN, Verdict.DIFFERING: Effect.WRITTEN, Verdict.EXTRA: Effect.DELETED}
