"""What a killed attempt at the same work had written, from its lines in the undo log.

A page that is compared again finds as equal what the attempt had repaired, and finds gone what it had deleted. Where
the slave's item is what a line calls `after`, the difference that the line was written for is reported again, as
repaired. `earlier_writes` decides which suspects are looked for, and when.
"""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.difference import Difference
from fastsync.model.digest import Digester
from fastsync.model.keys import encode_key
from fastsync.repair.decision import EFFECTS
from fastsync.repair.undo_index import Chain, Index

IN_MEMORY = 100_000
"""Keys that are kept in memory, some 10 MB: of more lines each key is looked up on disk."""


class RecordedWrites:
    """The writes in a span of an undo log (first byte, end). Raises OutputFailed where it cannot be read."""

    def __init__(self, path: str, span: tuple[int, int], judge: Judge, expiry: Expiry, names: tuple[str, ...]):
        try:
            self._index = Index(path, *span)  # from a byte on, and up to another
        except ConfigError as error:
            raise OutputFailed(str(error)) from None
        self._judge = judge
        self._expiry = expiry
        self._names = names
        self._digester = Digester()
        self._in_memory: frozenset[tuple[str, bytes]] | None = None
        if self._index.count <= IN_MEMORY:
            self._in_memory = frozenset(self._index.keys())

    def close(self) -> None:
        """Release the index."""
        self._index.close()

    def find_repair(self, now: Suspect) -> Difference | None:
        """Return the difference that was repaired, where the slave's item, as read again, is what a line left."""
        name, key = self._names[now.slave], encode_key(now.key)
        for entry in self._chain(name, key):
            if self._are_equal(entry.after_item, now.stored):
                # an item that had expired counted as absent, so that what was written was missing
                was = self._expiry.make_suspect(now.slave, now.key, None, entry.before_item)
                difference = self._judge.make_difference(was._replace(master_item=entry.after_item))
                if difference is None:
                    return None
                return replace(difference, action=EFFECTS[difference.verdict])
        return None

    def _chain(self, slave: str, key: bytes) -> Chain:
        if not self.may_have_lines(slave, key):
            return []
        try:
            return self._index.chain(slave, key)
        except ConfigError as error:  # every line was checked, so the file has changed since
            raise OutputFailed(str(error)) from None

    def may_have_lines(self, slave: str, key: bytes) -> bool:
        """Return whether the span may have lines of a key."""
        return self._in_memory is None or (slave, key) in self._in_memory

    def _are_equal(self, one: Raw | None, other: Raw | None) -> bool:
        if one is None or other is None:
            return one is other
        return not self._digester.find_differing(one, other)
