"""The keys that --key and --keys give: read from the command line and from files, checked as far as these show.

A line of a file is a key, as --starting-key takes it, or a line of a report: that is its `key`, for its `slave` only.
Which of the two a line is may depend on the names of the table's key attributes, so `plan.key_plan` settles it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.config.key_text import parse_key
from fastsync.errors import ConfigError
from fastsync.model.wording import choose_form, describe_exception, quote

KEY, SLAVE, VERDICT, COMPLETE = "key", "slave", "verdict", "complete"
MASTER, SLAVE_ITEM = "master", "slave_item"
"""Names in a line of a report."""
LONGEST_LINE = 64 << 20
"""Bytes of a line: two items of 400 KB that are all escapes take a fifth of that. A device may have no end of line."""
TRUTH = (b"true", b"false")
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_LOOKS_LIKE_VALUE = re.compile(rb'"|[-0-9]|\{\s*"[SNB]"\s*:\s*"').match
FindSlave = Callable[[str], str | None]
"""Return the name of the slave that a report calls so, as it was given to this run; None where there is none."""


class GivenKey(NamedTuple):
    """A key, or a line of a report, as it was given; `where` says on which flag or line."""

    where: str
    text: bytes

    def fields(self) -> Mapping[str, Raw]:
        """Return the parts of the JSON object, as they were written."""
        return _decode_fields(self.text)


@dataclass
class GivenKeys:
    """All keys that were given; `notes` say what is odd about files, `of_report` that a report was among them."""

    keys: list[GivenKey] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    of_report: bool = False


def read_given_keys(keys: Sequence[str], files: Sequence[str], find_slave: FindSlave, reviewed: bool) -> GivenKeys:
    """Read all keys; raise ConfigError, with file and line, for what cannot be one.

    `reviewed`: items are to be as a report tells, so every line has to be one of a report with values.
    """
    given = GivenKeys()
    for text in keys:
        parse_key("--key", text)
        given.keys.append(GivenKey("--key", text.encode()))
    for path in files:
        with _open(path) as file:
            _File(path, file, find_slave, reviewed).read_into(given)
    if not given.keys and not given.of_report:
        raise ConfigError(f"--keys {files[0]} holds no key: an empty file is no report either")
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
    needed = {b'"missing"': (MASTER,), b'"extra"': (SLAVE_ITEM,), b'"differing"': (MASTER, SLAVE_ITEM)}
    names = needed.get(bytes(fields.get(VERDICT, b"")))
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
    except (OSError, ValueError) as error:
        raise ConfigError(f"--keys {quote(path)} cannot be read: {describe_exception(error)}") from None


class _File:
    """One file of keys."""

    def __init__(self, path: str, file: IO[bytes], find_slave: FindSlave, reviewed: bool):
        self._name = "stdin" if path == "-" else path
        self._file = file
        self._find_slave = find_slave
        self._reviewed = reviewed
        self._lines = 0
        self._unknown: dict[str, list[str]] = {}
        self._complete: bool | None = None

    def read_into(self, given: GivenKeys) -> None:
        """Add the keys of the file, and what is to be said of it."""
        for number, line in enumerate(iter(partial(self._file.readline, LONGEST_LINE + 1), b""), start=1):
            if len(line) > LONGEST_LINE:
                raise ConfigError(f"{self._name}, line {number:,} is longer than any line of a report")
            text = line.strip()
            if number == 1:
                text = text.removeprefix(b"\xef\xbb\xbf")
            if not text:
                continue
            where = f"{self._name}, line {number:,}"
            fields = self._parse(where, text, whole=line.endswith(b"\n"))
            if fields is None:
                break
            if bytes(fields.get(COMPLETE, b"")) in TRUTH:
                self._complete = bytes(fields[COMPLETE]) == TRUTH[0]
                continue
            self._check(where, text, fields)
            given.keys.append(GivenKey(where, text))
        self._refuse_unknown()
        given.of_report = given.of_report or self._complete is not None
        given.notes += self._describe_end()

    def _parse(self, where: str, text: bytes, whole: bool) -> Mapping[str, Raw] | None:
        """Return the fields of a line, None for the last line of a report that was cut short."""
        try:
            text.decode()  # raw values are not checked otherwise
            return _decode_fields(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if not whole and self._lines:
                return None
            raise ConfigError(f"{where} is neither a key nor a line of a report: {error}") from None

    def _check(self, where: str, text: bytes, fields: Mapping[str, Raw]) -> None:
        if self._reviewed:
            check_reviewed(where, fields)
        if not is_report_line(fields):
            _check_key(where, text, fields)
            return
        if len(fields) <= 2:  # perhaps a key whose attributes are called like parts of a report
            return
        self._lines += 1
        _check_key(where, bytes(fields[KEY]), _decode_fields(fields[KEY]))
        slave = slave_of(fields)
        if slave is None or self._find_slave(slave) is not None:
            check_slave(where, fields, self._find_slave)
        else:
            self._unknown.setdefault(slave, []).append(where)

    def _refuse_unknown(self) -> None:
        """Raise ConfigError where lines are about a table that is none of the slaves."""
        for slave, lines in self._unknown.items():
            about = choose_form(len(lines), "line is", "lines are")
            raise ConfigError(
                f"{self._name}: {len(lines):,} {about} about {quote(slave)}, which is none of the slaves of this run; "
                f"the first is {lines[0].rpartition(', ')[2]}"
            )

    def _describe_end(self) -> Iterator[str]:
        if self._complete is False:
            yield f"{self._name} is the report of a run that was not complete; its lines are used"
        elif self._complete is None and self._lines:
            yield f"{self._name} has no last line of a report, so it was cut short or edited; its lines are used"
        elif self._complete and not self._lines:
            yield f"{self._name} is a report without differences: it holds no key"
