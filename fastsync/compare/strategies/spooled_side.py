"""What the spool holds of one table in one part, and the table itself where it is live."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from msgspec import Raw

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.compare.screen import Screen
from fastsync.model.keys import Key, KeyReader
from fastsync.model.messages.tasks import SegmentTask
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.part_files import Keyed, Part
from fastsync.spool.table import SpooledTable


class SpooledSide:
    """One table's part. `digests` are those of the items by packed key, of the `rows` of the share that is loaded.

    `damaged`: it is an export of which something could not be read, so nothing is known of what it lacks.
    """

    def __init__(self, task: SegmentTask, number: int, reader: BatchReader):
        spooled = SpooledTable(task.terms.spool or "", number)
        side = task.terms.tables[number]
        self.is_export = side.is_export
        self.damaged = spooled.damaged
        number, total, self._prefix = _locate_rows(task)
        self.part: Part = spooled.open_part(number, total)
        self.rows = 0
        self.digests: dict[bytes, bytes] = {}
        self._loaded = Keyed([], [], [])
        self._numbers: dict[bytes, int] = {}
        self._reader = reader
        self._item_bytes = side.table.item_bytes

    @property
    def average_bytes(self) -> float:
        """The bytes of an item, as far as is known."""
        if self.is_export:
            return self.part.item_bytes / max(1, len(self.part))
        return self._item_bytes or 0.0

    def load(self, share: int, of: int) -> None:
        """Load a share of the part. Of rows with one key the first one counts."""
        self.digests, self._numbers, self._loaded = {}, {}, Keyed([], [], [])  # first: two shares at once are too much
        rows = self.part.load_rows(share, of)
        if self._prefix:
            rows = rows.select([key.startswith(self._prefix) for key in rows.keys])
        self._loaded, self.rows = rows, len(rows.keys)
        self.digests = dict(zip(reversed(rows.keys), reversed(rows.digests), strict=True))

    def may_tell(self, key: bytes) -> bool:
        """Return whether it is known if the table has an item of this key."""
        return not self.damaged or key in self.digests

    def count_told(self, packed: Collection[bytes]) -> int:
        """Return of how many keys it is known if the table has an item."""
        if not self.damaged:
            return len(packed)
        return sum(map(self.digests.__contains__, packed))

    def read_forms(self, packed: Sequence[bytes], screen: Screen) -> Sequence[bytes | None]:
        """Return the digests of the items' canonical forms, None where there is none."""
        if self.is_export:
            return screen.form(self._read_spooled(packed))
        return self.part.read_forms(self._find_numbers(packed))

    def read_items(self, packed: Sequence[bytes], packer: KeyPacker) -> Mapping[bytes, Raw]:
        """Return the items of keys: an export's from the spool, a live table's as they are now, where they are."""
        if self.is_export:
            return dict(zip(packed, self._read_spooled(packed), strict=True))
        names: Mapping[Key, bytes] = dict(zip(packer.unpack(packed), packed, strict=True))
        return {names[key]: item for key, item in self._reader.look_up(names).wait_by_key().items()}

    def read_kept(self, packed: Sequence[bytes], packer: KeyPacker) -> list[Raw]:
        """Return what the spool holds of items: of a live table the key, and its TTL attribute where that counts."""
        if self.part.item_bytes:
            return self._read_spooled(packed)
        return [Raw(packer.as_json(key)) for key in packed]

    def _read_spooled(self, packed: Sequence[bytes]) -> list[Raw]:
        return list(map(Raw, self.part.read_items(self._find_numbers(packed))))

    def _find_numbers(self, packed: Sequence[bytes]) -> list[int]:
        """Return the numbers of rows in the part; all of them are sought out once something differs."""
        if packed and not self._numbers:
            rows = self._loaded
            self._numbers = dict(zip(reversed(rows.keys), reversed(rows.numbers), strict=True))
        return [self._numbers[key] for key in packed]


def _locate_rows(task: SegmentTask) -> tuple[int, int, bytes]:
    """Return the part in which a task's rows are, of how many, and with what their packed keys begin."""
    chunk, parts = task.chunk, task.terms.key_parts
    if chunk is None or chunk.partition is None or parts is None:
        return task.number, task.total, b""
    schema = task.terms.master.table.keys
    hash_key = KeyReader(replace(schema, range=None, range_type=None)).read_key(chunk.partition)
    return parts.choose_group(chunk.partition), parts.total, KeyPacker(schema).pack_start(hash_key)
