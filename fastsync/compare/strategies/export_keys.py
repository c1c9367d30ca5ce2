"""Look given keys up in what a pass over an export has kept, as a reader of a live table looks them up there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.model.keys import Key, KeyChunk, KeyParts, encode_key
from fastsync.model.messages.tasks import SegmentTask
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.part_files import Part, count_shares
from fastsync.spool.table import SpooledTable


class ExportReader:
    """The items that an export holds of a task's keys. `table` is its number, the master's being 0.

    `damaged`: what it does not hold may be missing from it for that reason only.
    """

    is_hungry = False

    def __init__(self, task: SegmentTask, chunk: KeyChunk, table: int, client: Client):
        parts = task.terms.key_parts
        if parts is None:
            raise ValueError("a task whose keys are in no spool")
        self.client = client
        self._packer = KeyPacker(client.keys.schema)
        spooled = SpooledTable(task.terms.spool or "", table)
        self.damaged = spooled.damaged
        self._parts: dict[int, Part] = {}
        self._rows: dict[bytes, tuple[int, int]] = {}
        for place, wanted in self._spread(chunk, parts).items():
            self._parts[place] = spooled.open_part(place, parts.total)
            self._rows.update((key, (place, row)) for key, row in _find_rows(self._parts[place], wanted))

    def look_up(self, keys: Iterable[Key]) -> SpooledAnswers:
        """Return the items of keys that are to be read."""
        return SpooledAnswers(self, keys)

    def read_items(self, keys: Iterable[Key]) -> dict[Key, Raw]:
        """Return the items of keys, of those that the export holds."""
        listed = list(keys)
        held: dict[int, dict[int, Key]] = defaultdict(dict)
        for key, packed in zip(listed, self._packer.pack(listed), strict=True):
            if packed in self._rows:
                place, row = self._rows[packed]
                held[place][row] = key
        found: dict[Key, Raw] = {}
        for place, rows in held.items():
            items = self._parts[place].read_items(list(rows))
            found.update(zip(rows.values(), map(Raw, items), strict=True))
        return found

    def _spread(self, chunk: KeyChunk, parts: KeyParts) -> Mapping[int, set[bytes]]:
        """Return the packed keys of a chunk by the part that they are in."""
        keys = self.client.keys.read_list(chunk.keys)
        spread: dict[int, set[bytes]] = defaultdict(set)
        for key, packed in zip(keys, self._packer.pack(keys), strict=True):
            spread[parts.choose_place(encode_key(key))].add(packed)
        return spread


class SpooledAnswers:
    """The items of some keys: there is nothing to wait for, and nothing is read before it is asked for."""

    arrived = True

    def __init__(self, reader: ExportReader, keys: Iterable[Key]):
        self._reader = reader
        self._keys = keys

    def wait_by_key(self) -> dict[Key, Raw]:
        """Return the items; keys of items that do not exist are not in the result."""
        return self._reader.read_items(self._keys)


def _find_rows(part: Part, wanted: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the wanted keys that a part holds, each with its row: of several the first one counts."""
    shares = count_shares([part])
    for share in range(shares):
        rows = part.load_rows(share, shares)
        for key, number in zip(reversed(rows.keys), reversed(rows.numbers), strict=True):
            if key in wanted:
                yield key, number
