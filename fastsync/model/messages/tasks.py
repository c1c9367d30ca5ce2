"""The tasks that workers are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastsync.model.keys import KeyChunk, ReviewedLine
from fastsync.model.messages.terms import Terms, UndoTerms
from fastsync.model.table import Side


@dataclass(frozen=True)
class SegmentTask:
    """Compare segment `number` of `total` on some slaves (indexes in `terms.slaves`), on all where none is given.

    start_key: where to begin (DynamoDB JSON); None: at the beginning of the segment.
    resume: the resume point of the last page on record, b"" where the segment has not begun.
    counts: False where the master's items are counted already and the slaves only catch up.
    undo_span: the part of the undo log (first byte, end) in which attempts at the same pages may have left lines.
    ahead: what attempts whose workers died had announced by WritesAhead.
    chunk: keys that are compared instead of a segment.
    """

    terms: Terms
    number: int
    total: int
    start_key: bytes | None = None
    resume: bytes = b""
    slaves: tuple[int, ...] = ()
    counts: bool = True
    undo_span: tuple[int, int] | None = None
    ahead: tuple[bytes, ...] = ()
    chunk: KeyChunk | None = None

    def __str__(self) -> str:
        if self.chunk is not None:
            return str(self.chunk)
        if self.terms.spool is not None:
            return f"part {self.number}"
        return f"segment {self.number}"

    @property
    def covered(self) -> tuple[int, ...]:
        """Return the indexes of the slaves that are compared."""
        slaves = self.slaves or tuple(range(len(self.terms.slaves)))
        if self.chunk is None:
            return slaves
        return tuple(slave for slave in slaves if slave in self.chunk.slaves)

    @property
    def id(self) -> tuple[int, ...]:
        """Return what distinguishes the task from the others at work."""
        return (self.number, *self.slaves)


@dataclass(frozen=True)
class DeleteTask:
    """Delete extras from a slave (its index in `terms.slaves`).

    Its one PageDone with a resume point counts for all `keys` (DynamoDB JSON); without it nothing is known of any.
    `number` distinguishes the tasks of a slave. `undo_span` and `ahead` are as in SegmentTask; `reviewed` are lines of
    a report, as in KeyChunk.
    """

    terms: Terms
    slave: int
    keys: tuple[bytes, ...]
    number: int = 0
    undo_span: tuple[int, int] | None = None
    ahead: tuple[bytes, ...] = ()
    reviewed: tuple[ReviewedLine, ...] | None = None

    def __str__(self) -> str:
        return f"the deletes on {self.terms.slaves[self.slave]}"

    @property
    def id(self) -> tuple[int, ...]:
        """Return what distinguishes the task from the others at work."""
        return (self.slave, self.number)


@dataclass(frozen=True)
class DivideTask:
    """Divide what one source of a table holds into `parts` parts in the spool.

    table: the table's number, the master's being 0.
    number: that of the source among the `total` ones of the table: a segment, or a file of an export.
    file: the file of the export (exports.export.ExportFile); None where a live table is read.
    under: of a live table the items under these partition keys (DynamoDB JSON) are read, rather than a segment.
    """

    terms: Terms
    table: int
    number: int
    total: int
    parts: int
    file: Any = None
    under: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        name = self.terms.names[self.table]
        if self.file is not None:
            return f"reading {name}"
        if self.under:
            return f"reading given partition keys of {name}"
        return f"segment {self.number} of {name}"

    @property
    def id(self) -> tuple[int, ...]:
        """Return what distinguishes the task from the others at work."""
        return (self.table, self.number)


@dataclass(frozen=True)
class RepeatsTask:
    """Look for keys that a part of an export holds twice; `table`, `number` and `parts` are as in DivideTask."""

    terms: Terms
    table: int
    number: int
    parts: int

    def __str__(self) -> str:
        return f"part {self.number} of {self.terms.names[self.table]}"

    @property
    def id(self) -> tuple[int, ...]:
        """Return what distinguishes the task from the others at work."""
        return (self.table, self.number)


SpoolTask = DivideTask | RepeatsTask
"""A task that readies the spool. It is repeated as a whole where its worker dies."""
Task = SegmentTask | DeleteTask
"""A task of a run."""


@dataclass(frozen=True)
class UndoTask:
    """Restore items of a slave (its index in `terms.slaves`) as they were before a run.

    lines: for each item, the offsets of its lines in the undo log, the last first.
    number: distinguishes the tasks of a slave.
    start: how many of the items are restored already.
    ahead: what attempts whose workers died had announced by WritesAhead.
    """

    terms: UndoTerms
    slave: int
    lines: tuple[tuple[int, ...], ...]
    number: int = 0
    start: int = 0
    ahead: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        return f"the undo on {self.side}"

    @property
    def side(self) -> Side:
        """The slave."""
        return self.terms.slaves[self.slave]

    @property
    def id(self) -> tuple[int, ...]:
        """Return what distinguishes the task from the others at work."""
        return (self.slave, self.number)


AnyTask = Task | SpoolTask | UndoTask
