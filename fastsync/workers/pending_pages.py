"""Pages buffered until the next resume point, so that a retried task never counts twice."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO

from fastsync.errors import OutputFailed
from fastsync.model.difference import Tally
from fastsync.model.events import PageDone

IN_MEMORY = 5_000
"""Differences and extras that are held in memory for one task: some MB."""
BYTES_IN_MEMORY = 8 << 20
"""Bytes of pages that are held in memory for one task, where whole items are in them."""

CONSUMED = ("read_units", "write_units", "recheck_units", "throttled", "retried")
"""Counters of what was spent, which stands whatever becomes of a page."""


class PendingPages:
    """Keep pages in their order."""

    def __init__(self) -> None:
        self._pages: list[PageDone] = []
        self._many = self._bytes = 0
        self._file: IO[bytes] | None = None

    def add_page(self, page: PageDone) -> None:
        """Keep a page; raise OutputFailed where the disk does not take it."""
        self._pages.append(page)
        self._many += len(page.differences) + len(page.extras)
        if any(each.master or each.slave_item for each in (*page.differences, *page.extras)):
            self._bytes += len(pickle.dumps(page))
        if self._many > IN_MEMORY or self._bytes > BYTES_IN_MEMORY:
            self._put_aside()

    def take_all(self) -> Iterator[PageDone]:
        """Yield all pages; none is held any more then."""
        file, pages = self._file, self._pages
        self._file, self._pages, self._many, self._bytes = None, [], 0, 0
        if file is not None:
            with file:
                size = file.tell()
                file.seek(0)
                while file.tell() < size:
                    yield from pickle.load(file)
        yield from pages

    def _put_aside(self) -> None:
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115
            pickle.dump(self._pages, self._file)
            self._file.flush()
        except OSError as error:
            raise OutputFailed(f"pages cannot be kept in {tempfile.gettempdir()}: {error}") from None
        self._pages, self._many, self._bytes = [], 0, 0


def usage_of(page: PageDone) -> PageDone:
    """Return what a page has consumed, and nothing else of it."""
    return PageDone(_usage_counters(page.master), tuple(map(_usage_counters, page.tallies)))


def split_lost(page: PageDone, lost: Mapping[int, str], all_lost: bool) -> tuple[PageDone, PageDone]:
    """Divide a page into what stands, and what concerns slaves that were lost (by place, with their names).

    What was consumed stands. What was scanned of the master stands as long as a slave is left.
    """
    gone = set(lost.values())
    stands = replace(
        page,
        master=_usage_counters(page.master) if all_lost else page.master,
        tallies=tuple(_usage_counters(tally) if place in lost else tally for place, tally in enumerate(page.tallies)),
        differences=tuple(each for each in page.differences if each.slave not in gone),
        extras=tuple(each for each in page.extras if each.slave not in gone),
    )
    other = PageDone(
        _finding_counters(page.master) if all_lost else Tally(),
        tuple(_finding_counters(tally) if place in lost else Tally() for place, tally in enumerate(page.tallies)),
        tuple(each for each in page.differences if each.slave in gone),
        tuple(each for each in page.extras if each.slave in gone),
    )
    return stands, other


def findings_of(page: PageDone) -> PageDone:
    """Return a page without what it has consumed."""
    return replace(page, master=_finding_counters(page.master), tallies=tuple(map(_finding_counters, page.tallies)))


def _usage_counters(tally: Tally) -> Tally:
    return Tally(**{name: getattr(tally, name) for name in CONSUMED})


def _finding_counters(tally: Tally) -> Tally:
    nothing = Tally()
    return replace(tally, **{name: getattr(nothing, name) for name in CONSUMED})
