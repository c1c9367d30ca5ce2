"""The items of a data file, as raw bytes; and whether the file is what the manifest says.

About 1.5 µs of CPU an item of 400 B, two thirds of them in zlib. Memory is bounded: a few blocks of text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing

from msgspec import Raw

from fastsync.errors import ExportDamaged, FileReplaced
from fastsync.exports.compressed import expand
from fastsync.exports.export import ExportFile
from fastsync.exports.lines import read_lines
from fastsync.exports.storage import Storage
from fastsync.model.wording import count_nouns

CHUNK = 1 << 18
"""Bytes of a stored file that are read at once."""


def read_items(file: ExportFile, storage: Storage, start_line: int = 1) -> Iterator[tuple[int, list[Raw]]]:
    """Yield the items of a file in batches, each with the number of its first item's line: see BLOCK in compressed.py.

    The items of a batch stand in lines that follow each other, so an item's line is the first one's plus its place.
    Lines before `start_line` (counted from 1) are checked like all others, but not yielded. The items of a batch
    share its memory: whoever keeps one for long copies it.

    Raises IncompleteError where the file cannot be read to its end. Otherwise raises FileReplaced where its bytes are
    not those that were listed, which is known at the end only: then nothing that was yielded counts. Raises
    ExportDamaged, with file and line, where its bytes are those, and are damaged; what was yielded before counts.
    """
    count = 0
    with closing(read_stored(file, storage)) as chunks:
        try:
            for first, items in read_lines(expand(chunks, file.name), file.name):
                count += len(items)
                left = items[max(start_line - first, 0) :]
                if left:
                    yield max(first, start_line), left
        except ExportDamaged:
            for _ in chunks:  # to the end, where it is known whether these are the right bytes
                pass
            raise
    if file.items is not None and count != file.items:
        raise ExportDamaged(
            f"{file.name} is damaged: it holds {count_nouns(count, 'item')}, but the manifest says {file.items:,}"
        )


def read_stored(file: ExportFile, storage: Storage) -> Generator[bytes, None, None]:
    """Yield the stored bytes of a file; raise FileReplaced at their end where they are not those that were listed."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with closing(storage.open_file(file.stored)) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
    if size != file.size_bytes:
        raise FileReplaced(
            f"{file.name} was replaced or cut short: it had {file.size_bytes:,} bytes when it was listed, and has "
            f"{size:,} now"
        )
    if file.md5 is not None and digest.digest() != file.md5:
        raise FileReplaced(f"{file.name} is damaged: its MD5 digest is not the one that the manifest tells")
