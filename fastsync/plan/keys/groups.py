"""Group keys by the slaves that they are wanted for, each key once, in little more memory than their texts take.

Keys are divided by a checksum, so that equal ones come to lie together, and only one part is in a dictionary at a time.
So are neighbours: their items, which may all be large, or in one partition of the table, come at different times.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from fastsync.config.keys.store import Span
from fastsync.model.keys import spread_key

PER_PART = 1000
"""Keys in a part, so that few keys stay in their order, and millions are well mixed."""
NO_LINE: Span = (0, 0)
Spans: TypeAlias = "array[int]"
"""Spans one after the other, as two numbers each: 16 bytes a span."""


class _Part:
    """Keys, one a line: JSON without breaks. `spans` are those of their lines in a report."""

    def __init__(self) -> None:
        self._keys = bytearray()
        self.spans = array("Q")

    def add_key(self, key: bytes) -> None:
        self._keys += key
        self._keys += b"\n"

    def split_keys(self) -> Sequence[bytes]:
        return bytes(self._keys).split(b"\n")[:-1]

    def pair_spans(self) -> Iterator[Span]:
        return zip(self.spans[::2], self.spans[1::2], strict=True)


class KeyGroups:
    """About `count` keys in canonical form, wanted for slaves that are given as the bits of a number.

    `counts` says, after `merge`, how many keys there are for each such number. Keys come in the order of their places,
    of which there are so many: see `spread_key`.
    """

    def __init__(self, count: int):
        self.counts: dict[int, int] = {}
        self.places = count // PER_PART + 1
        self._parts: dict[int, list[_Part | None]] = defaultdict(lambda: [None] * self.places)

    def add_key(self, slaves: int, key: bytes, span: Span = NO_LINE) -> None:
        """Add a key for some slaves; `span` says where the line of a report is, if it has to be read again."""
        parts, place = self._parts[slaves], spread_key(key, self.places)
        part = parts[place]
        if part is None:
            part = parts[place] = _Part()
        part.add_key(key)
        if span[1]:
            part.spans.extend(span)

    def merge(self, is_covered: Callable[[bytes], bool] | None) -> None:
        """Have every key once, for all slaves that it was added for; leave out those that are covered otherwise."""
        given, self._parts = self._parts, defaultdict(lambda: [None] * self.places)
        for place in range(self.places):
            slaves_of, lines = _merge_part({slaves: parts[place] for slaves, parts in given.items()})
            for parts in given.values():
                parts[place] = None
            for key, slaves in slaves_of.items():
                if is_covered is None or not is_covered(key):
                    self.counts[slaves] = self.counts.get(slaves, 0) + 1
                    self._add_merged(place, slaves, key, lines)

    def _add_merged(self, place: int, slaves: int, key: bytes, lines: dict[tuple[int, bytes], Span]) -> None:
        part = self._parts[slaves][place]
        if part is None:
            part = self._parts[slaves][place] = _Part()
        part.add_key(key)
        if lines:
            for slave in _split_bits(slaves):
                part.spans.extend(lines[slave, key])

    def take_chunks(self, slaves: int, most: int, most_bytes: int) -> Iterator[tuple[Sequence[bytes], Spans]]:
        """Yield the keys for these slaves, up to `most` of them and about `most_bytes` of their lines together.

        With the keys come the spans of their lines: for each key one of each slave. What was yielded is gone from here.
        """
        keys: list[bytes] = []
        spans = array("Q")
        size = 0
        for key, its_spans in self._take_keys(slaves):
            keys.append(key)
            spans.extend(its_spans)
            size += sum(its_spans[1::2])
            if len(keys) == most or size >= most_bytes:
                yield keys, spans
                keys, spans, size = [], array("Q"), 0
        if keys:
            yield keys, spans

    def _take_keys(self, slaves: int) -> Iterator[tuple[bytes, Spans]]:
        each = 2 * slaves.bit_count()
        parts = self._parts.pop(slaves)
        for place, part in enumerate(parts):
            if part is None:
                continue
            parts[place] = None
            spans = part.spans
            for number, key in enumerate(part.split_keys()):
                yield key, spans[number * each : (number + 1) * each]


def _merge_part(given: dict[int, _Part | None]) -> tuple[dict[bytes, int], dict[tuple[int, bytes], Span]]:
    """Return the slaves of each key, and its last line for each of them (given as its bit)."""
    slaves_of: dict[bytes, int] = {}
    lines: dict[tuple[int, bytes], Span] = {}
    for slaves, part in given.items():
        if part is None:
            continue
        keys = part.split_keys()
        for key in keys:
            slaves_of[key] = slaves_of.get(key, 0) | slaves
        if part.spans:  # each for one slave
            lines.update(zip(((slaves, key) for key in keys), part.pair_spans(), strict=True))
    return slaves_of, lines


def _split_bits(slaves: int) -> Iterator[int]:
    return (1 << place for place in range(slaves.bit_length()) if slaves >> place & 1)
