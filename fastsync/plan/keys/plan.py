"""Divide the keys that a run was given into chunks that tasks work on; settle what kind of line each key came in."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import msgspec

from fastsync.config.config import Config
from fastsync.config.key_text import parse_key, typed_key
from fastsync.config.keys.form import compile_form
from fastsync.config.keys.given import KEY, GivenKeys, check_slave, is_report_line, read_given_keys, slave_of
from fastsync.config.keys.store import GivenKey, KeyStore, Span
from fastsync.model.keys import KeyChunk, KeyParts, KeyReader, ReviewedLine, encode_key
from fastsync.model.table import KeySchema
from fastsync.plan.forecast import KeyCounts
from fastsync.plan.keys.groups import KeyGroups, Spans
from fastsync.plan.survey import Survey
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.wanted_keys import make_partition_packer

LEAST = 100
"""Keys in a chunk at least, where there are so many: one request to each table."""
MOST = 10_000
"""Keys in a chunk at most: a second's work, so that no process waits long for the last one."""
LINE_BYTES = 16 << 20
"""Bytes of a chunk's reviewed lines from which on it takes no more keys: they cross to the worker with it."""
MOST_GROUPS = 1000
"""Groups of partition keys whose items lie together in a spool."""


class _Verdict(msgspec.Struct):
    verdict: str


@dataclass(frozen=True)
class KeyPlan:
    """The chunks of a run, and how many items it goes through, 0 where nobody knows.

    spans: for each chunk, where its reviewed lines are in `store`, key by key and slave by slave; None where items need
        not be as any line tells.
    extras: where the lines about extras that may be deleted are, by slave and key.
    places: at how many places keys are kept; chunks go from the first one to the last.
    """

    chunks: Sequence[KeyChunk]
    items: int
    store: KeyStore
    reader: KeyReader
    spans: Sequence[Spans] | None
    extras: Mapping[tuple[int, bytes], Span]
    places: int

    @property
    def parts(self) -> KeyParts:
        """How a spool of these keys is divided: chunks, which follow the places, each need few parts."""
        partitions = sum(chunk.partition is not None for chunk in self.chunks)
        return KeyParts(self.places, min(partitions, MOST_GROUPS))

    def open_chunk(self, number: int) -> KeyChunk:
        """Return a chunk, with the lines that its items must still be as, where there are any."""
        chunk = self.chunks[number]
        if self.spans is None or chunk.partition is not None:
            return chunk
        spans = self.spans[number]
        pairs = zip(spans[::2], spans[1::2], strict=True)
        return replace(chunk, reviewed=tuple(map(self._read_line, cycle(chunk.slaves), pairs)))

    def pack_keys(self) -> Iterator[bytes]:
        """Yield all keys, packed as a spool has them; a partition key as one that has no sort key."""
        schema = self.reader.schema
        whole, partition = KeyPacker(schema), make_partition_packer(schema)
        of_partition = KeyReader(replace(schema, range=None, range_type=None))
        for chunk in self.chunks:
            if chunk.partition is not None:
                yield from partition.pack([of_partition.read_key(chunk.partition)])
            else:
                yield from whole.pack(self.reader.read_list(chunk.keys))

    def group_partitions(self, parts: KeyParts) -> list[tuple[bytes, ...]]:
        """Return the partition keys, of each part together."""
        groups: dict[int, list[bytes]] = defaultdict(list)
        for chunk in self.chunks:
            if chunk.partition is not None:
                groups[parts.choose_group(chunk.partition)].append(chunk.partition)
        return [tuple(groups[part]) for part in sorted(groups)]

    def count_keys(self, slaves: int) -> KeyCounts | None:
        """Return how many keys are looked up for so many slaves; None where a partition holds nobody knows how many."""
        if any(chunk.partition is not None for chunk in self.chunks):
            return None
        counts = [sum(chunk.count for chunk in self.chunks if slave in chunk.slaves) for slave in range(slaves)]
        return KeyCounts(sum(chunk.count for chunk in self.chunks), tuple(counts))

    def select_reviewed(self, slave: int, keys: Iterable[bytes]) -> tuple[ReviewedLine, ...] | None:
        """Return the lines about some extras (DynamoDB JSON) of a slave; None where they need not be as reported."""
        if self.spans is None:
            return None
        found = (self.extras.get((slave, encode_key(self.reader.read_key(key)))) for key in keys)
        return tuple(self._read_line(slave, span) for span in found if span is not None)

    def _read_line(self, slave: int, span: Span) -> ReviewedLine:
        return slave, self.store.read_line(span)


def read_keys_of(config: Config) -> GivenKeys | None:
    """Return the keys of --key and --keys, None where none were given; raise ConfigError."""
    if not config.of_keys:
        return None
    return read_given_keys(config.key, config.keys, config.find_slave, config.if_unchanged)


