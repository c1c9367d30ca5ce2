"""Write the rows of one task, divided into parts; for the form of the file see `part_files`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts
from fastsync.spool.part_files import LINE, table_of

MEMORY = 8 << 20
"""Bytes of rows that a writer holds, with what Python takes for them."""
PER_ROW = 300
"""Bytes of memory that a row takes beside its item."""
_encode = msgspec.msgpack.encode


class Rows(NamedTuple):
    """Rows that are written: columns with a value for each row, or empty ones where nobody needs them.

    `digests` are those of the items; `forms` further ones, which are seldom asked for. `lines` are where the items
    stand in their file. `items` are kept until they are written. `parts` tell the part of each row, where that is not
    the one that its key decides.
    """

    keys: Sequence[bytes]
    digests: Sequence[bytes]
    forms: Sequence[bytes] = ()
    lines: Sequence[int] = ()
    items: Sequence[bytes | Raw] = ()
    parts: Sequence[int] = ()


_VALUES = 5
"""Values of a row that are written: all but its part."""


class PartWriter:
    """Write the rows of one task into a file of its own. Raises OutputFailed where that fails, as on a full disk."""

    def __init__(self, folder: Path, name: str, parts: int):
        self._path = folder / name
        self._parts = parts
        self._offset = 0
        self._table: list[bytes] = []
        self._hold_nothing()
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._describe(error) from None

    @property
    def holds_rows(self) -> bool:
        """Whether rows were added that are not written yet."""
        return self._held > 0

    def add_rows(self, rows: Rows) -> None:
        """Add rows, each to its part. All rows of a writer have the same columns, but for `forms`.

        Those of a part are one list, the values of one row after the other's: an object for each row takes three times
        as long.
        """
        if not rows.keys:
            return
        held = self._rows
        columns = [column or repeat(None) for column in rows[:_VALUES]]
        parts = rows.parts or choose_parts(rows.keys, self._parts)
        for part, values in zip(parts, zip(*columns, strict=False), strict=True):
            held[part] += values
        self._held += sum(map(len, rows.items)) + len(rows.keys) * PER_ROW
        if self._held >= MEMORY:
            self._write_chunks()

    def finish(self) -> None:
        """Write what is left, and let the file count."""
        self._write_chunks()
        table = table_of(self._path)
        new = table.with_suffix(".new")
        try:
            new.write_bytes(b"".join(self._table))
            new.rename(table)
        except OSError as error:
            raise self._describe(error) from None

    def discard_rows(self) -> None:
        """Forget all rows: what they were made of turns out not to count. Raises OutputFailed."""
        self._hold_nothing()
        self._offset = 0
        self._table = []
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        except OSError as error:
            raise self._describe(error) from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _hold_nothing(self) -> None:
        self._rows: list[list[Any]] = [[] for _ in range(self._parts)]
        self._held = 0

    def _write_chunks(self) -> None:
        """Write a chunk for each part."""
        for rows in self._rows:
            columns = [rows[place::_VALUES] for place in range(_VALUES)]
            self._write_chunk(*(column if any(value is not None for value in column) else [] for column in columns))
        self._hold_nothing()

    def _write_chunk(
        self,
        keys: list[bytes],
        digests: list[bytes],
        forms: list[bytes | None],
        lines: list[int],
        items: list[bytes | Raw],
    ) -> None:
        """Write a chunk, nothing where it has no rows, and note where it is."""
        if not keys:
            self._table.append(LINE.pack(self._offset, 0, 0, 0, 0))
            return
        sizes = list(map(len, items))
        head, rest, items_bytes = _encode((keys, digests)), _encode((forms, lines, sizes)), sum(sizes)
        self._table.append(LINE.pack(self._offset, len(keys), len(head), len(rest), items_bytes))
        self._offset += len(head) + len(rest) + items_bytes
        try:
            _write_all(self._file, b"".join((head, rest, *items)))
        except OSError as error:
            raise self._describe(error) from None

    def _describe(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"the spool in {self._path.parent} cannot be written: {error.strerror}; see --spool")


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
