"""Digests that stand for items which are not at hand: of an item's bytes, and of its canonical form, its `form`.

Items whose bytes have equal digests are equal. Others may be equal still, written in another way: then their forms
decide. A digest of bytes costs a thirtieth of one of a form.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from fastsync.model.digest import Digester, PathDigester
from fastsync.model.items.ignored_paths import IgnoredPaths
from fastsync.model.messages.terms import Terms


def make_digester(terms: Terms) -> Digester:
    """Return what compares the items of a run."""
    judging, keys = terms.judging, terms.master.table.keys.names
    if not judging.ignored_paths:
        return Digester(judging.ignored, keys, terms.seed)
    return PathDigester(IgnoredPaths(judging.ignored_paths), judging.ignored, keys, terms.seed)


class Screen:
    """Make the digests of a run's items.

    `has_forms`: unequal digests tell nothing yet, and forms decide. Where something is left out of the comparison, or
    all items are at hand, there are none: digests are those of forms already, or items are compared themselves.
    """

    def __init__(self, terms: Terms):
        self.digester = make_digester(terms)
        self.has_forms = self.digester.compares_all and not all(side.is_export for side in terms.tables)
        self._kept = find_ttl_names(terms)

    def digest(self, items: Sequence[Raw]) -> list[bytes]:
        """Return the digests of items."""
        if self.digester.compares_all:
            return self.digester.screen_spellings(items)
        return self.form(items)

    def form(self, items: Sequence[Raw]) -> list[bytes]:
        """Return the digests of the canonical forms of items; what decides whether they have expired is in these."""
        screen, kept = self.digester.screen_item, self._kept
        return [screen(item, kept) for item in items]


def find_ttl_names(terms: Terms) -> frozenset[str]:
    """Return the attributes by which items of any table expire, where that counts."""
    return frozenset(side.table.ttl for side in terms.tables if side.table.ttl is not None)
