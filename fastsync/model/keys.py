"""Keys, read from raw items a page at a time, in one canonical form, so that equal keys are equal objects.

A key is a frozen msgspec struct made for the table's schema: hashable, compared by value, and written back as
DynamoDB JSON. Taking the keys of a page costs about 0.5 µs per item.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from fastsync.model.digest import canonical_binary, canonical_number
from fastsync.model.table import KeySchema


class _S(msgspec.Struct, frozen=True, gc=False):
    S: str


class _N(msgspec.Struct, frozen=True, gc=False):
    N: str


class _B(msgspec.Struct, frozen=True, gc=False):
    B: str


Key = Any
"""A key struct with `hash` and, where the table has one, `range`."""
_TYPES: dict[str, Any] = {"S": _S, "N": _N, "B": _B}
_Parts = dict[str, msgspec.Raw]


ReviewedLine = tuple[int, bytes]
"""A slave's index, and a line of a report about one of its keys, with both sides' values."""


@dataclass(frozen=True)
class KeyChunk:
    """Some of the keys that a run was given, for certain slaves (their indexes).

    Either `keys` is a JSON list of `count` whole keys, or `partition` a partition key that stands for all items under
    it; both in DynamoDB JSON. `reviewed` are the lines of the report that the keys come from, where items must still be
    as these tell; None where that was not asked for.
    """

    slaves: tuple[int, ...]
    keys: bytes = b"[]"
    count: int = 0
    partition: bytes | None = None
    reviewed: tuple[ReviewedLine, ...] | None = None

    def __str__(self) -> str:
        if self.partition is not None:
            return f"the items under {self.partition.decode()}"
        first = bytes(msgspec.json.decode(self.keys, type=list[msgspec.Raw])[0]).decode()
        if self.count == 1:
            return f"the key {first}"
        return f"{self.count} keys from {first} on"


@dataclass(frozen=True)
class KeyParts:
    """How items of given keys are divided in a spool, where an export is among the tables.

    The first `places` parts hold the items of whole keys, the other `groups` those under partition keys.
    """

    places: int
    groups: int

    @property
    def total(self) -> int:
        """The number of parts."""
        return self.places + self.groups

    def choose_place(self, key: bytes) -> int:
        """Return the part of a whole key (DynamoDB JSON, canonical)."""
        return spread_key(key, self.places)

    def choose_group(self, partition: bytes) -> int:
        """Return the part of all items under a partition key (DynamoDB JSON, canonical)."""
        return self.places + spread_key(partition, self.groups)


def spread_key(key: bytes, places: int) -> int:
    """Return at which of so many places a key (DynamoDB JSON, canonical) is kept: always at the same one."""
    return zlib.crc32(key) % places


class KeyReader:
    """Read the keys of one schema; an item that lacks one, or has it in another type, is a ValidationError.

    `whose` names the table in errors. `form` is the type of each key attribute by its name, as a list of one.
    """

    def __init__(self, schema: KeySchema, whose: str = "a table"):
        self.whose = whose
        self.schema = schema
        types = (schema.hash_type, schema.range_type)
        self.form = {name: [kind] for name, kind in zip(schema.names, types, strict=False)}
        self.type = _key_type(schema)
        self._hash, self._hash_type = schema.hash, _TYPES[schema.hash_type]
        self._canonical_hash = _CANONICAL[schema.hash_type]
        self._one = msgspec.json.Decoder(self.type).decode
        self._list = msgspec.json.Decoder(list[self.type]).decode  # type: ignore[name-defined]
        self._make_canonical = _choose_canonicalizer(schema, self.type)

    def canonical(self, keys: Sequence[Key]) -> Sequence[Key]:
        """Return freshly decoded keys in their canonical form; string keys are in it already."""
        make_canonical = self._make_canonical
        if make_canonical is None:
            return keys
        return [make_canonical(key) for key in keys]

    def read_key(self, item: msgspec.Raw | bytes) -> Key:
        """Return the key of one item, or a key that was written as DynamoDB JSON."""
        return self.canonical([self._one(item)])[0]

    def read_list(self, keys: bytes) -> Sequence[Key]:
        """Return the keys of a JSON list of them: 0.2 µs a key."""
        return self.canonical(self._list(keys))

    def read_partition(self, partition: bytes) -> Any:
        """Return a partition key that was written as DynamoDB JSON, equal to the `hash` of every key under it."""
        found = msgspec.json.decode(msgspec.json.decode(partition, type=_Parts)[self._hash], type=self._hash_type)
        if self._canonical_hash is None:
            return found
        return self._canonical_hash(found)

    def read_keys(self, items: Iterable[msgspec.Raw]) -> Sequence[Key]:
        """Return the keys of many items."""
        return self.canonical(list(map(self._one, items)))


def encode_key(key: Key) -> bytes:
    """Return a key as DynamoDB JSON."""
    return msgspec.json.encode(key)


def encode_keys(keys: Iterable[Key]) -> bytes:
    """Return keys as a JSON list: 0.1 µs a key."""
    return msgspec.json.encode(keys)


@lru_cache
def _key_type(schema: KeySchema) -> Any:
    """Make the struct of a schema, one for all tables that share it: structs of two types are never equal."""
    parts: list[tuple[str, type]] = [("hash", _TYPES[schema.hash_type])]
    rename = {"hash": schema.hash}
    if schema.range is not None and schema.range_type is not None:
        parts.append(("range", _TYPES[schema.range_type]))
        rename["range"] = schema.range
    return msgspec.defstruct("Key", parts, frozen=True, gc=False, rename=rename)


def _choose_canonicalizer(schema: KeySchema, key_type: Any) -> Callable[[Key], Key] | None:
    first = _CANONICAL[schema.hash_type]
    if schema.range_type is None:
        if first is None:
            return None
        return lambda key: key_type(first(key.hash))
    second = _CANONICAL[schema.range_type]
    if first is None and second is None:
        return None
    if first is None:
        return lambda key: key_type(key.hash, second(key.range))  # type: ignore[misc]
    if second is None:
        return lambda key: key_type(first(key.hash), key.range)
    return lambda key: key_type(first(key.hash), second(key.range))


def _canonical_number_key(value: _N) -> _N:
    text = canonical_number(value.N)
    if text is value.N:
        return value
    return _N(text)


def _canonical_binary_key(value: _B) -> _B:
    return _B(canonical_binary(value.B))


_CANONICAL: dict[str, Callable[[Any], Any] | None] = {"S": None, "N": _canonical_number_key, "B": _canonical_binary_key}
