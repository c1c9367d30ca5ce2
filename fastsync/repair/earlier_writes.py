"""Recognise what earlier attempts at the same task, whose workers died, had written or were about to write.

A dead worker's request may arrive before the next attempt reads the item, between its reading and its write, or after
both. In the last case the request fails its own condition. In the others the item turns out to be what was announced,
and the difference is reported as repaired rather than as settled. So whatever
settles is looked for with `find_repair`.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.compare.pairs import Pairs, Suspect
from fastsync.model.difference import Difference
from fastsync.model.keys import encode_key
from fastsync.repair.announced_writes import Announced, digest_item, unpack
from fastsync.repair.recorded_writes import RecordedWrites


class EarlierWrites:
    """The writes of earlier attempts: as they were announced to the parent (`ahead`), else from the undo log.

    `names` are the slaves' names in reports. The undo log (`recorded`) serves where the parent itself was killed.
    """

    def __init__(self, names: tuple[str, ...], ahead: Sequence[bytes] = (), recorded: RecordedWrites | None = None):
        self._names = names
        self._recorded = recorded
        self._announced: dict[tuple[str, bytes], list[Announced]] = {}
        for write in unpack(ahead):
            self._announced.setdefault((write.difference.slave, write.key), []).append(write)

    def __bool__(self) -> bool:
        return bool(self._announced) or self._recorded is not None

    def close(self) -> None:
        """Release what the undo log's index holds on disk."""
        if self._recorded is not None:
            self._recorded.close()

    def find_recorded(self, pairs: Pairs) -> list[Suspect]:
        """Return the pairs of the master's items that an earlier attempt may have written."""
        if not self:
            return []
        name = self._names[pairs.slave]
        return [
            Suspect(pairs.slave, key, master, item, item)
            for key, master, item in pairs.rows()
            if master is not None and self._may_have_written(name, encode_key(key))
        ]

    def find_repair(self, now: Suspect) -> Difference | None:
        """Return the difference that was repaired, where the slave's item is what an earlier write left; else None."""
        if not self:
            return None
        announced = self._announced.get((self._names[now.slave], encode_key(now.key)), ())
        digest = None if now.stored is None else digest_item(now.stored)
        for write in reversed(announced):
            if write.left.is_digest(digest):
                return write.difference
        if self._recorded is None:
            return None
        return self._recorded.find_repair(now)

    def _may_have_written(self, name: str, key: bytes) -> bool:
        if (name, key) in self._announced:
            return True
        return self._recorded is not None and self._recorded.may_have_lines(name, key)
