"""What the spool holds of one table: the files of all tasks that have read it, and whether damage was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from fastsync.errors import OutputFailed
from fastsync.spool.part_files import Part, is_written
from fastsync.spool.part_writer import PartWriter


class Source(NamedTuple):
    """What one task reads: the name of its file in the spool, and what people call it."""

    name: str
    shown: str


_read_sources = msgspec.json.Decoder(list[Source]).decode


class SpooledTable:
    """A table of the run by its number, the master's being 0, in a folder that all processes share.

    `damaged`: something of the table could not be read, so that nothing is known of what it lacks.
    """

    def __init__(self, folder: str, number: int):
        self._folder = Path(folder)
        self._number = number

    @classmethod
    def begin(cls, folder: str, number: int, shown: Sequence[str]) -> SpooledTable:
        """Note what the tasks of a table read, in order; raise OutputFailed.

        Where an earlier run has begun it, what it has not finished is begun anew.
        """
        table = cls(folder, number)
        sources = [Source(f"{number}-{place}", each) for place, each in enumerate(shown)]
        try:
            for source in sources:
                if not is_written(table._folder, source.name):
                    (table._folder / source.name).unlink(missing_ok=True)
            table._list.write_bytes(msgspec.json.encode(sources))
        except OSError as error:
            raise OutputFailed(f"the spool in {folder} cannot be written: {error.strerror}; see --spool") from None
        return table

    @property
    def sources(self) -> list[Source]:
        """What its tasks read, in order."""
        return _read_sources(self._list.read_bytes())

    @property
    def is_whole(self) -> bool:
        """Whether every task has come to its end, be it that it found damage."""
        return self._list.exists() and all(is_written(self._folder, source.name) for source in self.sources)

    def find_done(self) -> set[int]:
        """Return which tasks have come to their end."""
        return {place for place, source in enumerate(self.sources) if is_written(self._folder, source.name)}

    @property
    def damaged(self) -> bool:
        """Whether damage was found."""
        return self._mark.exists()

    def mark_damaged(self) -> None:
        """Note that damage was found."""
        self._mark.touch()

    @property
    def holds_items(self) -> bool:
        """Whether items were seen that the run would compare, were their keys among those that it was given."""
        return self._seen.exists()

    def mark_holding(self) -> None:
        """Note that such an item was seen."""
        self._seen.touch()

    def open_writer(self, source: int, parts: int) -> PartWriter:
        """Return the writer of one task."""
        return PartWriter(self._folder, self.sources[source].name, parts)

    def open_part(self, number: int, parts: int) -> Part:
        """Return a part, as all tasks have written it."""
        return Part(self._folder, [source.name for source in self.sources], number, parts)

    def open_finished(self, number: int, parts: int) -> Part:
        """Return a part, as far as tasks that have come to their end have written it."""
        names = [source.name for source in self.sources if is_written(self._folder, source.name)]
        return Part(self._folder, names, number, parts)

    @property
    def _list(self) -> Path:
        return self._folder / f"{self._number}.sources"

    @property
    def _seen(self) -> Path:
        return self._folder / f"{self._number}.seen"

    @property
    def _mark(self) -> Path:
        return self._folder / f"{self._number}.damaged"
