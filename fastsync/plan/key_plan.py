"""Divide the keys that a run was given into chunks that tasks work on; settle what kind of line each key came in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from fastsync.config.config import Config
from fastsync.config.given_keys import (
    KEY,
    GivenKey,
    GivenKeys,
    check_slave,
    is_report_line,
    read_given_keys,
    slave_of,
)
from fastsync.config.key_text import parse_key, typed_key
from fastsync.model.keys import Key, KeyChunk, KeyReader, ReviewedLine, encode_key
from fastsync.model.table import KeySchema
from fastsync.plan.forecast import KeyCounts
from fastsync.plan.survey import Survey

LEAST = 100
"""Keys in a chunk at least, where there are so many: one request to each table."""
MOST = 1000
"""Keys in a chunk at most, so that no process waits long for the last one."""


@dataclass(frozen=True)
class KeyPlan:
    """The chunks of a run, and how many items it goes through, 0 where nobody knows.

    `reviewed` are the lines of reports by slave and key, where items must still be as these tell, else None.
    """

    chunks: Sequence[KeyChunk]
    items: int
    reviewed: Mapping[tuple[int, Key], bytes] | None
    reader: KeyReader

    def count_keys(self, slaves: int) -> KeyCounts | None:
        """Return how many keys are looked up for so many slaves; None where a partition holds nobody knows how many."""
        if any(chunk.partition is not None for chunk in self.chunks):
            return None
        counts = [sum(len(chunk.keys) for chunk in self.chunks if slave in chunk.slaves) for slave in range(slaves)]
        return KeyCounts(sum(len(chunk.keys) for chunk in self.chunks), tuple(counts))

    def select_reviewed(self, slave: int, keys: Iterable[bytes]) -> tuple[ReviewedLine, ...] | None:
        """Return the lines about some keys (DynamoDB JSON) of a slave; None where items need not be as reported."""
        if self.reviewed is None:
            return None
        found = ((slave, self.reviewed.get((slave, self.reader.read_key(key)))) for key in keys)
        return tuple((slave, line) for slave, line in found if line is not None)


def read_keys_of(config: Config) -> GivenKeys | None:
    """Return the keys of --key and --keys, None where none were given; raise ConfigError."""
    if not config.of_keys:
        return None
    return read_given_keys(config.key, config.keys, config.find_slave, config.if_unchanged)


def plan_keys_of(config: Config, given: GivenKeys, found: Survey) -> KeyPlan:
    """Return how the keys are divided for tables that were described; raise ConfigError where a key is none of theirs.

    Keys of slaves that cannot be compared are left out.
    """
    wanted = _Wanted(found.master.table.keys, [str(side) for side in found.slaves], config)
    for key in given.keys:
        wanted.add_key(key)
    return wanted.make_plan(config.parallel)


class _Wanted:
    """The keys that are wanted, each with its slaves as the bits of a number, so that every key is read once."""

    def __init__(self, schema: KeySchema, slaves: Sequence[str], config: Config):
        self._schema = schema
        self._hash_only = replace(schema, range=None, range_type=None)
        self._reader = KeyReader(schema)
        self._slaves = {name: 1 << place for place, name in enumerate(slaves)}
        self._all = (1 << len(slaves)) - 1
        self._find_slave = config.find_slave
        self._reviewed = config.if_unchanged
        self._keys: dict[Key, int] = {}
        self._partitions: dict[Any, int] = {}
        self._lines: dict[tuple[int, Key], bytes] = {}

    def add_key(self, given: GivenKey) -> None:
        """Add a key; raise ConfigError where the tables have no such key."""
        fields = given.fields()
        if is_report_line(fields) and set(fields) != set(self._schema.names):
            self._add_line(given, bytes(fields[KEY]), slave_of(fields))
            return
        parsed = parse_key(given.where, given.text.decode())
        if self._schema.range is not None and set(parsed) == {self._schema.hash}:
            typed = typed_key(given.where, parsed, self._hash_only)
            partition = self._reader.read_partition(typed)
            self._partitions[partition] = self._all
        else:
            self._keys[self._reader.read_key(typed_key(given.where, parsed, self._schema))] = self._all

    def _add_line(self, given: GivenKey, text: bytes, slave: str | None) -> None:
        key = self._reader.read_key(typed_key(given.where, parse_key(given.where, text.decode()), self._schema))
        name = None if slave is None else self._find_slave(slave)
        if name is None:
            check_slave(given.where, given.fields(), self._find_slave)
        bit = self._slaves.get(str(name), 0)  # none: the slave cannot be compared, which is an error by itself
        self._keys[key] = self._keys.get(key, 0) | bit
        if self._reviewed and bit:
            self._lines[bit.bit_length() - 1, key] = given.text

    def make_plan(self, parallel: int) -> KeyPlan:
        """Return the chunks: partitions first, since nobody knows how many items each of them holds."""
        chunks = [
            KeyChunk(_places(slaves), partition=msgspec.json.encode({self._schema.hash: partition}))
            for partition, slaves in self._partitions.items()
        ]
        groups: dict[int, list[Key]] = {}
        for key, slaves in self._keys.items():
            left = slaves & ~self._partitions.get(key.hash, 0)
            if left:
                groups.setdefault(left, []).append(key)
        for slaves, keys in groups.items():
            size = max(LEAST, min(MOST, math.ceil(len(keys) / parallel)))
            chunks += [self._make_chunk(slaves, keys[start : start + size]) for start in range(0, len(keys), size)]
        items = 0 if self._partitions else sum(map(len, groups.values()))
        return KeyPlan(chunks, items, self._lines if self._reviewed else None, self._reader)

    def _make_chunk(self, slaves: int, keys: Sequence[Key]) -> KeyChunk:
        places = _places(slaves)
        reviewed: tuple[ReviewedLine, ...] | None = None
        if self._reviewed:
            reviewed = tuple((place, self._lines[place, key]) for key in keys for place in places)
        return KeyChunk(places, keys=tuple(map(encode_key, keys)), reviewed=reviewed)


def _places(slaves: int) -> tuple[int, ...]:
    return tuple(place for place in range(slaves.bit_length()) if slaves >> place & 1)
