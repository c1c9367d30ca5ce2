"""Find out whether a live table's items are written as those of the exports are, so that their bytes decide.

The digest of an item's form costs as much as all else that is done to divide it, and is needed only where equal items
are written in different ways: attributes in another order, say. Of each page some items are looked up in what the spool
holds of the exports by then. A wrong guess costs reading items again, and never a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.compare.screen import Screen
from fastsync.model.messages.terms import Terms
from fastsync.spool.part_files import LEFT_OUT, UNEVALUATED, Part
from fastsync.spool.table import SpooledTable

ENOUGH = 50
"""Items that are written alike, before all others are taken to be."""
MOST_ROWS = 20_000
"""Items of an export, about, that are at hand to be compared with: 5 MB."""


class _Sample(NamedTuple):
    """Some rows of an export: the digest and the number of each by its packed key."""

    part: Part
    rows: dict[bytes, tuple[bytes, int]]


class Spelling:
    """What is known of a live table, by one part of each export.

    Once an item was found that is equal and written in another way, all of them are taken to be. So where one item of
    many is, about as many as there are parts have passed before it is known.
    """

    def __init__(self, terms: Terms, screen: Screen, number: int, parts: int):
        self._screen = screen
        self._place = number % parts, parts
        self._exports = [
            SpooledTable(terms.spool or "", each) for each, side in enumerate(terms.tables) if side.is_export
        ]
        self._samples: list[_Sample] = []
        self._alike = 0
        # two live tables that are compared with each other have nothing but digests
        self._differs = not terms.master.is_export and not all(side.is_export for side in terms.slaves)
        self._pages = 0

    def is_alike(self, packed: Sequence[bytes], digests: Sequence[bytes], items: Sequence[Raw]) -> bool:
        """Return whether the items of a page are taken to be written as in the exports."""
        if self._differs:
            return False
        try:
            self._find_samples()
            for sample in self._samples:
                self._compare(sample, packed, digests, items)
        except (OSError, msgspec.DecodeError):  # a file that is written a second time, since its worker died
            self._differs = True
        return not self._differs and self._alike >= ENOUGH

    def _find_samples(self) -> None:
        """Read a part of each export, as far as it is there; try again after twice as many pages where it is not."""
        self._pages += 1
        if self._samples or self._pages & (self._pages - 1):
            return
        number, parts = self._place
        for export in self._exports:
            part = export.open_finished(number, parts)
            rows = part.load_rows(0, max(1, len(part) // MOST_ROWS))
            if rows.keys:
                placed = zip(rows.digests, rows.numbers, strict=True)
                self._samples.append(_Sample(part, dict(zip(rows.keys, placed, strict=True))))

    def _compare(
        self, sample: _Sample, packed: Sequence[bytes], digests: Sequence[bytes], items: Sequence[Raw]
    ) -> None:
        others: list[tuple[Raw, int]] = []
        for place, found in enumerate(map(sample.rows.get, packed)):
            if found is None:
                continue
            digest, number = found
            if digest == digests[place]:
                self._alike += 1
            elif not {digest, digests[place]} & {LEFT_OUT, UNEVALUATED}:
                others.append((items[place], number))
        if others:
            stored = map(Raw, sample.part.read_items([number for _, number in others]))
            pairs = zip(self._screen.form([item for item, _ in others]), self._screen.form(list(stored)), strict=True)
            self._differs |= any(mine == theirs for mine, theirs in pairs)
