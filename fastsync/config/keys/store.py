"""The keys that a run was given, kept in a temporary file between reading them and dividing them into chunks.

There may be millions, and with --if-unchanged each comes with a whole line of a report.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.errors import ConfigError

IN_MEMORY = 4 << 20
"""Bytes that are kept in memory, so that a few keys need no disk."""
_HEAD = struct.Struct("<HIhII")
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
Span = tuple[int, int]
"""A part of the file: its first byte, and its length."""


class GivenKey(NamedTuple):
    """A key as it was given.

    source, number: the place among `KeyStore.sources`, and the line, 0 where it comes from a flag.
    slave: for a line of a report, the place of its slave among `KeyStore.slaves`. None: the text is a key for all
        slaves, or a line that may be one of a report, which the names of the table's key attributes decide.
    text: the key, or the undecided line.
    span: where the whole line of the report is, of length 0 where it was not kept.
    """

    source: int
    number: int
    slave: int | None
    text: bytes
    span: Span

    def fields(self) -> Mapping[str, Raw]:
        """Return the parts of the JSON object, as they were written."""
        return _decode_fields(self.text)


class KeyStore:
    """Keep keys, and give them back in their order. Raises ConfigError where the disk does not take them."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.slaves: list[str] = []
        self.count = 0
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115

    def add_key(self, number: int, slave: int | None, text: bytes, line: bytes = b"") -> None:
        """Keep a key of the last source; `line` is the whole line of a report, where it is needed later."""
        head = _HEAD.pack(len(self.sources) - 1, number, -1 if slave is None else slave, len(text), len(line))
        try:
            self._file.write(head + text + line)
        except OSError as error:
            raise ConfigError(f"keys cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}") from None
        self.count += 1

    def read_keys(self) -> Iterator[GivenKey]:
        """Yield the keys; of lines, only that of the key at hand may be read meanwhile."""
        self._file.seek(0)
        read, offset = self._file.read, 0
        while head := read(_HEAD.size):
            source, number, slave, key_size, line_size = _HEAD.unpack(head)
            text = read(key_size)
            begin = offset + _HEAD.size + key_size
            offset = begin + line_size
            yield GivenKey(source, number, None if slave < 0 else slave, text, (begin, line_size))
            if line_size:
                self._file.seek(offset)

    def read_line(self, span: Span) -> bytes:
        """Return a line that was kept."""
        self._file.seek(span[0])
        return self._file.read(span[1])

    def describe_place(self, given: GivenKey) -> str:
        """Return the flag, or the file and line, that a key comes from."""
        source = self.sources[given.source]
        if not given.number:
            return source
        return describe_line(source, given.number)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def describe_line(source: str, number: int) -> str:
    """Return how a line of a file is called in errors."""
    return f"{source}, line {number:,}"
