"""Repair differences: an undo line, then a conditional write, then the result.

Every write says what the slave's item must still be: absent for `missing`, unchanged for `differing` and `extra`. A
failed condition is a lost race: both items are read again, and the write is decided anew a few times. Writes go in
rounds, so that each one is in the undo log, and announced to the parent, before it is sent.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.writes.batch_write import BatchWriter
from fastsync.aws.writes.conditional import Write, WriteAnswer
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.compare.recheck import Rechecker
from fastsync.compare.reviewed import Reviewed
from fastsync.errors import IncompleteError, Interrupted, OutputFailed
from fastsync.model.difference import Difference
from fastsync.model.keys import encode_key
from fastsync.model.policy import Policy
from fastsync.model.settings import Repairing
from fastsync.model.wording import describe_exception
from fastsync.repair.announced_writes import Announced, Left
from fastsync.repair.condition import make_condition
from fastsync.repair.decision import Decider, Decision, Intent
from fastsync.repair.replicas import explain_protection
from fastsync.repair.undo_log import ABSENT, Entry, UndoLog

RACES = 3
"""How often a write is decided anew after a failed condition, before it counts as contended."""


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
        *,
        reviewed: Reviewed | None = None,
    ):
        self._slaves = slaves
        self._judge = judge
        self._rechecker = rechecker
        self._allowed = allowed
        key_names = [slave.side.table.keys.names for slave in slaves]
        reasons = {index: explain_protection(slave.side, allowed) for index, slave in enumerate(slaves)}
        protected = {index: reason for index, reason in reasons.items() if reason is not None}
        self._decider = Decider(judge, policy, allowed, key_names, reviewed=reviewed, protected=protected)
        self._refused: dict[int, str] = {}
        self._log = None if allowed.undo_log is None else UndoLog(allowed.undo_log)
        self.broken: OutputFailed | None = None

    @property
    def undo_offset(self) -> int:
        """The bytes of the undo log, 0 where there is none: the lines of all writes so far stand before it."""
        if self._log is None:
            return 0
        return self._log.size

    def close(self) -> None:
        """Close the undo log."""
        if self._log is not None:
            self._log.close()

    def repair_all(
        self, suspects: Sequence[Suspect], pool: Executor
    ) -> Generator[Sequence[Intent], None, list[Difference | Suspect]]:
        """Repair suspects side by side; return what became of each, a suspect where it has settled meanwhile.

        Yields each round of writes before the first of them is sent; they are in the undo log by then, with one sync
        for all. Writes whose condition has failed are decided anew for another round.
        """
        found: dict[int, Difference | Suspect] = {}
        decided = {index: self._decide_repair(suspect) for index, suspect in enumerate(suspects)}
        for _ in range(RACES):
            intents = _take_intents(decided, found)
            if not intents:
                break
            error = self._log_intents(intents.values())
            if error is not None:
                found.update((index, intent.failed(error)) for index, intent in intents.items())
                decided = {}
                break
            yield list(intents.values())
            results = self._carry_out_all(list(intents.values()), pool)
            raced = {}
            for (index, intent), result in zip(intents.items(), results, strict=True):
                if result is None:
                    raced[index] = intent
                else:
                    found[index] = result
            decided = self._decide_again(raced)
        found.update((index, intent.contended(RACES)) for index, intent in _take_intents(decided, found).items())
        return [found[index] for index in range(len(suspects))]

    def _decide_repair(self, suspect: Suspect) -> Decision:
        """Decide what becomes of a suspect; nothing more is sent to a slave that has refused a write."""
        decision = self._decider.decide_repair(suspect)
        if isinstance(decision, Intent) and suspect.slave in self._refused:
            return decision.failed(self._refused[suspect.slave])
        return decision

    def _log_intents(self, intents: Iterable[Intent]) -> str | None:
        """Append intents to the undo log, where there is one; return the error where that fails."""
        if self._log is None:
            return None
        try:
            if self.broken is not None:
                raise self.broken
            self._log.append_entries([self._make_entry(intent) for intent in intents])
        except OutputFailed as error:
            self.broken = error
            return str(error)
        return None

    def _make_entry(self, intent: Intent) -> Entry:
        return Entry(
            slave=intent.difference.slave,
            key=Raw(encode_key(intent.suspect.key)),
            before=ABSENT if intent.before is None else intent.before,
            after=ABSENT if intent.after is None else intent.after,
            table_id=self._slaves[intent.suspect.slave].side.table.identity,
        )

    def _carry_out_all(self, intents: Sequence[Intent], pool: Executor) -> list[Difference | None]:
        """Write one round; return what became of each intent, None where its condition failed."""
        by_slave: dict[int, list[int]] = {}
        for index, intent in enumerate(intents):
            by_slave.setdefault(intent.suspect.slave, []).append(index)
        chosen = {slave: [intents[index] for index in indexes] for slave, indexes in by_slave.items()}
        first, *others = chosen
        coming = {slave: pool.submit(self._carry_out, slave, chosen[slave], pool) for slave in others}
        written = {first: self._carry_out(first, chosen[first], pool)}
        written.update((slave, each.result()) for slave, each in coming.items())
        found = {
            index: each
            for slave, indexes in by_slave.items()
            for index, each in zip(indexes, written[slave], strict=True)
        }
        return [found[index] for index in range(len(intents))]

    def _carry_out(self, slave: int, intents: Sequence[Intent], pool: Executor) -> list[Difference | None]:
        """Write to one slave: in batches where that is allowed, but for deletes, which need their conditions."""
        if slave in self._refused:
            return [intent.failed(self._refused[slave]) for intent in intents]
        if not self._allowed.in_batches:
            return self._write_singly(slave, intents, pool)
        puts = [index for index, intent in enumerate(intents) if intent.after is not None]
        deletes = [index for index, intent in enumerate(intents) if intent.after is None]
        found: dict[int, Difference | None] = {}
        found.update(zip(puts, self._write_batches(slave, [intents[index] for index in puts], pool), strict=True))
        found.update(zip(deletes, self._write_singly(slave, [intents[index] for index in deletes], pool), strict=True))
        return [found[index] for index in range(len(intents))]

    def _write_batches(self, slave: int, intents: Sequence[Intent], pool: Executor) -> list[Difference]:
        """Write whole items by BatchWriteItem, without a condition; each counts only once the service has taken it."""
        items = [(intent.suspect.key, bytes(intent.after or b"")) for intent in intents]
        errors = BatchWriter(self._slaves[slave], pool).write_items(items)
        return [_close(intent, error) for intent, error in zip(intents, errors, strict=True)]

    def _write_singly(self, slave: int, intents: Sequence[Intent], pool: Executor) -> list[Difference | None]:
        """Write items under their conditions; return None where a condition failed."""
        writes = [self._make_write(intent) for intent in intents]
        answers = self._slaves[slave].write_all(writes, pool)
        return [self._take_answer(intent, answer) for intent, answer in zip(intents, answers, strict=True)]

    def _make_write(self, intent: Intent) -> Write:
        keys = self._slaves[intent.suspect.slave].side.table.keys.names
        condition = make_condition(intent, keys, self._allowed)
        if intent.after is None:
            return Write(encode_key(intent.suspect.key), condition, deletes=True)
        return Write(bytes(intent.after), condition)

    def _take_answer(self, intent: Intent, answer: WriteAnswer | IncompleteError) -> Difference | None:
        """Return what became of an intent, None where its condition failed."""
        if isinstance(answer, IncompleteError):
            return self._give_up(intent, answer)
        try:
            if answer.done or self._was_written_before(answer, intent.suspect):
                return intent.repaired()
        except Interrupted:
            raise
        except BaseException as error:  # a policy's: writes beside this one must still be reported
            return intent.failed(describe_exception(error))
        return None

    def _was_written_before(self, answer: WriteAnswer, suspect: Suspect) -> bool:
        """Recognise a write whose answer was lost and whose repetition then failed its own condition."""
        if answer.attempts == 1:
            return False
        return self._judge.judge_suspect(suspect._replace(slave_item=answer.current)) is None

    def _give_up(self, intent: Intent, error: IncompleteError) -> Difference:
        if error.refused:
            self._refused[intent.suspect.slave] = str(error)
        return intent.failed(str(error))

    def _decide_again(self, raced: Mapping[int, Intent]) -> dict[int, Decision]:
        """Read both sides of lost races again, all at once, and decide anew."""
        if not raced:
            return {}
        try:
            again, lost = self._rechecker.read_again([intent.suspect for intent in raced.values()])
        except IncompleteError as error:
            return {index: intent.failed(str(error)) for index, intent in raced.items()}
        errors = dict(lost)
        now = {(suspect.slave, suspect.key): suspect for suspect in again}
        decided: dict[int, Decision] = {}
        for index, intent in raced.items():
            slave, key = intent.suspect.slave, intent.suspect.key
            if slave in errors:
                decided[index] = self._give_up(intent, errors[slave])
            else:
                decided[index] = self._decide_anew(intent, now[slave, key])
        return decided

    def _decide_anew(self, intent: Intent, now: Suspect) -> Decision:
        """Decide about a suspect whose race was lost.

        It has settled where the master's item has come or gone, and is left alone where it is left out by now.
        """
        if now.filtered or (now.master_item is None) is not (intent.suspect.master_item is None):
            return now
        try:
            return self._decide_repair(now)
        except Interrupted:
            raise
        except BaseException as error:  # a policy's: writes beside this one must still be reported
            return intent.failed(describe_exception(error))


def announced(intent: Intent) -> Announced:
    """Return an intent as it is announced, with both items in its difference where that has them."""
    return Announced(encode_key(intent.suspect.key), Left.of(intent.after), intent.repaired())


def _take_intents(decided: Mapping[int, Decision], found: dict[int, Difference | Suspect]) -> dict[int, Intent]:
    """Return the intents, and add everything else to what was found."""
    intents = {}
    for index, decision in decided.items():
        if isinstance(decision, Intent):
            intents[index] = decision
        else:
            found[index] = decision
    return intents


def _close(intent: Intent, error: str | None) -> Difference:
    if error is None:
        return intent.repaired()
    return intent.failed(error)
