"""Decide what becomes of a suspect: it has settled, is left alone, or is repaired, and then by which item."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.compare.reviewed import Reviewed
from fastsync.model.difference import Difference, Effect, Verdict
from fastsync.model.digest import REPLICATION_PREFIX
from fastsync.model.policy import Action, Policy
from fastsync.model.settings import Repairing
from fastsync.repair.newer import slave_is_newer

Attributes = dict[str, Raw]
"""An item: attribute name → raw value in DynamoDB JSON."""


class Intent(NamedTuple):
    """A repair that was decided: the slave's item as it is, and as it is to be; None where there is none."""

    suspect: Suspect
    difference: Difference
    before: Raw | None
    after: Raw | None

    def repaired(self) -> Difference:
        """Return the difference as repaired."""
        return replace(self.difference, action=EFFECTS[self.difference.verdict], error=None)

    def failed(self, error: str) -> Difference:
        """Return the difference as one whose repair has failed."""
        return replace(self.difference, action=Effect.FAILED, error=error)

    def contended(self, attempts: int) -> Difference:
        """Return the difference as one that is left alone, since others changed the item during every attempt."""
        error = f"the item changed under {attempts} attempts in a row and was left alone"
        return replace(self.difference, action=Effect.CONTENDED, error=error)


Decision = Difference | Intent | Suspect
"""What becomes of a suspect: it is left alone as a difference, it is repaired, or it has settled as it is now."""
EFFECTS = {Verdict.MISSING: Effect.WRITTEN, Verdict.DIFFERING: Effect.WRITTEN, Verdict.EXTRA: Effect.DELETED}
"""The effect of a repair that was made."""


class Decider:
    """Decide by flags and policy. `key_names` are those of each slave's table.

    Where there are `reviewed` lines of a report, what has changed since is left alone.
    `protected` are slaves (their indexes) that nothing may be written to, each with the reason.
    """

    def __init__(
        self,
        judge: Judge,
        policy: Policy,
        allowed: Repairing,
        key_names: Sequence[Collection[str]],
        *,
        reviewed: Reviewed | None = None,
        protected: Mapping[int, str] | None = None,
    ):
        self._reviewed = reviewed
        self._judge = judge
        self._policy = policy
        self._allowed = allowed
        self._key_names = key_names
        self._protected = protected or {}
        self._verdicts = {
            Verdict.MISSING: allowed.write_missing,
            Verdict.DIFFERING: allowed.write_differing,
            Verdict.EXTRA: allowed.delete_extra,
        }
        self._only_reports = reviewed is None and allowed.version is None and not any(self._verdicts.values())

    def decide_repair(self, suspect: Suspect) -> Decision:
        """Decide what becomes of a suspect; return it as it is where both sides agree now."""
        difference = self._judge.make_difference(suspect)
        if difference is None:
            return suspect
        if self._only_reports:
            return difference
        if self._has_changed(suspect, difference):
            return replace(difference, action=Effect.CHANGED)
        if self._is_newer(suspect, difference):
            return replace(difference, action=Effect.SLAVE_NEWER)
        if not self._is_allowed(difference):
            return difference
        if suspect.slave in self._protected:
            return replace(difference, action=Effect.REFUSED, error=self._protected[suspect.slave])
        return Intent(suspect, difference, suspect.stored, self._choose_item(suspect))

    def _has_changed(self, suspect: Suspect, difference: Difference) -> bool:
        if self._reviewed is None:
            return False
        return not self._reviewed.is_unchanged(suspect._replace(attributes=difference.attributes))

    def _is_newer(self, suspect: Suspect, difference: Difference) -> bool:
        if self._allowed.version is None or suspect.master_item is None:
            return False
        return slave_is_newer(difference.master_version, difference.slave_version)

    def _is_allowed(self, difference: Difference) -> bool:
        return self._verdicts[difference.verdict] and self._policy.resolve(difference) is Action.REPAIR

    def _choose_item(self, suspect: Suspect) -> Raw | None:
        """Return the item that is to be written, None where the slave's is to be deleted."""
        if suspect.master_item is None:
            return None
        keys = self._key_names[suspect.slave]
        if suspect.slave_item is None or not self._allowed.keep_ignored:
            return writable_item(suspect.master_item, keys)
        ignored = self._allowed.ignored.difference(keys)
        after = writable_attributes(suspect.master_item, keys)
        chosen = {name: raw for name, raw in after.items() if name not in ignored}
        kept = writable_attributes(suspect.slave_item, keys)
        chosen.update((name, raw) for name, raw in kept.items() if name in ignored)
        return Raw(encode_item(chosen))


def writable_item(item: Raw, keys: Collection[str]) -> Raw:
    """Return an item as it may be written, the bytes as they were read where all of it may be: see below."""
    if not _may_hold_replication(bytes(item)):
        return item
    return Raw(encode_item(writable_attributes(item, keys)))


def _may_hold_replication(item: bytes) -> bool:
    """Return whether an attribute's name may begin with `aws:rep:`, which JSON may spell with escapes."""
    return REPLICATION_PREFIX.encode() in item or b"\\" in item


def writable_attributes(item: Raw, keys: Collection[str]) -> Attributes:
    """Return an item's attributes as they may be written: all but `aws:rep:*`, and those too where they are `keys`."""
    return {
        name: raw
        for name, raw in decode_attributes(item).items()
        if name in keys or not name.startswith(REPLICATION_PREFIX)
    }


decode_attributes = msgspec.json.Decoder(Attributes).decode
"""Return the attributes of an item, their values as they were read."""


def encode_item(item: Attributes | None) -> bytes:
    """Return an item as DynamoDB JSON, its values as they were read; null where there is none."""
    return msgspec.json.encode(item)
