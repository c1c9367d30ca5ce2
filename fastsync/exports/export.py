"""What an export holds, as far as its listing and its manifest tell. Frozen values, which workers get, too."""

from __future__ import annotations

from dataclasses import dataclass

from fastsync.exports.place import Place
from fastsync.exports.storage import StoredFile


@dataclass(frozen=True)
class ExportFile:
    """A data file. `name` is how people know it.

    `items` is how many the manifest says that it holds, `md5` the 16 bytes of the digest of the stored bytes that the
    manifest tells; None where there is no manifest.
    """

    name: str
    stored: StoredFile
    items: int | None = None
    md5: bytes | None = None

    @property
    def size_bytes(self) -> int:
        """The bytes of the file, compressed as it is."""
        return self.stored.size_bytes

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Export:
    """A full export of a table.

    `files` are those that can be read. `faults` are sentences about what is known to be damaged before any file is
    read: a file that the manifest names and nobody has, counts that disagree; such an export is never complete.
    `notes` are sentences about what a person should know, which are no damage.

    `identity` is equal for one export that is given twice. `item_count` is None where there is no manifest, `table_arn`
    and `export_arn` where the manifest does not tell them. `item_bytes` is how large the table was, as the manifest
    has it, None where it does not say.
    """

    place: Place
    files: tuple[ExportFile, ...]
    identity: tuple[str, ...]
    item_count: int | None = None
    item_bytes: int | None = None
    table_arn: str | None = None
    export_arn: str | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The export as the user gave it, which is its name in reports."""
        return self.place.text

    @property
    def size_bytes(self) -> int:
        """The bytes of all files, compressed as they are."""
        return sum(file.size_bytes for file in self.files)

    def __str__(self) -> str:
        return self.text
