"""Pages buffered until the next resume point, so that a retried task never counts twice."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from typing import IO

from fastsync.errors import OutputFailed
from fastsync.model.messages.events import PageDone

IN_MEMORY = 5_000
"""Differences and extras that are buffered in memory for one task: some MB."""
BYTES_IN_MEMORY = 8 << 20
"""Bytes of pages that are buffered in memory for one task, where whole items are in them."""


class PendingPages:
    """Buffer pages in their order, in memory and then in a temporary file."""

    def __init__(self) -> None:
        self._pages: list[PageDone] = []
        self._count = self._bytes = 0
        self._file: IO[bytes] | None = None

    def add_page(self, page: PageDone) -> None:
        """Keep a page; raise OutputFailed where the disk does not take it."""
        self._pages.append(page)
        self._count += len(page.differences) + len(page.extras)
        if any(each.master or each.slave_item for each in (*page.differences, *page.extras)):
            self._bytes += len(pickle.dumps(page))
        if self._count > IN_MEMORY or self._bytes > BYTES_IN_MEMORY:
            self._move_to_disk()

    def take_all(self) -> Iterator[PageDone]:
        """Yield all pages, and forget them."""
        file, pages = self._file, self._pages
        self._file, self._pages, self._count, self._bytes = None, [], 0, 0
        if file is not None:
            with file:
                size = file.tell()
                file.seek(0)
                while file.tell() < size:
                    yield from pickle.load(file)
        yield from pages

    def _move_to_disk(self) -> None:
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115
            pickle.dump(self._pages, self._file)
            self._file.flush()
        except OSError as error:
            raise OutputFailed(f"pages cannot be kept in {tempfile.gettempdir()}: {error}") from None
        self._pages, self._count, self._bytes = [], 0, 0
