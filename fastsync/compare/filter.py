"""--where: leave out what an expression is not true of.

The master's item is asked where there is one. An item of a slave is asked only where the master has none of its key: so
nothing is an extra because its master's item has changed. An item for which the expression cannot be evaluated is left
out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Raw

from fastsync.compare.pairs import Pairs, PairsPage
from fastsync.model.items.expression import Expression
from fastsync.model.page import Page
from fastsync.model.wording import describe_exception, shorten

LONGEST_FAILURE = 200
"""Characters of a failure: the package repeats the whole value that a function cannot take."""


_compile = lru_cache(maxsize=4)(Expression)
"""Compile an expression once a process: a worker has a filter for each of its tasks."""


class Chosen(NamedTuple):
    """Which of some items are compared, how many are left out, and for how many of these there was no answer.

    `mask` has True, False or None (there was no answer) for each item.
    """

    mask: Sequence[bool | None]
    left_out: int = 0
    unevaluated: int = 0


class Filter:
    """Choose the items that an expression is true of; without one, all of them."""

    def __init__(self, text: str | None = None):
        self._expression = None if text is None else _compile(text)
        self._failure = ""

    @property
    def active(self) -> bool:
        """Return whether anything may be left out."""
        return self._expression is not None

    def reads_only(self, names: Collection[str]) -> bool:
        """Return whether these attributes of an item tell whether it is left out."""
        if self._expression is None:
            return True
        return self._expression.names is not None and self._expression.names <= set(names)

    def take_failure(self) -> str:
        """Return why an expression could not be evaluated for the first such item since the last call, "" for none."""
        failure, self._failure = self._failure, ""
        return failure

    def chooses(self, item: Raw) -> bool:
        """Return whether an item of the master is compared."""
        return not self.leaves_out(item, None)

    def leaves_out(self, master: Raw | None, stored: Raw | None) -> bool:
        """Return whether a pair is left out, by the items that the tables hold."""
        item = stored if master is None else master
        return self._expression is not None and item is not None and not self._is_true(self._expression, item)

    def filter_scan(self, page: Page) -> Page:
        """Return a page of the master, or of a slave whose items have no match yet, without what is left out."""
        if self._expression is None:
            return page
        return page.select(*self.choose(page.items))

    def filter_page(self, page: PairsPage) -> PairsPage:
        """Return a page of pairs without those that are left out; items of the master that are count as filtered."""
        if self._expression is None:
            return page
        left: list[Pairs] = []
        filtered: dict[int, int] = {}
        unevaluated: dict[int, int] = {}
        for pairs in page.pairs:
            chosen = self.choose(pairs.sure_items)
            left.append(pairs.select(chosen.mask) if chosen.left_out else pairs)
            if pairs.of_master:
                filtered[pairs.slave] = filtered.get(pairs.slave, 0) + chosen.left_out
                unevaluated[pairs.slave] = unevaluated.get(pairs.slave, 0) + chosen.unevaluated
        return page._replace(pairs=left, filtered=filtered, unevaluated=unevaluated)

    def choose(self, items: Sequence[Raw]) -> Chosen:
        """Return which of some items are compared."""
        expression = self._expression
        if expression is None:
            return Chosen([True] * len(items))
        try:
            mask = list(map(expression.is_true, items))
        except Exception:  # of one of them
            return self._choose_singly(expression, items)
        return Chosen(mask, mask.count(False))

    def _choose_singly(self, expression: Expression, items: Sequence[Raw]) -> Chosen:
        mask = [self._is_true(expression, item) for item in items]
        unevaluated = mask.count(None)
        return Chosen(mask, mask.count(False) + unevaluated, unevaluated)

    def _is_true(self, expression: Expression, item: Raw) -> bool | None:
        try:
            return expression.is_true(item)
        except Exception as error:
            self._note_failure(error)
            return None

    def _note_failure(self, error: Exception) -> None:
        if not self._failure:
            self._failure = shorten(describe_exception(error), LONGEST_FAILURE)
