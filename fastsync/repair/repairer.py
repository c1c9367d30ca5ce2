"""Repair differences: an undo line, then a conditional write, then the result.

Every write says what the slave's item must still be: absent for `missing`, unchanged for `differing` and `extra`. A
condition that fails is a race that was lost: both items are read again, and the write is decided anew a few times.
Writes go in rounds, so that each is in the undo log, and is announced, before it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.aws.batch_write import BatchWriter
from fastsync.aws.client import Client, Condition, WriteAnswer
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.compare.recheck import Rechecker
from fastsync.errors import IncompleteError, Interrupted, OutputFailed
from fastsync.model.difference import Difference, Effect, Verdict
from fastsync.model.digest import REPLICATION_PREFIX, item_digest
from fastsync.model.keys import encode_key
from fastsync.model.policy import Action, Policy
from fastsync.model.settings import Repairing
from fastsync.model.wording import describe_exception
from fastsync.repair.announced_writes import Announced
from fastsync.repair.condition import require_absent, require_unchanged
from fastsync.repair.newer import slave_is_newer
from fastsync.repair.undo_log import ABSENT, Entry, UndoLog

RACES = 3
"""How often a write is decided anew after a failed condition, before it counts as contended."""

Attributes = dict[str, Raw]


class Intent(NamedTuple):
    """A repair that was decided: what the slave's item is, and is to be; None where there is none."""

    suspect: Suspect
    difference: Difference
    before: Attributes | None
    after: Attributes | None


Decision = Difference | Intent | Suspect
"""What is to become of a suspect: it is left alone as a difference, it is repaired, or it has settled as it is now."""


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
    def undo_offset(self) -> int:
        """The bytes of the undo log, 0 where there is none: all that was carried out so far stands before."""
        return 0 if self._log is None else self._log.size

    def close(self) -> None:
        """Close the undo log."""
        if self._log is not None:
            self._log.close()

    def repair_all(
        self, suspects: Sequence[Suspect], pool: Executor
    ) -> Generator[Sequence[Intent], None, list[Difference | Suspect]]:
        """Repair suspects side by side; return what became of each, a suspect where it has settled meanwhile.

        Each round of writes is yielded, in the undo log by then, before the first of them is sent. Those whose
        condition failed are decided anew for another round. One sync of the undo log serves a round.
        """
        found: dict[int, Difference | Suspect] = {}
        decided: dict[int, Decision] = {place: self._decide_repair(suspect) for place, suspect in enumerate(suspects)}
        for _ in range(RACES):
            intents = _take_intents(decided, found)
            if failed := self._log_intents(list(intents.values())):
                found.update(zip(intents, failed, strict=True))
                decided = {}
            if not intents or failed:
                break
            yield list(intents.values())
            written = dict(zip(intents, self._carry_out_all(list(intents.values()), pool), strict=True))
            found.update((place, done) for place, done in written.items() if done is not None)
            decided = self._decide_again({place: intents[place] for place, done in written.items() if done is None})
        found.update((place, _contended(intent)) for place, intent in _take_intents(decided, found).items())
        return [found[place] for place in range(len(suspects))]

    def _carry_out_all(self, intents: Sequence[Intent], pool: Executor) -> Iterable[Difference | None]:
        """Write one round; None stands for a race that was lost."""
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
            items = [(intents[place].suspect.key, encode_item(intents[place].after)) for place in mine]
            errors.update(zip(mine, BatchWriter(self._slaves[slave], pool).write_items(items), strict=True))
        return [_with_result(each.difference, errors[place]) for place, each in enumerate(intents)]

    def _log_intents(self, intents: Sequence[Intent]) -> list[Difference]:
        """Put intents into the undo log, where there is one; give them as failed where that is not possible."""
        if self._log is None or not intents:
            return []
        try:
            if self.broken is not None:
                raise self.broken
            self._log.append_entries([self._entry(each) for each in intents])
        except OutputFailed as error:
            self.broken = error
            return [_with_result(each.difference, str(error)) for each in intents]
        return []

    def _entry(self, intent: Intent) -> Entry:
        before, after = (ABSENT if each is None else Raw(encode_item(each)) for each in (intent.before, intent.after))
        table = self._slaves[intent.suspect.slave].side.table
        return Entry(intent.difference.slave, Raw(encode_key(intent.suspect.key)), before, after, table.identity)

    def _decide_repair(self, suspect: Suspect) -> Decision:
        """Decide what a suspect is, and whether it is to be repaired; return it as it is where it has settled."""
        difference = self._judge.make_difference(suspect)
        if difference is None:
            return suspect
        versioned = self._allowed.version is not None and suspect.master is not None
        if versioned and slave_is_newer(difference.master_version, difference.slave_version):
            return replace(difference, action=Effect.SLAVE_NEWER)
        if not self._is_allowed(difference):
            return difference
        if suspect.slave in self._refused:
            return _with_result(difference, self._refused[suspect.slave])
        before = None if suspect.stored is None else _decode_attributes(suspect.stored)
        return Intent(suspect, difference, before, self._choose_item(suspect, before))

    def _is_allowed(self, difference: Difference) -> bool:
        allowed = {
            Verdict.MISSING: self._allowed.write_missing,
            Verdict.DIFFERING: self._allowed.write_differing,
            Verdict.EXTRA: self._allowed.delete_extra,
        }
        return allowed[difference.verdict] and self._policy.resolve(difference) is Action.REPAIR

    def _choose_item(self, suspect: Suspect, before: Attributes | None) -> Attributes | None:
        if suspect.master is None:
            return None
        keys = self._slaves[suspect.slave].side.table.keys.names
        after = writable_attributes(suspect.master, keys)
        if not self._allowed.keep_ignored or before is None or suspect.slave_item is None:
            return after
        ignored = self._allowed.ignored.difference(keys)
        kept = {name: raw for name, raw in writable_attributes(suspect.slave_item, keys).items() if name in ignored}
        return {name: raw for name, raw in after.items() if name not in ignored} | kept

    def _carry_out(self, intent: Intent) -> Difference | None:
        """Write one intent; return None where its condition failed. Never raises: the difference says what failed."""
        if intent.suspect.slave in self._refused:
            return _with_result(intent.difference, self._refused[intent.suspect.slave])
        try:
            answer = self._send_write(intent)
            written = answer.done or self._written_before(answer, intent.suspect)
        except IncompleteError as error:
            return self._give_up(intent, error)
        except BaseException as error:  # a policy's: what was written beside this item must still be told
            return _with_result(intent.difference, describe_exception(error))
        return _with_result(intent.difference, None) if written else None

    def _give_up(self, intent: Intent, error: IncompleteError) -> Difference:
        if error.refused:
            self._refused[intent.suspect.slave] = str(error)
        return _with_result(intent.difference, str(error))

    def _decide_again(self, raced: Mapping[int, Intent]) -> dict[int, Decision]:
        """Read both sides of lost races again, all at once, and decide anew."""
        if not raced:
            return {}
        try:
            again, lost = self._rechecker.read_again([intent.suspect for intent in raced.values()])
        except IncompleteError as error:
            return {place: _with_result(intent.difference, str(error)) for place, intent in raced.items()}
        errors = dict(lost)
        now = {(suspect.slave, suspect.key): suspect for suspect in again}
        decided: dict[int, Decision] = {}
        for place, intent in raced.items():
            slave = intent.suspect.slave
            if slave in errors:
                decided[place] = self._give_up(intent, errors[slave])
            else:
                decided[place] = self._decide_anew(intent, now[slave, intent.suspect.key])
        return decided

    def _decide_anew(self, intent: Intent, now: Suspect) -> Decision:
        """Decide about a suspect whose race was lost; where the master's item is gone, or is back, it has settled."""
        if (now.master is None) is not (intent.suspect.master is None):
            return now
        try:
            return self._decide_repair(now)
        except Interrupted:
            raise
        except BaseException as error:  # a policy's: what was written beside this item must still be told
            return _with_result(intent.difference, describe_exception(error))

    def _send_write(self, intent: Intent) -> WriteAnswer:
        slave = self._slaves[intent.suspect.slave]
        condition = self._make_condition(intent, slave.side.table.keys.names)
        if intent.after is None:
            return slave.delete_item(encode_key(intent.suspect.key), condition)
        return slave.put_item(encode_item(intent.after), condition)

    def _make_condition(self, intent: Intent, key_names: Sequence[str]) -> Condition:
        if intent.before is None:
            return require_absent(key_names[0])
        return require_unchanged(key_names[0], intent.before, self._guarded_names(intent, key_names))

    def _guarded_names(self, intent: Intent, key_names: Sequence[str]) -> list[str]:
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
        return self._judge.judge_suspect(suspect._replace(slave_item=answer.current)) is None


