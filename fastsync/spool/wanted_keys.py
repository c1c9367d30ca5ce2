"""Which keys a run was given, told to all processes by some bits a key, so that a pass over an export keeps only these.

A few other keys pass, too: whoever reads what was kept looks at the keys again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts
from fastsync.model.keys import Key, KeyParts, encode_key
from fastsync.model.table import KeySchema
from fastsync.spool.packed_keys import KeyPacker

PER_KEY = 64
"""Bits for each key: of the others one in so many passes."""
FEWEST, MOST = 1 << 23, 1 << 28
"""Bits in all, 1 MB at least and 32 MB at most: with ten million keys one in 27 of the others passes."""
_SEED = 2
"""Another seed than those of parts and shares."""
_NAME = "wanted"


def write_wanted(folder: str, packed: Iterable[bytes], count: int) -> None:
    """Note about `count` packed keys, and packed partition keys, that are wanted; raise OutputFailed."""
    size = max(FEWEST, min(MOST, PER_KEY * count)) // 8
    bits = bytearray(size)
    for number in choose_parts(packed, 8 * size, _SEED):
        bits[number >> 3] |= 1 << (number & 7)
    try:
        (Path(folder) / _NAME).write_bytes(bits)
    except OSError as error:
        raise OutputFailed(f"the spool in {folder} cannot be written: {error.strerror}; see --spool") from None


class WantedKeys:
    """Choose the items of given keys, and the part of each; a batch at a time, 0.3 µs an item."""

    def __init__(self, folder: str, parts: KeyParts, schema: KeySchema):
        with (Path(folder) / _NAME).open("rb") as file:
            self._bits = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._parts = parts
        self._hash = schema.hash
        self._partitions = make_partition_packer(schema)

    def choose(self, keys: Sequence[Key], packed: Sequence[bytes]) -> tuple[list[int], list[int]]:
        """Return the places of the keys that are wanted, and their parts: one may be wanted twice."""
        choose_place, choose_group = self._parts.choose_place, self._parts.choose_group
        places = self._find(packed)
        parts = [choose_place(encode_key(keys[place])) for place in places]
        if self._parts.groups:
            under = self._find(self._partitions.pack(keys))
            places += under
            parts += [choose_group(msgspec.json.encode({self._hash: keys[place].hash})) for place in under]
        return places, parts

    def _find(self, packed: Sequence[bytes]) -> list[int]:
        bits = self._bits
        numbers = choose_parts(packed, 8 * len(bits), _SEED)
        return [place for place, number in enumerate(numbers) if bits[number >> 3] >> (number & 7) & 1]


def make_partition_packer(schema: KeySchema) -> KeyPacker:
    """Return what packs the partition keys of keys alone."""
    return KeyPacker(replace(schema, range=None, range_type=None))
