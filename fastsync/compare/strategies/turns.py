"""Decide which table to read from next, so that matching items are in memory at the same time.

That is the table whose scan is behind: the one with fewer bytes since its last page that had a match. Where neither has
one for long, a few keys are looked up. Items that the slave has, but its scan has not returned, are still to come: it
is the slave's turn, however long that takes. But where the master has the slave's items too, or where the slave has
returned later ones already, the two orders disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.strategies.window import FEW, WINDOW, Window
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key

ASKED = 5
"""Keys that are looked up to find out why most of a page has no match."""


class Turns:
    """Decide whose turn it is. `disagreeing` is the first slave whose order turned out to differ from the master's.

    `extras` says whether a slave's items may be looked up on the master. After a resume the tables begin at keys that
    lie up to a window apart, so `resumed` tables are not judged before they have had time to match.
    """

    def __init__(self, master: Window, slaves: Mapping[int, Window], extras: bool, resumed: bool):
        self.disagreeing: int | None = None
        self._master = master
        self._slaves = slaves
        self._extras = extras
        self._patience = 2 * WINDOW if resumed else 0

    def next_slave(self, reader: BatchReader, readers: Mapping[int, BatchReader]) -> int | None:
        """Return the slave whose turn it is, None where it is the master's; look up keys with their readers."""
        for slave in readers:
            if self._is_behind(slave):
                return slave
        if self._master.stream is None or not self._master.is_full:
            return None
        for slave, its in readers.items():
            if self._has_more_to_bring(slave, reader, its):
                return slave
        return None

    def _is_behind(self, slave: int) -> bool:
        its = self._slaves[slave]
        if its.stream is None:
            return False
        if self._master.stream is None:
            return True
        return its.bytes_since_match(slave) < min(self._master.bytes_since_match(slave), WINDOW)

    def _has_more_to_bring(self, slave: int, reader: BatchReader, its_reader: BatchReader) -> bool:
        """Return whether a slave has a turn before the master's oldest page leaves; note where orders disagree."""
        its, oldest = self._slaves[slave], self._master.pages[0]
        passed, to_come = self._master.unmatched_of_oldest(slave)
        if min(its.end, self._master.end) < self._patience:
            return bool(to_come) and its.stream is not None
        enough = FEW * len(oldest.page.items)
        if len(passed) > enough and _has_most_keys(its_reader, passed):
            self.disagreeing = slave
            return False
        if len(to_come) <= enough or not _has_most_keys(its_reader, to_come):
            return False
        if its.stream is None or (self._extras and _has_most_keys(reader, its.unmatched_of_newest(slave))):
            self.disagreeing = slave
            return False
        return True


def _has_most_keys(reader: BatchReader, keys: Collection[Key]) -> bool:
    """Return whether a table has most of some keys, by looking up a few; a table that cannot be read has none."""
    asked = list(islice(keys, 0, None, -(-len(keys) // ASKED) or 1))
    try:
        return 2 * len(reader.look_up(asked, keys_only=True).wait_by_key()) > len(asked)
    except IncompleteError:
        return False
