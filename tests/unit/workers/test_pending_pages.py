"""Pages that are held back: given back in their order from memory and disk, and divided without losing a count."""

from __future__ import annotations

from fastsync.model.difference import Difference, Tally, Verdict
from fastsync.model.messages.events import PageDone
from fastsync.workers.pending_pages import IN_MEMORY, PendingPages

A, B = "us-west-2:a", "us-west-2:b"


def difference(slave: str, number: int) -> Difference:
    return Difference(slave, Verdict.MISSING, {"id": {"N": str(number)}})


def page(number: int, differences: int = 1) -> PageDone:
    """Give a page of two slaves that tells itself from the others."""
    tallies = (Tally(same=number, read_units=1.5, recheck_units=0.5), Tally(missing=1, write_units=2.0, throttled=3))
    found = tuple(difference(slave, number) for slave in (A, B) for _ in range(differences))
    extras = (Difference(B, Verdict.EXTRA, {"id": {"N": str(number)}}),)
    return PageDone(Tally(scanned=number, read_units=4.0), tallies, found, extras)


def test_pages_come_back_as_they_went() -> None:
    """However many are held, all come back once, in their order; and then none is held."""
    held = PendingPages()
    pages = [page(number, IN_MEMORY // 20) for number in range(35)]  # three times aside, and some in memory
    for each in pages:
        held.add_page(each)
    assert list(held.take_all()) == pages
    assert list(held.take_all()) == []
    held.add_page(pages[0])
    assert list(held.take_all()) == pages[:1]


def test_consumed_and_counted() -> None:
    """A page is what it consumed and what it counted: the two parts add up to it and share nothing."""
    whole = page(7)
    spent, rest = whole.usage(), whole.findings()
    assert (spent.differences, spent.extras, spent.master.scanned) == ((), (), 0)
    assert (rest.differences, rest.extras) == (whole.differences, whole.extras)
    for consumed, counted, both in zip(spent.tallies, rest.tallies, whole.tallies, strict=True):
        added = Tally()
        added += consumed
        added += counted
        assert added == both
    assert rest.tallies[0].recheck_units == rest.tallies[1].throttled == 0


def test_a_page_of_slaves_that_were_lost() -> None:
    """What concerns a lost slave goes its own way, but for what it consumed; the master's items stay with a slave."""
    whole = page(7)
    stands, other = whole.split({1: B}, all_lost=False)
    assert {each.slave for each in stands.differences} == {A}
    assert {each.slave for each in (*other.differences, *other.extras)} == {B}
    assert (stands.master, other.master) == (whole.master, Tally())
    assert (stands.tallies[1], other.tallies[1]) == (Tally(write_units=2.0, throttled=3), Tally(missing=1))
    assert other.tallies[0] == Tally()
    stands, other = whole.split({0: A, 1: B}, all_lost=True)
    assert (stands.master, other.master) == (Tally(read_units=4.0), Tally(scanned=7))
    assert stands.differences == stands.extras == ()
