"""What a strategy yields: pairs of items, whose absent side is None."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from msgspec import Raw

from fastsync.errors import IncompleteError
from fastsync.model.keys import Key


class Pairs(NamedTuple):
    """The pairs of one slave on one page: keys, master items and slave items in step.

    Either all of them have a master's item, or none has.
    `unseen`: all of them lack the same side, which was not looked at: no scan has brought it, so it is to be looked up.
    """

    slave: int
    keys: Sequence[Key]
    masters: Sequence[Raw | None]
    slaves: Sequence[Raw | None]
    unseen: bool = False


class Suspect(NamedTuple):
    """A pair that looks different; the absent side is None.

    `there` is the slave's item where one is there, though it has expired and so counts as absent. `unseen`: the absent
    side was not looked at yet; that is the slave's where `slave_item` is None, else the master's.
    """

    slave: int
    key: Key
    master: Raw | None
    slave_item: Raw | None
    stored: Raw | None
    unseen: bool = False


class PairsPage(NamedTuple):
    """One page of work: its pairs per slave, what was scanned of the master or of a slave, and slaves lost on the way.

    `resume` is where the segment goes on after this page, in the strategy's own words: a task made of it later, perhaps
    by another run and for fewer slaves, brings exactly what is left, nothing twice. Nobody else reads it. It names
    slaves rather than numbering them, since their places may be others then, and at the end of a segment it says so.
    b"" where there is no such point after this page: what the page brings is held back, and the task is not stopped,
    until a page comes that has one, or the end. `disagreeing` is a slave whose scan was found to bring items in another
    order than the master's.
    """

    pairs: Sequence[Pairs]
    scanned: int = 0
    slave_scanned: tuple[int, int] | None = None
    lost: Sequence[tuple[int, IncompleteError]] = ()
    resume: bytes = b""
    disagreeing: int | None = None


class Strategy(Protocol):
    """A way to read one segment of the master and of the slaves that a task covers, from the task's `resume` on."""

    def pages(self) -> Iterator[PairsPage]:
        """Yield pairs page by page; raise RequestFailed or KeysUnanswered where the master cannot be read."""

    def drop_slave(self, slave: int) -> None:
        """Go on without a slave that failed for good."""
