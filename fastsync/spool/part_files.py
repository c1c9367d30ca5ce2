"""Rows of one table, divided into parts: what a task writes, and how a part is read from the files of all tasks.

A file holds chunks, one for each part and each time that the writer's memory was full. A chunk has three sections: keys
and digests, which whoever reads a part reads as a whole; what is seldom asked for; and items. A table of chunks stands
beside the file, with a line of one width for every part: so those of a part are found without reading the others'.
The table gets its name once the file is whole: until then the task has brought nothing.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import FileIO
from itertools import accumulate, compress, groupby, repeat
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts

MEMORY = 8 << 20
"""Bytes of rows that a writer holds, with what Python takes for them."""
PER_ROW = 300
"""Bytes of memory that a row takes beside its item."""
LEFT_OUT, UNEVALUATED = b"--where is false", b"--where has none"
"""What stands in the place of the digest of an item that --where leaves out, or cannot be evaluated for."""
_SHARE_SEED = 1
"""Another seed than that of the parts: the keys of one part are divided anew."""
MOST_ROWS = 120_000
"""Rows, of all tables together, that whoever reads a part holds at a time: some 40 MB."""
_LINE = struct.Struct("<QIIII")
_encode = msgspec.msgpack.encode
_Head = tuple[list[bytes], list[bytes]]
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_keys = msgspec.msgpack.Decoder(tuple[list[bytes], Raw]).decode
_Rest = tuple[list[bytes | None], list[int], list[int]]
_decode_rest = msgspec.msgpack.Decoder(_Rest).decode


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


class Keyed(NamedTuple):
    """Rows of a part: their packed keys, the digests of their items, and their numbers in it, at the same positions."""

    keys: list[bytes]
    digests: list[bytes]
    numbers: list[int]

    def select(self, mask: Sequence[bool]) -> Keyed:
        """Return some of the rows."""
        keys, digests, numbers = self
        return Keyed(list(compress(keys, mask)), list(compress(digests, mask)), list(compress(numbers, mask)))


class _Chunk(NamedTuple):
    """Where a chunk is: its file, the place in it, its rows, and the bytes of its three sections."""

    path: Path
    offset: int
    rows: int
    head: int
    rest: int
    items: int


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
        """Add rows, each to its part. All rows of a writer have the same columns, but
        for `forms`.

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
        table = _table_of(self._path)
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
            self._table.append(_LINE.pack(self._offset, 0, 0, 0, 0))
            return
        sizes = list(map(len, items))
        head, rest, items_bytes = _encode((keys, digests)), _encode((forms, lines, sizes)), sum(sizes)
        self._table.append(_LINE.pack(self._offset, len(keys), len(head), len(rest), items_bytes))
        self._offset += len(head) + len(rest) + items_bytes
        try:
            _write_all(self._file, b"".join((head, rest, *items)))
        except OSError as error:
            raise self._describe(error) from None

    def _describe(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"the spool in {self._path.parent} cannot be written: {error.strerror}; see --spool")


