"""The keys that --key and --keys give: read from the command line and from files, checked as far as these show.

A line of a file is a key, as --starting-key takes it, or a line of a report: that is its `key`, for its `slave` only.
Which of the two a line is may depend on the names of the table's key attributes, so `plan.keys.plan` settles it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Raw

from fastsync.config.key_text import parse_key
from fastsync.config.keys.form import has_form_of_a_key
from fastsync.config.keys.store import KeyStore, describe_line
from fastsync.config.keys.wrong_file import refuse_other_file
from fastsync.errors import ConfigError
from fastsync.model.wording import choose_form, describe_exception, quote

KEY, SLAVE, VERDICT, COMPLETE = "key", "slave", "verdict", "complete"
MASTER, SLAVE_ITEM = "master", "slave_item"
"""Names in a line of a report."""
LONGEST_LINE = 64 << 20
"""Bytes of a line: two items of 400 KB that are all escapes take a fifth of that. A device may have no end of line."""
LAST_LINE = {COMPLETE, "differences"}
"""The names in the last line of a report; statistics have `complete` too."""
TRUTH = (b"true", b"false")
GZIP = b"\x1f\x8b"
"""The first bytes of a file that is packed."""
ABSENT = Raw(b"")
NEEDED = {"missing": (MASTER,), "extra": (SLAVE_ITEM,), "differing": (MASTER, SLAVE_ITEM)}
"""The values that a line has to tell, where items are to be as it says."""
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_LOOKS_LIKE_VALUE = re.compile(rb'"|[-0-9]|\{\s*"[SNB]"\s*:\s*"').match
FindSlave = Callable[[str], str | None]
"""Return the name of the slave that a report calls so, as it was given to this run; None where there is none."""


class _ReportLine(msgspec.Struct):
    """A line as a report has it: with more names than a key can have."""

    slave: str
    verdict: str
    key: Raw
    attributes: Raw
    master: Raw = ABSENT
    slave_item: Raw = ABSENT


_decode_report_line = msgspec.json.Decoder(_ReportLine).decode


@dataclass
class GivenKeys:
    """All keys that were given; `notes` say what is odd about files, `of_report` that a report was among them."""

    store: KeyStore = field(default_factory=KeyStore)
    notes: list[str] = field(default_factory=list)
    of_report: bool = False


def read_given_keys(keys: Sequence[str], files: Sequence[str], find_slave: FindSlave, reviewed: bool) -> GivenKeys:
    """Read all keys; raise ConfigError, with file and line, for what cannot be one.

    `reviewed`: items are to be as a report tells, so every line has to be one of a report with values. The store is to
    be closed by the caller.
    """
    given = GivenKeys()
    try:
        given.store.sources.append("--key")
        for text in keys:
            parse_key("--key", text)
            given.store.add_key(0, None, text.encode())
        for path in files:
            with _open(path) as file:
                _File(path, file, find_slave, reviewed).read_into(given)
        if not given.store.count and not given.of_report:
            raise ConfigError(f"--keys {files[0]} holds no key: an empty file is no report either")
    except BaseException:
        given.store.close()
        raise
    return given


def is_report_line(fields: Mapping[str, Raw]) -> bool:
    """Return whether the fields of a line may be those of a report's: an object under `key`."""
    return bytes(fields.get(KEY, b"")).startswith(b"{")


def slave_of(fields: Mapping[str, Raw]) -> str | None:
    """Return the slave that a line of a report names, None where it names none."""
    raw = bytes(fields.get(SLAVE, b""))
    return _decode_text(raw) if raw.startswith(b'"') else None


def check_slave(where: str, fields: Mapping[str, Raw], find_slave: FindSlave) -> None:
    """Raise ConfigError where a line of a report names none of the slaves."""
    slave = slave_of(fields)
    if slave is None:
        raise ConfigError(f"{where} is a line of a report, but names no slave")
    if find_slave(slave) is None:
        raise ConfigError(f"{where} is about {quote(slave)}, which is none of the slaves of this run")


def check_reviewed(where: str, fields: Mapping[str, Raw]) -> None:
    """Raise ConfigError where a line does not tell both sides' values."""
    names = NEEDED.get(bytes(fields.get(VERDICT, b"")).decode().strip('"'))
    if names is None or not is_report_line(fields):
        raise ConfigError(f"{where} is no line of a report, and --if-unchanged needs reports with values")
    for name in names:
        if not bytes(fields.get(name, b"")).startswith(b"{"):
            raise ConfigError(
                f"{where} has no values, and --if-unchanged needs them: make the report with --report-values"
            )


def _check_key(where: str, text: bytes, fields: Mapping[str, Raw]) -> None:
    """Raise ConfigError where no table has such a key; what looks like one is parsed only once its types are known."""
    if len(fields) > 2 or not all(map(_LOOKS_LIKE_VALUE, map(bytes, fields.values()))):
        parse_key(where, text.decode())


@contextmanager
def _open(path: str) -> Iterator[IO[bytes]]:
    if path == "-" and sys.stdin is None:
        raise ConfigError("--keys - cannot be read: stdin is closed")
    try:
        if path == "-":
            yield sys.stdin.buffer
            return
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"--keys {quote(path)} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"--keys {quote(path)} cannot be read: {describe_exception(error)}") from None


