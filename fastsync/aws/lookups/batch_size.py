"""How many keys one BatchGetItem asks for."""

from __future__ import annotations

FEWEST = 10
"""Keys in a request below which only large answers make it smaller."""
LARGE = 1 << 19
"""Bytes of an answer that may have been cut for its size. The service ends one at 16 MB, or at 1 MB from one partition
(API reference, BatchGetItem); the item that was left out may have had 400 KB."""


class BatchSize:
    """The number of keys per request: halved when keys come back, grown by a tenth of the limit when none do.

    It is not halved below `FEWEST`, since smaller requests do not help a throttled table, unless answers are so large
    that they hold fewer items.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._step = max(1, limit // 10)
        self.current = limit

    def adapt(self, unprocessed: int, answer_bytes: int = 0) -> None:
        """Adapt to one answer: to its number of unprocessed keys, and to its size in bytes."""
        if not unprocessed:
            self.current = min(self._limit, self.current + self._step)
            return
        fewest = FEWEST
        if answer_bytes >= LARGE:
            fewest = 1
        if self.current > fewest:
            self.current = max(fewest, self.current // 2)
