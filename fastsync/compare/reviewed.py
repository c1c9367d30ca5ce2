"""Whether items still are as a report tells that somebody has reviewed: what has changed since is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from fastsync.compare.pairs import Suspect
from fastsync.model.difference import Verdict
from fastsync.model.digest import Digester
from fastsync.model.keys import KeyReader, ReviewedLine

Attributes = Mapping[str, Raw]


class _Line(msgspec.Struct):
    verdict: str
    key: Raw
    master: dict[str, Raw] | None = None
    slave_item: dict[str, Raw] | None = None


class Reviewed:
    """The lines of a report by slave and key. Values are compared as ever, without ignored attributes."""

    def __init__(self, lines: Iterable[ReviewedLine], keys: KeyReader, digester: Digester):
        self._digester = digester
        self._lines = {}
        for slave, text in lines:
            line = msgspec.json.decode(text, type=_Line)
            self._lines[slave, keys.read_key(line.key)] = line

    def is_unchanged(self, suspect: Suspect) -> bool:
        """Return whether a suspect has the verdict of its line, in the same attributes, with the same values."""
        line = self._lines.get((suspect.slave, suspect.key))
        if line is None:
            return False
        if suspect.slave_item is None:
            return line.verdict == Verdict.MISSING and self._are_equal(suspect.master_item, line.master)
        if suspect.master_item is None:
            return line.verdict == Verdict.EXTRA and self._are_equal(suspect.slave_item, line.slave_item)
        return line.verdict == Verdict.DIFFERING and self._differ_alike(suspect, line)

    def _differ_alike(self, suspect: Suspect, line: _Line) -> bool:
        names = self._digester.find_differing(_encode(line.master), _encode(line.slave_item))
        if names != suspect.attributes:
            return False
        sides = ((suspect.master_item, line.master), (suspect.slave_item, line.slave_item))
        return all(self._are_equal(_select(now, names), _select(_encode(told), names)) for now, told in sides)

    def _are_equal(self, now: Raw | None, told: Attributes | Raw | None) -> bool:
        if now is None or told is None:
            return False
        return self._digester.find_differing(now, _encode(told)) == ()


def _select(item: Raw | None, names: Iterable[str]) -> Raw:
    """Return an item with these attributes only."""
    found = {} if item is None else msgspec.json.decode(item, type=dict[str, Raw])
    return Raw(msgspec.json.encode({name: found[name] for name in names if name in found}))


def _encode(item: Attributes | Raw | None) -> Raw:
    if isinstance(item, Raw):
        return item
    return Raw(msgspec.json.encode(item or {}))