def writable_attributes(item: Raw, keys: Collection[str]) -> Attributes:
    """Give an item's attributes as they may be written: whole, without `aws:rep:*` but for the `keys` of the table."""
    return {
        name: raw
        for name, raw in _decode_attributes(item).items()
        if name in keys or not name.startswith(REPLICATION_PREFIX)
    }


_decode_attributes = msgspec.json.Decoder(Attributes).decode


def encode_item(item: Attributes | None) -> bytes:
    """Write an item as DynamoDB JSON, its values as they were read."""
    return msgspec.json.encode(item)


def announced(intent: Intent) -> Announced:
    """Return an intent as it is announced, with both items in its difference where that has them."""
    after = None if intent.after is None else item_digest(intent.after)
    return Announced(encode_key(intent.suspect.key), after, _with_result(intent.difference, None))


def _take_intents(decided: Mapping[int, Decision], found: dict[int, Difference | Suspect]) -> dict[int, Intent]:
    """Return what is to be written, and put everything else among what was found."""
    found.update((place, each) for place, each in decided.items() if not isinstance(each, Intent))
    return {place: each for place, each in decided.items() if isinstance(each, Intent)}


def _contended(intent: Intent) -> Difference:
    text = f"the item changed under {RACES} attempts in a row and was left alone"
    return replace(intent.difference, action=Effect.CONTENDED, error=text)


def _with_result(difference: Difference, error: str | None) -> Difference:
    effect = EFFECTS[difference.verdict] if error is None else Effect.FAILED
    return replace(difference, action=effect, error=error)


EFFECTS = {Verdict.MISSING: Effect.WRITTEN, Verdict.DIFFERING: Effect.WRITTEN, Verdict.EXTRA: Effect.DELETED}
