"""Earlier: recognise what attempts at the same task, whose workers died, had written or still had under way.

A dead worker's request may arrive before the next attempt reads the item, between its reading and its write, or after
both. In the last case the request fails its own condition. In the others the item turns out to be what was announced,
and the difference is reported as repaired rather than as settled. So `repaired` is asked wherever a suspect settles.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from fastsync.compare.pairs import Pairs, Suspect
from fastsync.model.difference import Difference
from fastsync.model.digest import item_digest
from fastsync.model.keys import encode_key
from fastsync.repair.announced_writes import Announced, unpack
from fastsync.repair.recorded_writes import RecordedWrites


class EarlierWrites:
    """Know the writes of earlier attempts: as they were announced to the parent, else from the undo log.

    `names` are the slaves' names in reports. The undo log serves where the parent that heard the announcements is gone.
    """

    def __init__(self, names: tuple[str, ...], ahead: Sequence[bytes] = (), recall: RecordedWrites | None = None):
        self._names = names
        self._recall = recall
        self._announced: dict[tuple[str, bytes], list[Announced]] = {}
        for each in unpack(ahead):
            self._announced.setdefault((each.difference.slave, each.key), []).append(each)

    def __bool__(self) -> bool:
        return bool(self._announced) or self._recall is not None

    def close(self) -> None:
        """Release what the undo log's index holds on disk."""
        if self._recall is not None:
            self._recall.close()

    def find_recorded(self, pairs: Pairs) -> list[Suspect]:
        """Return the pairs of the master's items that an earlier attempt may have written."""
        if not self:
            return []
        name = self._names[pairs.slave]
        return [
            Suspect(pairs.slave, key, master, item, item)
            for key, master, item in pairs.rows()
            if master is not None and self._has(name, encode_key(key))
        ]

    def repaired(self, now: Suspect) -> Difference | None:
        """Return the difference that was repaired, where the slave's item is what an earlier write left; else None."""
        if not self:
            return None
        there = None if now.stored is None else item_digest(msgspec.json.decode(now.stored, type=dict[str, Raw]))
        announced = self._announced.get((self._names[now.slave], encode_key(now.key)), ())
        for each in reversed(announced):
            if each.after == there:
                return each.difference
        return None if self._recall is None else self._recall.find_repair(now)

    def _has(self, name: str, key: bytes) -> bool:
        return (name, key) in self._announced or (self._recall is not None and self._recall.has(name, key))
