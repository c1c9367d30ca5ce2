"""What one page has brought so far, while it is worked on: counters, differences, and extras that wait."""

from __future__ import annotations

from msgspec.structs import replace

from fastsync.compare.pairs import PairsPage
from fastsync.model.difference import Difference, Tally
from fastsync.model.messages.events import PageDone


class PageResult:
    """Collect what becomes of a page's items, then make the page's event of it.

    `tallies` are those of all slaves in order, `scanned` counts items of the master. Without `values`, differences
    leave their items behind: the parent gets them only where it asked for them.
    """

    def __init__(self, slaves: int, *, values: bool, scanned: int = 0):
        self.master = Tally(scanned=scanned)
        self.tallies = tuple(Tally() for _ in range(slaves))
        self._values = values
        self._differences: list[Difference] = []
        self._extras: list[Difference] = []

    def count_page(self, page: PairsPage) -> None:
        """Count what a strategy has told of the slaves' items, beside the pairs."""
        for slave, count in page.slave_scanned.items():
            self.tallies[slave].scanned += count
        for slave, count in page.same.items():
            self.tallies[slave].same += count
            self.tallies[slave].compared += count
        for slave, count in page.filtered.items():
            self.tallies[slave].filtered += count
            self.tallies[slave].compared += count
        for slave, count in page.unevaluated.items():
            self.tallies[slave].unevaluated += count
        for slave, count in page.absent.items():
            self.tallies[slave].absent += count
        for slave, count in page.only_here.items():
            self.tallies[slave].only_here += count

    def add_difference(self, slave: int, difference: Difference) -> None:
        """Count and report a difference of a slave (its index)."""
        self.tallies[slave].count_difference(difference)
        self._differences.append(self.for_parent(difference))

    def add_extra(self, extra: Difference) -> None:
        """Note an extra that waits for its deletion; it counts in no tally yet."""
        self._extras.append(self.for_parent(extra))

    def for_parent(self, difference: Difference) -> Difference:
        """Return a difference as the parent gets it."""
        if self._values or difference.master is difference.slave_item is None:
            return difference
        return replace(difference, master=None, slave_item=None)

    def make_event(
        self,
        resume: bytes = b"",
        undo_offset: int = 0,
        ignored_seen: tuple[str, ...] = (),
        filter_failure: str = "",
    ) -> PageDone:
        """Return the page as it is reported; for the parameters see PageDone."""
        return PageDone(
            master=self.master,
            tallies=self.tallies,
            differences=tuple(self._differences),
            extras=tuple(self._extras),
            resume=resume,
            undo_offset=undo_offset,
            ignored_seen=ignored_seen,
            filter_failure=filter_failure,
        )
