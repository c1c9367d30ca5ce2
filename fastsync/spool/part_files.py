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
from itertools import accumulate, compress, groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.model.digest import choose_parts

LEFT_OUT, UNEVALUATED = b"--where is false", b"--where has none"
"""What stands in the place of the digest of an item that --where leaves out, or cannot be evaluated for."""
_SHARE_SEED = 1
"""Another seed than that of the parts: the keys of one part are divided anew."""
MOST_ROWS = 120_000
"""Rows, of all tables together, that whoever reads a part holds at a time: some 40 MB."""
LINE = struct.Struct("<QIIII")
"""A line in the table of chunks: the place of a chunk, its rows, and the bytes of its three sections."""
_Head = tuple[list[bytes], list[bytes]]
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_keys = msgspec.msgpack.Decoder(tuple[list[bytes], Raw]).decode
_Rest = tuple[list[bytes | None], list[int], list[int]]
_decode_rest = msgspec.msgpack.Decoder(_Rest).decode


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
    width = LINE.size
    try:
        with table_of(folder / name).open("rb") as table:
            size = os.fstat(table.fileno()).st_size
            end = 0
            if size:
                table.seek(size // width * width - width)
                offset, _, *sections = LINE.unpack(table.read(width))
                end = offset + sum(sections)
        return size % width == 0 and (folder / name).stat().st_size == end
    except OSError:
        return False


def table_of(path: Path) -> Path:
    """Return the table of chunks that stands beside a file."""
    return path.with_name(f"{path.name}.table")


def _find_chunks(folder: Path, names: Sequence[str], number: int, parts: int) -> Iterator[_Chunk]:
    width = LINE.size
    for name in names:
        path = folder / name
        with table_of(path).open("rb") as table:
            lines = os.fstat(table.fileno()).st_size // width
            for place in range(number, lines, parts):
                table.seek(place * width)
                offset, rows, head, rest, items = LINE.unpack(table.read(width))
                if rows:
                    yield _Chunk(path, offset, rows, head, rest, items)


def _open(chunk: _Chunk) -> FileIO:
    return chunk.path.open("rb", buffering=0)


def _read(chunk: _Chunk, start: int, size: int) -> bytes:
    with _open(chunk) as file:
        return os.pread(file.fileno(), size, chunk.offset + start)


def _read_rest(chunk: _Chunk) -> _Rest:
    return _decode_rest(_read(chunk, chunk.head, chunk.rest))
