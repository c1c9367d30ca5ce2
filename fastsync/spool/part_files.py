"""Rows of one table, divided into parts: what a task writes, and how a part is read from the files of all tasks.

A file holds chunks, one for each part and each time that the writer's memory was full. A table of chunks stands beside
it, with a line of one width for every part, so that whoever reads a part finds its chunks without reading the others'.
The table gets its name once the file is whole: until then the task has brought nothing.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress
from pathlib import Path
from typing import NamedTuple

import msgspec

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts

Row = tuple[bytes, bytes, int, bytes]
"""A packed key, the digest of its item, the line that the item stands in, and the item: b"" where it is not kept."""

MEMORY = 8 << 20
"""Bytes of rows that a writer holds, with what Python takes for them."""
PER_ROW = 250
"""Bytes of memory that a row takes beside its item."""
DIGEST = 16
LEFT_OUT, UNEVALUATED = b"--where is false", b"--where has none"
"""What stands in the place of the digest of an item that --where leaves out, or cannot be evaluated for."""
_SHARE_SEED = 1
"""Another seed than that of the parts: the keys of one part are divided anew."""
MOST_ROWS = 150_000
"""Rows, of all tables together, that whoever reads a part holds at a time: some 40 MB."""
_LINE = struct.Struct("<QIII")
_encode = msgspec.msgpack.encode
_Head = tuple[list[bytes], bytes, list[int]]
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_items = msgspec.msgpack.Decoder(list[bytes]).decode


class _Chunk(NamedTuple):
    """Where a chunk is: its file, the place in it, its rows, and the bytes of its halves: keys first, then items."""

    path: Path
    offset: int
    rows: int
    head: int
    items: int


class Rows(NamedTuple):
    """Rows of a part: their packed keys, the digests of their items, and their numbers in it, at the same positions."""

    keys: list[bytes]
    digests: list[bytes]
    numbers: list[int]


class PartWriter:
    """Write the rows of one task into a file of its own. Raises OutputFailed where that fails, as on a full disk."""

    def __init__(self, folder: Path, name: str, parts: int):
        self._path = folder / name
        self._parts = parts
        self._rows: list[list[Row]] = [[] for _ in range(parts)]
        self._held = 0
        self._offset = 0
        self._table: list[bytes] = []
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._describe(error) from None

    def add_rows(self, parts: Iterable[int], rows: Iterable[Row]) -> None:
        """Add rows, each to a part."""
        held, count = 0, 0
        own = self._rows
        for part, row in zip(parts, rows, strict=True):
            own[part].append(row)
            held += len(row[3])
            count += 1
        self._held += held + count * PER_ROW
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
        self._rows = [[] for _ in range(self._parts)]
        self._held = self._offset = 0
        self._table = []
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        except OSError as error:
            raise self._describe(error) from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write_chunks(self) -> None:
        written: list[bytes] = []
        for rows in self._rows:
            head = items = b""
            if rows:
                keys, digests, lines, kept = zip(*rows, strict=True)
                head = _encode((keys, b"".join(digests), lines))
                if any(kept):
                    items = _encode(kept)
            written += (head, items)
            self._table.append(_LINE.pack(self._offset, len(rows), len(head), len(items)))
            self._offset += len(head) + len(items)
        self._rows = [[] for _ in range(self._parts)]
        self._held = 0
        try:
            _write_all(self._file, b"".join(written))
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

    def load_rows(self, share: int = 0, of: int = 1) -> Rows:
        """Return all rows, or those in one of so many shares: rows with equal keys are in the same one."""
        rows = Rows([], [], [])
        for chunk, end in zip(self._chunks, self._ends, strict=True):
            keys, joined, _ = _decode_head(_read(chunk, 0, chunk.head))
            digests = [joined[at : at + DIGEST] for at in range(0, len(joined), DIGEST)]
            numbers: Iterable[int] = range(end - chunk.rows, end)
            if of > 1:
                mine = [each == share for each in choose_parts(keys, of, _SHARE_SEED)]
                keys, digests = list(compress(keys, mine)), list(compress(digests, mine))
                numbers = compress(numbers, mine)
            rows.keys.extend(keys)
            rows.digests.extend(digests)
            rows.numbers.extend(numbers)
        return rows

    def read_items(self, rows: Sequence[int]) -> list[bytes]:
        """Return the items of rows, in the same order; each chunk is read once."""
        found: dict[int, bytes] = {}
        held, items, begin = -1, [], 0
        for row in sorted(rows):
            place = bisect_right(self._ends, row)
            if place != held:
                chunk = self._chunks[place]
                held, begin = place, self._ends[place] - chunk.rows
                items = _decode_items(_read(chunk, chunk.head, chunk.items))
            found[row] = items[row - begin]
        return [found[row] for row in rows]

    def find_origin(self, row: int) -> tuple[int, int]:
        """Return the place among the names of the file that a row is in, and the line that its item stands in."""
        place = bisect_right(self._ends, row)
        chunk = self._chunks[place]
        _, _, lines = _decode_head(_read(chunk, 0, chunk.head))
        return self._files.index(chunk.path), lines[row - self._ends[place] + chunk.rows]


def count_shares(parts: Iterable[Part]) -> int:
    """Return in how many shares the same part of several tables is to be read, so that each fits into memory."""
    return max(1, -(-sum(map(len, parts)) // MOST_ROWS))


def is_written(folder: Path, name: str) -> bool:
    """Return whether the task that writes a file has finished it."""
    return _table_of(folder / name).exists()


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
                offset, rows, head, items = _LINE.unpack(table.read(width))
                if rows:
                    yield _Chunk(path, offset, rows, head, items)


def _read(chunk: _Chunk, start: int, size: int) -> bytes:
    with chunk.path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), size, chunk.offset + start)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
