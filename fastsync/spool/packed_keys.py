"""Keys as few bytes: their values alone, without the names and types that the schema tells."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from fastsync.model.keys import Key, KeyReader
from fastsync.model.table import KeySchema

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class KeyPacker:
    """Pack canonical keys of one schema: equal keys have equal bytes. About 0.2 µs a key."""

    def __init__(self, schema: KeySchema):
        fields = [f"{part}.{kind}" for part, kind in zip(("hash", "range"), schema.types, strict=False)]
        self._fields = fields
        self._values = attrgetter(*fields)
        self._forms = list(zip(schema.names, schema.types, strict=True))
        self._reader = KeyReader(schema)

    def pack(self, keys: Sequence[Key]) -> list[bytes]:
        """Return the bytes of keys."""
        return list(map(_encode, map(self._values, keys)))

    def pack_start(self, partition: Key) -> bytes:
        """Return what the bytes of all keys with a sort key begin with under a partition key; only its `hash` counts.

        That is the head of a list of two (MessagePack, "array format family"), and its first value.
        """
        return b"\x92" + _encode(attrgetter(self._fields[0])(partition))

    def unpack(self, packed: Sequence[bytes]) -> list[Key]:
        """Return the keys that were packed."""
        return [self._reader.read_key(self.as_json(each)) for each in packed]

    def as_json(self, packed: bytes) -> bytes:
        """Return a key as DynamoDB JSON."""
        values = _decode(packed)
        if len(self._forms) == 1:
            values = [values]
        return msgspec.json.encode(
            {name: {kind: value} for (name, kind), value in zip(self._forms, values, strict=True)}
        )
