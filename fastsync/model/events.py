"""Everything that crosses a process boundary, and nothing else: tasks to workers, events back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastsync.model.capacity import Spending
from fastsync.model.difference import Difference, Tally
from fastsync.model.keys import KeyChunk, ReviewedLine
from fastsync.model.policy import Policy
from fastsync.model.settings import Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import Side


@dataclass(frozen=True)
class Terms:
    """What all tasks of a run have in common.

    policy: the user's, None for the default one.
    values: whether differences carry both sides' items to the parent.
    strategy: how segments are read.
    seed: that of the digests of this run.
    spending: what its tasks may consume, None where that is not limited.
    items: the number of items to go through, None where the master's description tells it.
    spool: the folder in which items are divided into parts, None where the strategy needs none.
    """

    master: Side
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    judging: Judging
    repairing: Repairing
    policy: Policy | None = None
    values: bool = False
    strategy: StrategyName = StrategyName.LOOKUP
    seed: int = 0
    spending: Spending | None = None
    items: int | None = None
    spool: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The tables as they are reported, the master first."""
        return tuple(map(str, self.tables))

    @property
    def tables(self) -> tuple[Side, ...]:
        """All tables, the master first."""
        return (self.master, *self.slaves)

    @property
    def expected_items(self) -> int:
        """The items to go through, as far as is known."""
        if self.items is not None:
            return self.items
        return self.master.table.item_count


@dataclass(frozen=True)
class UndoTerms:
    """What all tasks of an undo have in common.

    log: the path of the undo log.
    values: whether differences carry both items to the parent.
    dry_run: whether nothing is written.
    items: the number of items to go through.
    """

    log: str
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    values: bool = False
    dry_run: bool = False
    items: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What is reported on, as of a run: the log stands where the master does."""
        return (self.log, *map(str, self.slaves))

    @property
    def tables(self) -> tuple[Side, ...]:
        """All tables."""
        return self.slaves

    @property
    def expected_items(self) -> int:
        """The items to go through."""
        return self.items


AnyTerms = Terms | UndoTerms


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
    file: the file of the export (exports.export.ExportFile); None where a segment is scanned.
    """

    terms: Terms
    table: int
    number: int
    total: int
    parts: int
    file: Any = None

    def __str__(self) -> str:
        name = self.terms.names[self.table]
        if self.file is not None:
            return f"reading {name}"
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


@dataclass(frozen=True)
class ReportPart:
    """Lines of the report that a task has written itself: part `number`, with so many `lines`."""

    number: int
    lines: int


@dataclass(frozen=True)
class PageDone:
    """A page is compared and repaired.

    master: what was scanned and consumed of the master.
    tallies: the counters of the slaves, in order.
    differences: what was found, and what became of it.
    extras: extras that are confirmed and wait for their deletion; they are in no tally yet.
    resume: where the task is resumed after this page, in a form that only its kind of task reads. Without one it can
        be resumed only after an earlier or a later page: until then the parent buffers this one.
    undo_offset: the size of the undo log once the page was repaired; lines of later pages stand behind it.
    part: a part of the report with the differences of this and all further pages of the task, but for `differences`.
    ignored_seen: ignored attributes that items of this page had, and none of an earlier page of the task.
    filter_failure: why --where could not be evaluated for an item of this page; "" where it could for all.
    """

    master: Tally
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...] = ()
    extras: tuple[Difference, ...] = ()
    resume: bytes = b""
    undo_offset: int = 0
    part: ReportPart | None = None
    ignored_seen: tuple[str, ...] = ()
    filter_failure: str = ""

    def usage(self) -> PageDone:
        """Return only what the page consumed, which counts whatever becomes of the rest."""
        return PageDone(master=self.master.usage(), tallies=tuple(tally.usage() for tally in self.tallies))

    def findings(self) -> PageDone:
        """Return the page without what it consumed."""
        return replace(self, master=self.master.findings(), tallies=tuple(tally.findings() for tally in self.tallies))

    def split(self, lost: Mapping[int, str], *, all_lost: bool) -> tuple[PageDone, PageDone]:
        """Divide the page into what counts, and what concerns the slaves in `lost` (index → name).

        What was consumed counts. What was scanned of the master counts unless `all_lost`.
        """
        names = set(lost.values())
        counts = replace(
            self,
            master=self.master.usage() if all_lost else self.master,
            tallies=tuple(tally.usage() if slave in lost else tally for slave, tally in enumerate(self.tallies)),
            differences=tuple(each for each in self.differences if each.slave not in names),
            extras=tuple(each for each in self.extras if each.slave not in names),
        )
        other = PageDone(
            master=self.master.findings() if all_lost else Tally(),
            tallies=tuple(tally.findings() if slave in lost else Tally() for slave, tally in enumerate(self.tallies)),
            differences=tuple(each for each in self.differences if each.slave in names),
            extras=tuple(each for each in self.extras if each.slave in names),
        )
        return counts, other


@dataclass(frozen=True)
class WritesAhead:
    """A task is about to write to slaves: none of these writes is sent before this event is on its way.

    `writes` is for another attempt at the task to read. It is kept until the page that it belongs to is on record.
    """

    writes: bytes


@dataclass(frozen=True)
class SlaveLost:
    """A slave (its index) failed for good; the task continues without it. For `refused` and `fatal` see TaskFailed."""

    slave: int
    error: str
    refused: bool
    fatal: bool = False


@dataclass(frozen=True)
class OrdersDisagree:
    """A slave's scan returns the segment's items in another order than the master's; it is looked up from here on."""

    slave: int


@dataclass(frozen=True)
class TaskDone:
    """A task has come to its end, after so many seconds of work."""

    seconds: float = 0.0


@dataclass(frozen=True)
class TaskStopped:
    """A task was left between two pages because the run was asked to stop."""


@dataclass(frozen=True)
class TaskFailed:
    """A task failed for good; its earlier pages still count.

    refused: every further request to the table would fail alike.
    fatal: the run must end, since a file that it promised cannot be written, or its credentials have expired.
    died: its worker is gone, which says nothing about the task.
    """

    error: str
    refused: bool = False
    fatal: bool = False
    died: bool = False


Event = PageDone | WritesAhead | SlaveLost | OrdersDisagree | TaskDone | TaskStopped | TaskFailed


@dataclass(frozen=True)
class SegmentEnd:
    """A segment that has come to its end: items scanned of the master, seconds, and what was found, by slave."""

    number: int
    scanned: int
    seconds: float
    found: dict[str, Tally]
