"""Suspects become certain: each is judged once for each time that it was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Raw

from fastsync.compare.confirm import Confirmed, Confirmer
from fastsync.compare.expiry import Expiry
from fastsync.compare.filter import Filter
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Pairs, Suspect
from fastsync.compare.recheck import Items, Lost, Rechecker
from fastsync.errors import IncompleteError
from fastsync.model.digest import Digester
from fastsync.model.keys import Key, KeyReader
from fastsync.model.policy import Policy
from fastsync.model.settings import Judging
from fastsync.model.table import KeySchema

ONE, TWO, THREE = (Raw(b'{"id":{"S":"a"},"n":{"N":"%d"}}' % number) for number in (1, 2, 3))
KEY = KeyReader(KeySchema("id", "S")).read_key(ONE)


class Asked(Policy):
    """Find that items differ, and count how often that was asked."""

    def __init__(self) -> None:
        self.times = 0

    def differs(self, master: dict[str, Any], slave: dict[str, Any]) -> bool:
        self.times += 1
        return True


class Reread(Rechecker):
    """Read items again that are known; a slave of None cannot be read."""

    def __init__(self, master: Raw | None, slave: Raw | None, *, lost: bool = False, where: str | None = None):
        super().__init__(None, [], Expiry(None, [None]), Filter(where))  # type: ignore[arg-type]
        self._master_item = master
        self._slave_item = slave
        self._lost = lost

    def read_slaves(self, suspects: Sequence[Suspect]) -> tuple[Items, Lost]:
        if self._lost:
            return {}, [(0, IncompleteError("the slave cannot be read"))]
        return {each.slave: _by_key(each.key, self._slave_item) for each in suspects}, []

    def read_masters(self, suspects: Sequence[Suspect]) -> dict[Key, Raw]:
        return {key: item for each in suspects for key, item in _by_key(each.key, self._master_item).items()}


def _by_key(key: Key, item: Raw | None) -> dict[Key, Raw]:
    return {} if item is None else {key: item}


def confirm(policy: Policy, pairs: Pairs, again: Reread, recheck: bool = True) -> tuple[Judge, Confirmed]:
    """Judge pairs, and confirm what is suspect by reading again."""
    expiry = Expiry(None, [None])
    judge = Judge(("slave",), Digester(keys=("id",)), policy, expiry)
    confirmer = Confirmer(judge, again, expiry, Judging(recheck=recheck), lambda seconds: None)
    return judge, confirmer.confirm(judge.find_suspects(pairs))


CASES = {
    # scanned, read again, whether all is read again, and how often two items are judged
    "unchanged": ((ONE, TWO, False), (ONE, TWO), True, 1),
    "not read again": ((ONE, TWO, False), (THREE, THREE), False, 1),
    "changed on the slave": ((ONE, TWO, False), (ONE, THREE), True, 2),
    "changed on the master": ((ONE, TWO, False), (THREE, TWO), True, 2),
    "looked up": ((ONE, None, True), (ONE, TWO), True, 1),
    "looked up, not read again": ((ONE, None, True), (None, TWO), False, 1),
    "looked up, changed on the master": ((ONE, None, True), (THREE, TWO), True, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_items_are_judged_once_for_each_reading(case: str) -> None:
    """Whoever reports a confirmed difference, no two items are compared twice."""
    (master, slave, unseen), again, recheck, times = CASES[case]
    policy = Asked()
    judge, found = confirm(policy, Pairs(0, [KEY], [master], [slave], unseen), Reread(*again), recheck)
    differences = [judge.make_difference(each) for each in found.stay]
    assert [each.attributes for each in differences if each is not None] == [("n",)]
    assert policy.times == times


SORTED = {
    # scanned, read again, whether all is read again, and the list that it ends in
    "still differs": ((ONE, TWO, False), (ONE, TWO), True, "stay"),
    "still missing": ((ONE, None, False), (ONE, None), True, "stay"),
    "still extra": ((None, ONE, False), (None, ONE), True, "stay"),
    "agrees now": ((ONE, TWO, False), (TWO, TWO), True, "settled"),
    "was written meanwhile": ((ONE, None, False), (ONE, ONE), True, "settled"),
    "was deleted meanwhile": ((None, ONE, False), (None, None), True, "settled"),
    "gone from the master": ((ONE, TWO, False), (None, TWO), True, "settled"),
    "back on the master": ((None, TWO, False), (ONE, TWO), True, "settled"),
    "gone from both": ((ONE, TWO, False), (None, None), True, "settled"),
    "looked up, and equal": ((ONE, None, True), (ONE, ONE), True, "same"),
    "looked up, and equal, not read again": ((ONE, None, True), (None, ONE), False, "same"),
    "looked up, and missing": ((ONE, None, True), (ONE, None), True, "stay"),
    "looked up on the master, and extra": ((None, ONE, True), (None, ONE), True, "stay"),
    "looked up on the master, not read again": ((None, ONE, True), (None, None), False, "stay"),
    "looked up on the master, and known": ((None, ONE, True), (ONE, ONE), True, None),
    "looked up on the master, gone from the slave": ((None, ONE, True), (None, None), True, "settled"),
}


@pytest.mark.parametrize("case", SORTED)
def test_suspects_are_sorted_by_what_they_are_now(case: str) -> None:
    """A suspect stays, settles or turns out to be the same; one whose partner the other scan returns is left to it."""
    (master, slave, unseen), again, recheck, where = SORTED[case]
    _, found = confirm(Policy(), Pairs(0, [KEY], [master], [slave], unseen), Reread(*again), recheck)
    assert {name for name in ("stay", "same", "settled") if getattr(found, name)} == ({where} - {None})


FILTERED = {
    # scanned, read again, and the list that it ends in where n is to be below 3
    "chosen": ((ONE, TWO, False), (ONE, TWO), "stay"),
    "left out on the slave only": ((ONE, TWO, False), (ONE, THREE), "stay"),
    "left out now": ((ONE, TWO, False), (THREE, TWO), "filtered"),
    "left out now, and equal": ((ONE, TWO, False), (THREE, THREE), "filtered"),
    "left out now, and missing": ((ONE, None, False), (THREE, None), "filtered"),
    "gone from the master, and left out on the slave": ((ONE, TWO, False), (None, THREE), "settled"),
    "an extra that is chosen": ((None, ONE, False), (None, TWO), "stay"),
    "an extra that is left out now": ((None, ONE, False), (None, THREE), "filtered"),
    "an extra that the master has by now": ((None, ONE, False), (THREE, ONE), "settled"),
}


@pytest.mark.parametrize("case", FILTERED)
def test_what_is_read_again_is_asked_again(case: str) -> None:
    """The master's item as read last decides; where the master has none, the slave's."""
    (master, slave, unseen), (master_now, slave_now), where = FILTERED[case]
    again = Reread(master_now, slave_now, where="n < `3`")
    _, found = confirm(Policy(), Pairs(0, [KEY], [master], [slave], unseen), again)
    assert {name for name in ("stay", "same", "settled", "filtered") if getattr(found, name)} == {where}


def test_suspects_of_a_lost_slave_have_no_verdict() -> None:
    """Where a slave cannot be read again, its suspects are in no list, and the slave is named with the error."""
    _, found = confirm(Policy(), Pairs(0, [KEY], [ONE], [TWO]), Reread(ONE, TWO, lost=True))
    assert not (found.stay or found.same or found.settled)
    assert [slave for slave, _ in found.lost] == [0]
