"""Confirm suspects before they count: look up what no scan has returned, and read the rest again.

Both are done in one: where a suspect's slave side is unseen, the first half of reading it again is its look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Raw

from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.compare.recheck import Items, Lost, Rechecker
from fastsync.model.keys import Key
from fastsync.model.settings import Judging


@dataclass
class Confirmed:
    """What suspects turned out to be: each list holds them as they are now.

    `stay` still differ. `same` are equal, though no scan had brought the slave's item in time. `settled` are no
    suspects any more, each with what it was before. `lost` are slaves that could not be read, with the errors.
    """

    stay: list[Suspect] = field(default_factory=list)
    same: list[Suspect] = field(default_factory=list)
    settled: list[tuple[Suspect, Suspect]] = field(default_factory=list)
    lost: Lost = field(default_factory=list)


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

    def confirm(self, suspects: Sequence[Suspect]) -> Confirmed:
        """Read suspects again, and sort them; raise RequestFailed or KeysUnanswered where the master cannot be read."""
        if suspects and self._judging.delay:
            self._sleep(self._judging.delay)
        items, lost = self._rechecker.read_slaves([each for each in suspects if self._reads_slave(each)])
        found = Confirmed(lost=lost)
        gone = {slave for slave, _ in lost}
        left = [each for each in suspects if each.slave not in gone and not self._count_if_same(each, items, found)]
        masters = self._rechecker.read_masters([each for each in left if self._reads_master(each)])
        for each in left:
            self._sort(each, items, masters, found)
        return found

    def _reads_slave(self, suspect: Suspect) -> bool:
        return self._judging.recheck or (suspect.unseen and not _only_on_slave(suspect))

    def _reads_master(self, suspect: Suspect) -> bool:
        return self._judging.recheck or (suspect.unseen and _only_on_slave(suspect))

    def _count_if_same(self, before: Suspect, items: Items, found: Confirmed) -> bool:
        """Find an item of the master whose partner is there, and equal, though no scan has brought it in time."""
        if not before.unseen or before.master is None:
            return False
        now = self._expiry.make_suspect(before.slave, before.key, before.master, items[before.slave].get(before.key))
        if self._judge.differing_attributes(now.master, now.slave_item) != ():
            return False
        found.same.append(now)
        return True

    def _sort(self, before: Suspect, items: Items, masters: Mapping[Key, Raw], found: Confirmed) -> None:
        """Return whether a suspect stays one."""
        if before.unseen and _only_on_slave(before) and before.key in masters:
            return  # the scan of the master has brought it, or is going to
        if not self._reads_slave(before):
            found.stay.append(before)
            return
        master = masters.get(before.key) if self._judging.recheck else before.master
        now = self._expiry.make_suspect(before.slave, before.key, master, items[before.slave].get(before.key))
        if self._stays(before, now):
            found.stay.append(now)
        else:
            found.settled.append((before, now))

    def _stays(self, before: Suspect, now: Suspect) -> bool:
        if not before.unseen and (now.master, now.slave_item) == (before.master, before.slave_item):
            return True
        if (before.master is None) is not (now.master is None):
            return False
        return self._judge.differing_attributes(now.master, now.slave_item) != ()


def _only_on_slave(suspect: Suspect) -> bool:
    return suspect.slave_item is not None
