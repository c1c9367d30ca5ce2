"""Reports as CSV for a spreadsheet: a row for each path that differs, and one for each item that one side lacks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice

from fastsync.model.difference import Verdict
from fastsync.model.items.changes import Change, holds
from fastsync.model.items.paths import format_path
from fastsync.output.differences.block import ShownDifference
from fastsync.output.differences.characters import escape
from fastsync.output.differences.values import describe_key, describe_value, describe_values, is_number

HEADER = ("slave", "verdict", "key", "path", "master", "slave_item", "action", "error")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet takes for a formula (OWASP, CSV Injection)."""
_TAKEN_FOR_OTHERS = ("true", "false", "null", "")


def format_rows(differences: Iterable[ShownDifference], limit: int | None, *, full: bool) -> Iterator[str]:
    """Yield the lines of the table, its header first: those of `limit` differences at most."""
    yield _format_row(HEADER)
    for difference in islice(differences, limit):
        for cells in _list_rows(difference, full):
            yield _format_row(cells)


def _list_rows(shown: ShownDifference, full: bool) -> Iterator[tuple[str, ...]]:
    before = (_defuse(shown.slave), shown.verdict.value, _defuse(describe_key(shown.key)))
    after = (_defuse(shown.action), _defuse(shown.error or ""))
    for path, slave, master in _list_changes(shown):
        described = ("", "")
        if slave is not None and master is not None:
            described = describe_values(slave, master, full=full)
        texts = _write_cell(master, described[1], full), _write_cell(slave, described[0], full)
        yield (*before, _defuse(path), *texts, *after)


def _list_changes(shown: ShownDifference) -> Iterator[tuple[str, object, object]]:
    """Yield path, slave's value and master's value of each row."""
    if shown.verdict is not Verdict.DIFFERING:
        yield "", _as_map(shown.slave_item), _as_map(shown.master)
    elif shown.lacks_values:
        yield from ((format_path((name,)), None, None) for name in shown.attributes)
    else:
        yield from (_split(change) for change in shown.list_changes())


def _split(change: Change) -> tuple[str, object, object]:
    return format_path(change.path), change.slave, change.master


def _as_map(item: object) -> object:
    return None if item is None else {"M": item}


def _write_cell(value: object, described: str, full: bool) -> str:
    """Return a value as the text of a cell: strings without quotes, where nobody takes them for anything else."""
    if value is None:
        return ""
    text = described or describe_value(value, full=full)
    if holds(value, "N", str) and is_number(text):
        return text
    if holds(value, "S", str):
        plain = str(value["S"])  # type: ignore[index]
        if text.endswith('"') and _is_plain(plain):
            return _defuse(plain)
    return _defuse(text)


def _is_plain(text: str) -> bool:
    """Return whether a string is never taken for a number, another value, or a string in quotes."""
    if text in _TAKEN_FOR_OTHERS or text.startswith(("{", "[", "<", '"')):
        return False
    return text.startswith(FORMULA) or not is_number(text)


def _defuse(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and in which every character can be seen."""
    return f"'{escape(text)}" if text.startswith(FORMULA) else escape(text)


def _format_row(cells: Iterable[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()
