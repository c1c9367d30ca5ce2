"""Decide which table to read from next, so that matching items are in memory at the same time.

That is the table whose scan is behind: the one with fewer bytes since its last page that met partners. Where neither
meets any for long, a few keys are looked up. Items that the slave has, though it has not brought them, are still to
come from it: it is the slave's turn, however long that takes. But where the master has the slave's items too, or where
the slave has brought later ones already, the two orders disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from fastsync.aws.batch_get import BatchReader
from fastsync.compare.strategies.window import FEW, WINDOW, Window
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key

ASKED = 5
"""Keys that are looked up to find out why more of a page is alone."""


class Turns:
    """Decide about turns. `disagreeing` is the first slave whose order was found to be another than the master's.

    `extras` says whether looking up a slave's items on the master is paid for. After a resume the tables begin at keys
    that lie up to a window apart, so that nothing is made of `resumed` tables before they have had time to meet.
    """

    def __init__(self, master: Window, slaves: Mapping[int, Window], extras: bool, resumed: bool):
        self.disagreeing: int | None = None
        self._master = master
        self._slaves = slaves
        self._extras = extras
        self._patience = 2 * WINDOW if resumed else 0

    def next_slave(self, reader: BatchReader, readers: Mapping[int, BatchReader]) -> int | None:
        """Return the slave whose turn it is, None where it is the master's; look keys up with their readers."""
        for slave in readers:
            if self._is_behind(slave):
                return slave
        if self._master.stream is not None and self._master.is_full:
            for slave, its in readers.items():
                if self._has_more_to_bring(slave, reader, its):
                    return slave
        return None

    def _is_behind(self, slave: int) -> bool:
        its = self._slaves[slave]
        if its.stream is None:
            return False
        return self._master.stream is None or its.bytes_since_match(slave) < min(
            self._master.bytes_since_match(slave), WINDOW
        )

    def _has_more_to_bring(self, slave: int, reader: BatchReader, its_reader: BatchReader) -> bool:
        """Return whether a slave has a turn before the master's oldest page leaves; find out that orders disagree."""
        its, oldest = self._slaves[slave], self._master.pages[0]
        passed, to_come = self._master.unmatched_of_oldest(slave)
        if min(its.end, self._master.end) < self._patience:
            return bool(to_come) and its.stream is not None
        enough = FEW * len(oldest.page.items)
        if len(passed) > enough and _has_most_keys(its_reader, passed):
            self.disagreeing = slave
        elif len(to_come) > enough and _has_most_keys(its_reader, to_come):
            if its.stream is not None and not (self._extras and _has_most_keys(reader, its.unmatched_of_newest(slave))):
                return True
            self.disagreeing = slave
        return False


def _has_most_keys(reader: BatchReader, keys: Collection[Key]) -> bool:
    """Return whether a table has most of some keys, by asking for a few; a table that cannot be read has none."""
    asked = list(islice(keys, 0, None, -(-len(keys) // ASKED) or 1))
    try:
        return 2 * len(reader.look_up(asked, keys_only=True).wait_by_key()) > len(asked)
    except IncompleteError:
        return False
