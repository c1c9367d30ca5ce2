"""A report in numbered parts, written by many machines; each part is there whole or not at all.

A task writes the part of its own differences. What only the parent knows comes in further parts, and the line that ends
the report in the last one: read in the order of their numbers, the parts are the file that another run would write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.messages.events import PageDone
from fastsync.output.durable import FILE_START, FilePosition
from fastsync.output.report_line import ReportLines, format_last_line

IN_MEMORY = 5_000
"""Lines of the parent's that are put into one part."""


class PartStore(Protocol):
    """A folder of numbered parts, on whichever file system."""

    @property
    def path(self) -> str:
        """Where it is."""

    def next_number(self) -> int:
        """Return a number that no part has had, greater than all that were given."""

    def is_empty(self) -> bool:
        """Return whether there is nothing at all in it."""

    def part_numbers(self) -> Sequence[int]:
        """Return the numbers of the parts that are there."""

    def write_part(self, number: int, lines: Sequence[str]) -> None:
        """Write a part; raise OutputFailed."""

    def remove_part(self, number: int) -> None:
        """Remove a part; raise OutputFailed."""


class PartedReport:
    """Note which parts count. Raises ConfigError where the folder holds what is not this run's."""

    def __init__(self, shelf: PartStore, lines: ReportLines, mark: FilePosition | None = None):
        self._shelf = shelf
        self._lines = lines
        position = mark or FILE_START
        self._parts = set(position.parts)
        self._count = position.lines
        self._own: list[str] = []
        try:
            self._check_folder(mark)
        except OutputFailed as error:
            raise ConfigError(str(error)) from None

    def _check_folder(self, mark: FilePosition | None) -> None:
        shelf = self._shelf
        if mark is None and not shelf.is_empty():
            raise ConfigError(f"--report {shelf.path} is not empty: tasks write a new folder, so name one")
        missing = self._parts - set(shelf.part_numbers())
        if missing:
            raise ConfigError(f"--resume: the report in {shelf.path} lacks part {min(missing)}, which was written")
        self._remove_stale_parts()

    def begin(self) -> None:
        """Do nothing: a folder that holds another report was refused."""

    def discard(self) -> None:
        """Do nothing: no part was written."""

    def sync(self) -> FilePosition:
        """Return which parts are good; raise OutputFailed."""
        self._write_own_lines()
        return FilePosition(0, self._count, tuple(sorted(self._parts)))

    def add_page(self, page: PageDone) -> None:
        """Take in a page, whose task has written a part of its own; raise OutputFailed."""
        if page.part is not None:
            self._parts.add(page.part.number)
            self._count += page.part.lines
        self._own += map(self._lines.format_line, page.differences)
        if len(self._own) >= IN_MEMORY:
            self._write_own_lines()

    def finish(self, complete: bool) -> None:
        """Write the last line; raise OutputFailed."""
        self._write_own_lines()
        self._remove_stale_parts()
        self._shelf.write_part(self._shelf.next_number(), [format_last_line(complete, self._count)])

    def _write_own_lines(self) -> None:
        if self._own:
            number = self._shelf.next_number()
            self._shelf.write_part(number, self._own)
            self._parts.add(number)
            self._count += len(self._own)
            self._own = []

    def _remove_stale_parts(self) -> None:
        """Remove parts that do not count: of tasks that failed, or that are done again."""
        for number in set(self._shelf.part_numbers()) - self._parts:
            self._shelf.remove_part(number)