class Part:
    """One part of a table, as the files of these names hold it: its rows are numbered in their order."""

    def __init__(self, folder: Path, names: Sequence[str], number: int, parts: int):
        self._chunks = list(_find_chunks(folder, names, number, parts))
        self._ends = list(accumulate(chunk.rows for chunk in self._chunks))
        self._files = [folder / name for name in names]
        self.item_bytes = sum(chunk.items for chunk in self._chunks)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def load_rows(self, share: int = 0, of: int = 1) -> Keyed:
        """Return all rows, or those in one of so many shares: rows with equal keys are in the same one."""
        rows = Keyed([], [], [])
        for chunk, end in zip(self._chunks, self._ends, strict=True):
            keys, digests = _decode_head(_read(chunk, 0, chunk.head))
            numbers: Iterable[int] = range(end - chunk.rows, end)
            if of > 1:
                mine = [each == share for each in choose_parts(keys, of, _SHARE_SEED)]
                keys, digests = list(compress(keys, mine)), list(compress(digests, mine))
                numbers = compress(numbers, mine)
            rows.keys.extend(keys)
            rows.digests.extend(digests)
            rows.numbers.extend(numbers)
        return rows

    def holds_repeats(self, share: int = 0, of: int = 1) -> bool:
        """Return whether any two rows, of one share, have the same key."""
        keys: set[bytes] = set()
        count = 0
        for chunk in self._chunks:
            found, _ = _decode_keys(_read(chunk, 0, chunk.head))
            if of > 1:
                found = [
                    key for key, each in zip(found, choose_parts(found, of, _SHARE_SEED), strict=True) if each == share
                ]
            keys.update(found)
            count += len(found)
        return len(keys) < count

    def read_items(self, rows: Sequence[int]) -> list[bytes]:
        """Return the items of rows, in the same order; nothing else is read."""
        found: dict[int, bytes] = {}
        for chunk, begin, wanted in self._find_rows(rows):
            _, _, sizes = _read_rest(chunk)
            ends = list(accumulate(sizes))
            start = chunk.head + chunk.rest
            with _open(chunk) as file:
                for row in wanted:
                    size, end = sizes[row - begin], ends[row - begin]
                    found[row] = os.pread(file.fileno(), size, chunk.offset + start + end - size)
        return [found[row] for row in rows]

    def read_forms(self, rows: Sequence[int]) -> list[bytes | None]:
        """Return the second digests of rows, in the same order: None for those that have none."""
        found: dict[int, bytes | None] = {}
        for chunk, begin, wanted in self._find_rows(rows):
            forms, _, _ = _read_rest(chunk)
            found.update((row, forms[row - begin]) for row in wanted if forms)
        return [found.get(row) for row in rows]

    def find_origin(self, row: int) -> tuple[int, int]:
        """Return the place among the names of the file that a row is in, and the line that its item stands in."""
        ((chunk, begin, _),) = self._find_rows([row])
        _, lines, _ = _read_rest(chunk)
        return self._files.index(chunk.path), lines[row - begin]

    def _find_rows(self, rows: Iterable[int]) -> Iterator[tuple[_Chunk, int, list[int]]]:
        """Yield chunks that hold rows, each with the number of its first row, and those of the rows in order."""
        for place, wanted in groupby(sorted(rows), partial(bisect_right, self._ends)):
            chunk = self._chunks[place]
            yield chunk, self._ends[place] - chunk.rows, list(wanted)


def count_shares(parts: Iterable[Part]) -> int:
    """Return in how many shares the same part of several tables is to be read, so that each fits into memory."""
    return max(1, -(-sum(map(len, parts)) // MOST_ROWS))


def is_written(folder: Path, name: str) -> bool:
    """Return whether the task that writes a file has finished it, and it still has all that was written."""
    width = _LINE.size
    try:
        with _table_of(folder / name).open("rb") as table:
            size = os.fstat(table.fileno()).st_size
            end = 0
            if size:
                table.seek(size // width * width - width)
                offset, _, *sections = _LINE.unpack(table.read(width))
                end = offset + sum(sections)
        return size % width == 0 and (folder / name).stat().st_size == end
    except OSError:
        return False


def _table_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.table")


def _find_chunks(folder: Path, names: Sequence[str], number: int, parts: int) -> Iterator[_Chunk]:
    width = _LINE.size
    for name in names:
        path = folder / name
        with _table_of(path).open("rb") as table:
            lines = os.fstat(table.fileno()).st_size // width
            for place in range(number, lines, parts):
                table.seek(place * width)
                offset, rows, head, rest, items = _LINE.unpack(table.read(width))
                if rows:
                    yield _Chunk(path, offset, rows, head, rest, items)


def _open(chunk: _Chunk) -> FileIO:
    return chunk.path.open("rb", buffering=0)


def _read(chunk: _Chunk, start: int, size: int) -> bytes:
    with _open(chunk) as file:
        return os.pread(file.fileno(), size, chunk.offset + start)


def _read_rest(chunk: _Chunk) -> _Rest:
    return _decode_rest(_read(chunk, chunk.head, chunk.rest))


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
