"""Expiry: one reading of the clock a page."""

from __future__ import annotations

from itertools import count

import pytest
from msgspec import Raw

from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Pairs
from fastsync.model.digest import Digester
from fastsync.model.policy import Policy

NOW = 1_800_000_000
BEFORE, BETWEEN, LATER = (Raw(b'{"id":{"S":"1"},"ttl":{"N":"%d"}}' % (NOW + seconds)) for seconds in (-1, 1, 1000))


@pytest.mark.parametrize("item", [None, BEFORE, BETWEEN, LATER])
@pytest.mark.parametrize("master", [BEFORE, BETWEEN, LATER])
def test_an_item_that_expires_while_its_page_is_judged(master: Raw, item: Raw | None) -> None:
    """Every item of a page is in one count: expired, the same, or a suspect that still has its master's side."""
    clock = count(NOW, 2)  # two seconds from one look to the next
    expiry = Expiry("ttl", ["ttl"], lambda: float(next(clock)))
    judge = Judge(("slave",), Digester(), Policy(), expiry)
    left, expired, _ = expiry.split_expired(Pairs(0, [1], [master], [item]))
    suspects = judge.find_suspects(left)
    assert expired + len(left.keys) == 1
    assert all(each.master_item is not None for each in suspects)


def test_the_next_page_has_a_clock_of_its_own() -> None:
    """What has expired between two pages is expired on the second."""
    clock = count(NOW, 2)
    expiry = Expiry("ttl", [None], lambda: float(next(clock)))
    page = Pairs(0, [1], [BETWEEN], [None])
    assert expiry.split_expired(page).expired == 0
    expiry.read_clock()
    assert expiry.split_expired(page).expired == 1
