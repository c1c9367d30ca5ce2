"""Confirm suspects before they count: look up items that no scan has returned, and read all others again.

One reading serves both: where a suspect's slave side is unseen, reading the slave is its look-up.
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
    """The verdicts on suspects, as they are now.

    stay: suspects that still differ, judged.
    same: suspects whose slave's item no scan had returned in time, and which turned out to be equal.
    settled: suspects that agree now, each as it was before and as it is now.
    filtered: suspects that are left out of the comparison by now.
    lost: slaves that could not be read, with the errors.
    """

    stay: list[Suspect] = field(default_factory=list)
    same: list[Suspect] = field(default_factory=list)
    settled: list[tuple[Suspect, Suspect]] = field(default_factory=list)
    filtered: list[Suspect] = field(default_factory=list)
    lost: Lost = field(default_factory=list)


class Confirmer:
    """Read suspects again, so that their verdicts are certain.

    `sleep` waits between seeing a suspect and reading it again, in seconds.
    """

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
        if not (self._judging.recheck or any(suspect.unseen for suspect in suspects)):
            return Confirmed(stay=list(suspects))
        if suspects and self._judging.delay:
            self._sleep(self._judging.delay)
        items, lost = self._rechecker.read_slaves([each for each in suspects if self._reads_slave(each)])
        found = Confirmed(lost=lost)
        left = self._take_slave_items(suspects, items, found)
        masters = self._rechecker.read_masters([before for before, _ in left if self._reads_master(before)])
        for before, seen in left:
            self._sort_suspect(before, seen, masters, found)
        return found

    def _reads_slave(self, suspect: Suspect) -> bool:
        return self._judging.recheck or suspect.awaits_slave

    def _reads_master(self, suspect: Suspect) -> bool:
        return self._judging.recheck or suspect.awaits_master

    def _take_slave_items(
        self, suspects: Sequence[Suspect], items: Items, found: Confirmed
    ) -> list[tuple[Suspect, Suspect]]:
        """Return suspects as they were before, each with what it is by the slave's item of now.

        Those of lost slaves are left out. So are those that were looked up and are equal: they count as the same.
        """
        lost = {slave for slave, _ in found.lost}
        left = []
        for before in suspects:
            if before.slave in lost:
                continue
            seen = self._take_slave_item(before, items)
            if not before.awaits_slave or before.master_item is None:
                left.append((before, seen))
                continue
            judged = self._judge.judge_suspect(seen)
            if judged is None:
                found.same.append(seen)
            else:
                left.append((before, judged))
        return left

    def _take_slave_item(self, before: Suspect, items: Items) -> Suspect:
        if not self._reads_slave(before):
            return before
        stored = items[before.slave].get(before.key)
        if before.attributes and stored == before.stored:
            return before
        return self._expiry.make_suspect(before.slave, before.key, before.master_item, stored)

    def _sort_suspect(self, before: Suspect, seen: Suspect, masters: Mapping[Key, Raw], found: Confirmed) -> None:
        """Add a suspect to those that stay or to those that have settled."""
        if before.awaits_master and before.key in masters:
            return  # the master's scan has returned it, or is going to
        now = seen
        if self._judging.recheck:
            if seen is before and before.attributes and masters.get(before.key) == before.master_item:
                found.stay.append(before)  # both sides were judged in these bytes, at this time
                return
            now = self._rechecker.make_suspect(before.slave, before.key, masters.get(before.key), seen.stored)
        if now.filtered and (before.master_item is None) is (now.master_item is None):
            found.filtered.append(now)
            return
        judged = self._judge_again(seen if seen.attributes else before, now)
        if judged is None:
            found.settled.append((before, now))
        else:
            found.stay.append(judged)

    def _judge_again(self, earlier: Suspect, now: Suspect) -> Suspect | None:
        """Return a suspect as it is judged now, None where it has settled. Bytes that were judged need no second look.

        A suspect whose master's item has come or gone has settled, too: it is for another run to judge.
        """
        if (earlier.master_item is None) is not (now.master_item is None):
            return None
        if earlier.attributes and (now.master_item, now.slave_item) == (earlier.master_item, earlier.slave_item):
            slave, key, master, item, stored, unseen = now[:6]
            return Suspect(slave, key, master, item, stored, unseen, earlier.attributes)
        return self._judge.judge_suspect(now)