class _File:
    """One file of keys."""

    def __init__(self, path: str, file: IO[bytes], find_slave: FindSlave, reviewed: bool):
        self._name = "stdin" if path == "-" else path
        self._file = file
        self._find_slave = find_slave
        self._reviewed = reviewed
        self._lines = 0
        self._slaves: dict[str, int | None] = {}
        self._unknown: dict[str, tuple[int, int]] = {}
        self._complete: bool | None = None

    def read_into(self, given: GivenKeys) -> None:
        """Add the keys of the file, and what is to be said of it."""
        self._store = given.store
        self._store.sources.append(self._name)
        for number, line in enumerate(iter(partial(self._file.readline, LONGEST_LINE + 1), b""), start=1):
            if len(line) > LONGEST_LINE:
                raise ConfigError(f"{describe_line(self._name, number)} is longer than any line of a report")
            text = line.strip()
            if number == 1:
                self._refuse_packed(text)
                text = text.removeprefix(b"\xef\xbb\xbf")
            if not text:
                continue
            if self._add_report_line(number, text):
                continue
            fields = self._parse(number, text, whole=line.endswith(b"\n"))
            if fields is None:
                break
            refuse_other_file(self._name, fields)
            if fields.keys() >= LAST_LINE and bytes(fields[COMPLETE]) in TRUTH:
                self._complete = bytes(fields[COMPLETE]) == TRUTH[0]
                continue
            self._check_and_add(number, text, fields)
        self._refuse_unknown()
        given.of_report = given.of_report or self._complete is not None
        given.notes += self._describe_end()

    def _refuse_packed(self, text: bytes) -> None:
        if text.startswith(GZIP):
            raise ConfigError(f"--keys {quote(self._name)} is compressed; unpack it first")

    def _add_report_line(self, number: int, text: bytes) -> bool:
        """Add a line that is as a report has it; return False where it is not, so that it is to be looked at closely.

        This is what millions of lines take: 2 µs each.
        """
        try:
            text.decode()  # raw values are not checked otherwise
            line = _decode_report_line(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        slave = self._place_slave(line.slave)
        if slave is None or not has_form_of_a_key(line.key):
            return False
        if self._reviewed and not _has_values(line):
            return False
        self._lines += 1
        self._store.add_key(number, slave, bytes(line.key), text if self._reviewed else b"")
        return True

    def _parse(self, number: int, text: bytes, whole: bool) -> Mapping[str, Raw] | None:
        """Return the fields of a line, None for the last line of a report that was cut short."""
        try:
            text.decode()
            return _decode_fields(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if not whole and self._lines:
                return None
            where = describe_line(self._name, number)
            raise ConfigError(f"{where} is neither a key nor a line of a report: {error}") from None

    def _check_and_add(self, number: int, text: bytes, fields: Mapping[str, Raw]) -> None:
        """Add a key, or a line that may be one of a report; raise ConfigError where it is neither."""
        where = describe_line(self._name, number)
        if self._reviewed:
            check_reviewed(where, fields)
        if not is_report_line(fields):
            _check_key(where, text, fields)
            self._store.add_key(number, None, text)
            return
        if len(fields) <= 2:  # perhaps a key whose attributes are called like parts of a report
            self._store.add_key(number, None, text)
            return
        self._lines += 1
        key = bytes(fields[KEY])
        _check_key(where, key, _decode_fields(key))
        name = slave_of(fields)
        slave = None if name is None else self._place_slave(name)
        if slave is not None:
            self._store.add_key(number, slave, key, text if self._reviewed else b"")
        elif name is None:
            check_slave(where, fields, self._find_slave)
        else:
            first, count = self._unknown.get(name, (number, 0))
            self._unknown[name] = first, count + 1

    def _place_slave(self, name: str) -> int | None:
        """Return the place of a slave among those of the store, None where it is none of this run."""
        if name not in self._slaves:
            found, known = self._find_slave(name), self._store.slaves
            if found is not None and found not in known:
                known.append(found)
            self._slaves[name] = None if found is None else known.index(found)
        return self._slaves[name]

    def _refuse_unknown(self) -> None:
        """Raise ConfigError where lines are about a table that is none of the slaves."""
        for slave, (first, count) in self._unknown.items():
            about = choose_form(count, "line is", "lines are")
            raise ConfigError(
                f"{self._name}: {count:,} {about} about {quote(slave)}, which is none of the slaves of this run; "
                f"the first is line {first:,}"
            )

    def _describe_end(self) -> Iterator[str]:
        used = "its lines are used" if self._lines else "it holds no key"
        if self._complete is False:
            yield f"{self._name} is the report of a run that was not complete; {used}"
        elif self._complete is None and self._lines:
            yield f"{self._name} has no last line of a report, so it was cut short or edited; its lines are used"
        elif self._complete and not self._lines:
            yield f"{self._name} is a report without differences: it holds no key"


def _has_values(line: _ReportLine) -> bool:
    """Return whether a line tells both sides' values, as far as its verdict takes them."""
    names = NEEDED.get(line.verdict)
    return names is not None and all(bytes(getattr(line, name)).startswith(b"{") for name in names)
