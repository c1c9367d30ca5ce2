"""The lines of an undo log by slave and key, each checked before any is believed.

The index is a database on disk, so that memory stays flat however long the log is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby, takewhile
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from fastsync.errors import ConfigError
from fastsync.model.digest import canonical_value
from fastsync.model.table import TableRef
from fastsync.repair.undo_log import Entry

LINE_BYTES = 32 << 20
"""No line is longer: two items of 400 KB are below 6 MB of JSON whatever they hold."""
Chain = list[Entry]
"""The entries of one key of one slave, the last first: what a run meant to write."""
_decode = msgspec.json.Decoder(Entry).decode
_parse = msgspec.json.Decoder().decode
_text = msgspec.json.encode


class Line(NamedTuple):
    """One line of a log: its offset and size in bytes, its entry, and its key in canonical form."""

    offset: int
    size: int
    entry: Entry
    key: bytes


class Lines(NamedTuple):
    """The lines under one key of one slave, the last first: their offsets, and their bytes in all."""

    offsets: tuple[int, ...]
    size: int


def read_lines(path: str, start: int = 0) -> Iterator[Line]:
    """Yield the lines from byte `start` on; raise ConfigError on what is no undo log, or is damaged.

    A last line without its end is left out: its write was never sent.
    """
    with _opened(path) as file:
        file.seek(start)
        while (line := _read_line(path, file)) is not None:
            yield line


def check_log(path: str) -> None:
    """Raise ConfigError where a file exists that is no undo log, or is damaged."""
    if Path(path).exists():
        for _ in read_lines(path):
            pass


def read_entries(path: str, offsets: Iterable[int]) -> Iterator[Entry]:
    """Yield the entries at these offsets, each checked again; raise ConfigError where a line is gone."""
    with _opened(path) as file:
        for offset in offsets:
            file.seek(offset)
            line = _read_line(path, file)
            if line is None:
                raise ConfigError(f"the undo log {path} has no line at byte {offset} any more")
            yield line.entry


class Index:
    """The lines of an undo log by slave and key.

    It holds the lines of the log at `path` that begin at or after byte `start` and before `end`. Raises ConfigError on
    what is no undo log, or is damaged.
    """

    def __init__(self, path: str, start: int = 0, end: int | None = None):
        self.path = path
        self._key_types: dict[str, Mapping[str, str]] = {}
        self._table_ids: dict[str, set[tuple[str, ...]]] = {}
        # a temporary file of the database's own; one thread at a time
        self._rows = sqlite3.connect("", check_same_thread=False)
        self._rows.execute("CREATE TABLE lines (slave TEXT, key BLOB, at INTEGER, size INTEGER)")
        lines = takewhile(lambda line: end is None or line.offset < end, read_lines(path, start))
        try:
            self._rows.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", map(self._row, lines))
            self._rows.execute("CREATE INDEX by_key ON lines (slave, key)")
        except sqlite3.Error as error:
            raise ConfigError(f"the undo log {path} cannot be indexed in the temporary folder: {error}") from None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, which removes it."""
        self._rows.close()

    @property
    def count(self) -> int:
        """How many lines there are."""
        ((count,),) = self._rows.execute("SELECT count(*) FROM lines")
        return int(count)

    def keys(self) -> Iterator[tuple[str, bytes]]:
        """Yield slave and key of every line."""
        yield from self._rows.execute("SELECT slave, key FROM lines")

    def chain(self, slave: str, key: bytes) -> Chain:
        """Return the entries of one key, the last first."""
        rows = self._rows.execute("SELECT at FROM lines WHERE slave = ? AND key = ? ORDER BY at DESC", (slave, key))
        return list(read_entries(self.path, [at for (at,) in rows]))

    def slaves(self) -> list[str]:
        """Return the names of the slaves, in the order in which they were first written to."""
        return [name for (name,) in self._rows.execute("SELECT slave FROM lines GROUP BY slave ORDER BY min(at)")]

    def key_types(self, slave: str) -> Mapping[str, str]:
        """Return the key attributes of a slave's lines with their types, the same in all of them."""
        return self._key_types[slave]

    def table_ids(self, slave: str) -> set[tuple[str, ...]]:
        """Return the identities of the tables that were written to under a slave's name, as far as the lines say."""
        return self._table_ids.get(slave, set())

    def item_count(self, slave: str) -> int:
        """Return the number of a slave's items that have lines."""
        ((count,),) = self._rows.execute("SELECT count(DISTINCT key) FROM lines WHERE slave = ?", (slave,))
        return int(count)

    def items(self, slave: str) -> Iterator[Lines]:
        """Yield the lines of each of a slave's items, in the order of their keys."""
        rows = self._rows.execute("SELECT key, at, size FROM lines WHERE slave = ? ORDER BY key, at DESC", (slave,))
        for _, same in groupby(rows, itemgetter(0)):
            found = list(same)
            yield Lines(tuple(at for _, at, _ in found), sum(size for _, _, size in found))

    def _row(self, line: Line) -> tuple[str, bytes, int, int]:
        """Return the row of a line; raise ConfigError where it contradicts the other lines of its slave."""
        slave, types = line.entry.slave, {name: next(iter(value)) for name, value in _parse(line.key).items()}
        if slave not in self._key_types:
            self._check_name(line)
        if self._key_types.setdefault(slave, types) != types:
            raise _damaged(self.path, line.offset, f"its key is not of the form of the other keys of {slave}")
        if line.entry.table_id:
            self._table_ids.setdefault(slave, set()).add(line.entry.table_id)
        return slave, line.key, line.offset, line.size

    def _check_name(self, line: Line) -> None:
        try:
            TableRef.parse(line.entry.slave)
        except ConfigError as error:
            raise _damaged(self.path, line.offset, str(error)) from None


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"the undo log {path} cannot be read: {error.strerror or error}") from None