def plan_keys_of(config: Config, given: GivenKeys, found: Survey) -> KeyPlan:
    """Return how the keys are divided for tables that were described; raise ConfigError where a key is none of theirs.

    Keys of slaves that cannot be compared are left out.
    """
    wanted = _Wanted(found.master.table.keys, [str(side) for side in found.slaves], config, given.store)
    for key in given.store.read_keys():
        wanted.add_key(key)
    return wanted.make_plan(config.processes)


class _Wanted:
    """The keys that are wanted, each with its slaves as the bits of a number, so that every key is read once."""

    def __init__(self, schema: KeySchema, slaves: Sequence[str], config: Config, store: KeyStore):
        self._schema = schema
        self._hash_only = replace(schema, range=None, range_type=None)
        self._has_form = compile_form(schema)
        self._reader = KeyReader(schema)
        self._store = store
        self._config = config
        self._slaves = {name: 1 << place for place, name in enumerate(slaves)}
        self._all = (1 << len(slaves)) - 1
        # none: the slave cannot be compared, which is an error by itself
        self._bits = [self._slaves.get(name, 0) for name in store.slaves]
        self._keys = KeyGroups(store.count)
        self._partitions: set[Any] = set()
        self._extras: dict[tuple[int, bytes], Span] = {}

    def add_key(self, given: GivenKey) -> None:
        """Add a key; raise ConfigError where the tables have no such key."""
        if given.slave is not None:
            self._add_for(self._bits[given.slave], self._read_key(given, given.text), given)
        elif self._has_form(given.text):
            self._keys.add_key(self._all, self._read_key(given, given.text))
        else:
            self._add_undecided(given)

    def _add_undecided(self, given: GivenKey) -> None:
        """Add a key, all items under a partition key, or a line of a report that could be taken for a key."""
        where, fields = self._store.describe_place(given), given.fields()
        if is_report_line(fields) and set(fields) != set(self._schema.names):
            check_slave(where, fields, self._config.find_slave)
            name = self._config.find_slave(slave_of(fields) or "")
            self._add_for(self._slaves.get(str(name), 0), self._read_key(given, bytes(fields[KEY])), given)
            return
        parsed = parse_key(where, given.text.decode())
        if self._schema.range is not None and set(parsed) == {self._schema.hash}:
            self._partitions.add(self._reader.read_partition(typed_key(where, parsed, self._hash_only)))
        else:
            self._keys.add_key(self._all, self._read_key(given, given.text))

    def _read_key(self, given: GivenKey, text: bytes) -> bytes:
        """Return a key in its canonical form."""
        if not self._has_form(text):
            where = self._store.describe_place(given)
            text = typed_key(where, parse_key(where, text.decode()), self._schema)
        return encode_key(self._reader.read_key(text))

    def _add_for(self, slave: int, key: bytes, given: GivenKey) -> None:
        """Add a key for one slave, given as its bit; 0 where that slave is not compared."""
        if not slave:
            return
        self._keys.add_key(slave, key, given.span)
        if not self._config.if_unchanged or not self._config.repairing.delete_extra:
            return
        if msgspec.json.decode(self._store.read_line(given.span), type=_Verdict).verdict == "extra":
            self._extras[slave.bit_length() - 1, key] = given.span

    def make_plan(self, parallel: int) -> KeyPlan:
        """Return the chunks: partitions first, since nobody knows how many items each of them holds."""
        everyone = _places(self._all)
        chunks = [
            KeyChunk(everyone, partition=msgspec.json.encode({self._schema.hash: partition}))
            for partition in self._partitions
        ]
        spans: list[Spans] = [array("Q")] * len(chunks)
        self._keys.merge(self._is_covered if self._partitions else None)
        for slaves, count in self._keys.counts.items():
            size = max(LEAST, min(MOST, math.ceil(count / parallel)))
            for keys, of_lines in self._keys.take_chunks(slaves, size, LINE_BYTES):
                chunks.append(KeyChunk(_places(slaves), keys=b"[%b]" % b",".join(keys), count=len(keys)))
                spans.append(of_lines)
        return KeyPlan(
            chunks,
            items=0 if self._partitions else sum(chunk.count for chunk in chunks),
            store=self._store,
            reader=self._reader,
            spans=spans if self._config.if_unchanged else None,
            extras=self._extras,
            places=self._keys.places,
        )

    def _is_covered(self, key: bytes) -> bool:
        """Return whether a partition key stands for a key, too."""
        return self._reader.read_key(key).hash in self._partitions


def _places(slaves: int) -> tuple[int, ...]:
    return tuple(place for place in range(slaves.bit_length()) if slaves >> place & 1)
