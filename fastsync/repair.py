"""Repair: a difference → a conditional write → what came of it.

Every write says what the slave's item must still be: absent for `missing`, unchanged for `differing` and `extra`. A
condition that fails is a race that was lost: both items are read again, and the write is decided anew a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

import msgspec
from msgspec import Raw

from fastsync.aws.client import Client, Condition, WriteAnswer
from fastsync.config import Repairing
from fastsync.difference import Difference, Effect, Verdict
from fastsync.digest import REPLICATION_PREFIX
from fastsync.errors import IncompleteError, RequestFailed
from fastsync.judge import Judge, Suspect
from fastsync.keys import write
from fastsync.policy import Action, Policy
from fastsync.recheck import Rechecker

RACES = 3
"""How often a write is decided anew after a failed condition, before it counts as contended."""
GUARDED_ATTRIBUTES = 140
"""Attributes in one condition: 300 operators and 4 KB of text are the service's limits, `#g7=:g7 AND ` is 12 bytes."""


class Repairer:
    """Carry out what flags and policy allow, one conditional write per difference, many in flight."""

    def __init__(
        self, slaves: Sequence[Client], judge: Judge, rechecker: Rechecker, policy: Policy, allowed: Repairing
    ):
        self._slaves = slaves
        self._judge = judge
        self._rechecker = rechecker
        self._policy = policy
        self._allowed = allowed
        self._refused: dict[int, str] = {}

    def repair_all(self, suspects: Sequence[Suspect], pool: Executor) -> list[Difference | None]:
        """Repair suspects side by side; None stands for one that has settled meanwhile."""
        if self._allowed.nothing:
            return [self.repair(suspect) for suspect in suspects]
        return list(pool.map(self.repair, suspects))

    def repair(self, suspect: Suspect) -> Difference | None:
        """Bring one suspect to its end. Never raises for a write that fails: the difference says so."""
        for _ in range(RACES):
            difference = self._judge.difference(suspect)
            if difference is None or not self._wanted(difference):
                return difference
            if suspect.slave in self._refused:
                return replace(difference, action=Effect.FAILED, error=self._refused[suspect.slave])
            try:
                answer = self._write(suspect)
                if answer.done or self._written_before(answer, suspect):
                    return replace(difference, action=_DONE[difference.verdict])
                moved = self._look_again(suspect)
            except IncompleteError as error:
                if isinstance(error, RequestFailed) and error.refused:
                    self._refused[suspect.slave] = str(error)
                return replace(difference, action=Effect.FAILED, error=str(error))
            if moved is None:
                return None
            suspect = moved
        return self._contended(suspect)

    def _contended(self, suspect: Suspect) -> Difference | None:
        difference = self._judge.difference(suspect)
        error = f"the item changed under {RACES} attempts in a row and was left alone"
        return None if difference is None else replace(difference, action=Effect.CONTENDED, error=error)

    def _wanted(self, difference: Difference) -> bool:
        allowed = {
            Verdict.MISSING: self._allowed.write_missing,
            Verdict.DIFFERING: self._allowed.write_differing,
            Verdict.EXTRA: self._allowed.delete_extra,
        }
        return allowed[difference.verdict] and self._policy.resolve(difference) is Action.REPAIR

    def _write(self, suspect: Suspect) -> WriteAnswer:
        slave = self._slaves[suspect.slave]
        hash_name = slave.side.table.keys.hash
        if suspect.slave_item is None:
            condition = Condition("attribute_not_exists(#k)", {"#k": hash_name})
        else:
            before = self._judge.compared(suspect.slave_item)
            after = {} if suspect.master is None else self._judge.compared(suspect.master)
            condition = unchanged(hash_name, slave.side.table.keys.names, before, after)
        if suspect.master is None:
            return slave.delete(write(suspect.key), condition)
        return slave.put(writable(suspect.master), condition)

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


def unchanged(hash_name: str, key_names: Sequence[str], before: dict[str, Raw], after: dict[str, Raw]) -> Condition:
    """Make the condition that the slave's item is still `before`, in the attributes of `before` and of `after`.

    Attributes that differ come first; past GUARDED_ATTRIBUTES the rest is not guarded.
    """
    names = sorted(before.keys() | after.keys(), key=lambda name: (before.get(name) == after.get(name), name))
    guarded = [name for name in names if name not in key_names][:GUARDED_ATTRIBUTES]
    clauses, values = ["attribute_exists(#k)"], {}
    for place, name in enumerate(guarded):
        if name in before:
            clauses.append(f"#g{place}=:g{place}")
            values[f":g{place}"] = before[name]
        else:
            clauses.append(f"attribute_not_exists(#g{place})")
    aliases = {f"#g{place}": name for place, name in enumerate(guarded)}
    return Condition(" AND ".join(clauses), {"#k": hash_name, **aliases}, values)


def writable(item: Raw) -> bytes:
    """Give an item as it may be written: whole, without `aws:rep:*`."""
    attributes = msgspec.json.decode(item, type=dict[str, Raw])
    return msgspec.json.encode(
        {name: raw for name, raw in attributes.items() if not name.startswith(REPLICATION_PREFIX)}
    )


_DONE = {Verdict.MISSING: Effect.WRITTEN, Verdict.DIFFERING: Effect.WRITTEN, Verdict.EXTRA: Effect.DELETED}