def _read_line(path: str, file: IO[bytes]) -> Line | None:
    offset = file.tell()
    text = file.readline(LINE_BYTES)
    if len(text) == LINE_BYTES:
        raise _damaged(path, offset, "a line is longer than any that holds two items")
    if not text.endswith(b"\n"):
        return None
    try:
        entry = _decode(text)
        return Line(offset, len(text), entry, _checked_key(entry))
    except RecursionError:
        raise _damaged(path, offset, "values are nested deeper than the service allows") from None
    except (ValueError, _Wrong) as error:  # msgspec's errors, and bad UTF-8, are ValueErrors
        raise _damaged(path, offset, str(error)) from None


def _damaged(path: str, offset: int, reason: str) -> ConfigError:
    return ConfigError(f"{path} is no undo log, or is damaged at byte {offset}: {reason}")


class _Wrong(Exception):
    """A line is damaged; the message says in which way."""


def _checked_key(entry: Entry) -> bytes:
    """Return the key of an entry in canonical form; raise _Wrong where anything in the entry is not as it must be."""
    if entry.checksum and entry.checksum != entry.content_checksum():
        raise _Wrong("its checksum is not that of its content")
    key = _parse(entry.key)
    if not isinstance(key, dict) or len(key) not in (1, 2) or not all(map(_is_key_value, key.values())):
        raise _Wrong("key is not the key of an item in DynamoDB JSON")
    for name, raw in (("before", entry.before), ("after", entry.after)):
        item = _parse(raw)
        if item is not None:
            _check_item(name, item, key, checked=bool(entry.checksum))
    return _text({name: canonical_value(value) for name, value in key.items()})


def _check_item(name: str, item: Any, key: Mapping[str, Any], *, checked: bool) -> None:
    """Raise _Wrong where a line's item is none, or has another key. `checked`: a checksum covers its values.

    Such values are the service's own, and may be of a type that is not known here.
    """
    is_item = isinstance(item, dict) if checked else _is_item(item)
    if not is_item:
        raise _Wrong(f"{name} is neither null nor an item in DynamoDB JSON")
    if not all(_is_equal_key_value(item.get(attribute), value) for attribute, value in key.items()):
        raise _Wrong(f"{name} has another key than the line")


def _is_equal_key_value(value: Any, other: Mapping[str, str]) -> bool:
    return _is_key_value(value) and bool(canonical_value(value) == canonical_value(other))


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and all(map(_is_value, item.values()))


def _is_value(value: Any) -> bool:
    """Return whether something is an attribute value in DynamoDB JSON (API reference, AttributeValue)."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((tag, inner),) = value.items()
    return tag in _IS_OF_TYPE and _IS_OF_TYPE[tag](inner)


def _is_key_value(value: Any) -> bool:
    return _is_value(value) and not value.keys().isdisjoint("SNB")


def _is_text(inner: Any) -> bool:
    return isinstance(inner, str)


def _is_set(inner: Any) -> bool:
    return isinstance(inner, list) and all(map(_is_text, inner))


def _is_flag(inner: Any) -> bool:
    return isinstance(inner, bool)


_IS_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("S", "N", "B"), _is_text),
    **dict.fromkeys(("SS", "NS", "BS"), _is_set),
    **dict.fromkeys(("BOOL", "NULL"), _is_flag),
    "L": lambda inner: isinstance(inner, list) and all(map(_is_value, inner)),
    "M": _is_item,
}
