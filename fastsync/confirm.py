"""Confirm: what makes suspects certain before they count: looking up what no scan has brought, and reading again.

Both are done in one: where a suspect's slave side is unseen, the first half of reading it again is its look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Raw

from fastsync.difference import Tally
from fastsync.expiry import Expiry
from fastsync.judge import Judge
from fastsync.keys import Key
from fastsync.pairs import Suspect
from fastsync.parts import Judging
from fastsync.recheck import Items, Lost, Rechecker


class Confirmer:
    """Bring suspects to certainty. `sleep` waits between seeing a suspect and reading it again, in seconds."""

    def __init__(
        self, judge: Judge, rechecker: Rechecker, expiry: Expiry, judging: Judging, sleep: Callable[[float], object]
    ):
        self._judge = judge
        self._rechecker = rechecker
        self._expiry = expiry
        self._judging = judging
        self._sleep = sleep

    def confirmed(self, suspects: Sequence[Suspect], tallies: Sequence[Tally]) -> tuple[list[Suspect], Lost]:
        """Give the suspects that stay, as they are now, and the slaves that could not be read.

        Those that came from the master and do not stay are counted: as same where the slave's item had only not been
        seen yet, else as settled. Raises RequestFailed or KeysUnanswered where the master cannot be read.
        """
        if suspects and self._judging.delay:
            self._sleep(self._judging.delay)
        items, lost = self._rechecker.slaves([each for each in suspects if self._reads_slave(each)])
        gone = {slave for slave, _ in lost}
        left = [each for each in suspects if each.slave not in gone and not self._same(each, items, tallies)]
        masters = self._rechecker.masters([each for each in left if self._reads_master(each)])
        return [now for each in left if (now := self._still(each, items, masters, tallies)) is not None], lost

    def _reads_slave(self, suspect: Suspect) -> bool:
        return self._judging.recheck or (suspect.unseen and not _only_on_slave(suspect))

    def _reads_master(self, suspect: Suspect) -> bool:
        return self._judging.recheck or (suspect.unseen and _only_on_slave(suspect))

    def _same(self, before: Suspect, items: Items, tallies: Sequence[Tally]) -> bool:
        """Count an item of the master whose partner is there, and equal, though no scan has brought it in time."""
        if not before.unseen or before.master is None:
            return False
        now = self._expiry.suspect(before.slave, before.key, before.master, items[before.slave].get(before.key))
        same = self._judge.attributes(now.master, now.slave_item) == ()
        tallies[before.slave].same += same
        return same

    def _still(
        self, before: Suspect, items: Items, masters: Mapping[Key, Raw], tallies: Sequence[Tally]
    ) -> Suspect | None:
        """Give a suspect as it is now, None where it is none any more."""
        if before.unseen and _only_on_slave(before) and before.key in masters:
            return None  # the scan of the master has brought it, or is going to
        if not self._reads_slave(before):
            return before
        master = masters.get(before.key) if self._judging.recheck else before.master
        now = self._expiry.suspect(before.slave, before.key, master, items[before.slave].get(before.key))
        if not before.unseen and (now.master, now.slave_item) == (before.master, before.slave_item):
            return now
        same_kind = (before.master is None) is (now.master is None)
        if same_kind and self._judge.attributes(now.master, now.slave_item) != ():
            return now
        tallies[now.slave].settled += before.master is not None
        return None


def _only_on_slave(suspect: Suspect) -> bool:
    return suspect.slave_item is not None
