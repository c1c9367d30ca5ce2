"""Everything that crosses a process boundary, and nothing else: tasks to workers, events back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastsync.model.difference import Difference, Tally
from fastsync.model.settings import Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import Side


@dataclass(frozen=True)
class Terms:
    """What all tasks of a run have in common. `policy` is the user's, or None for the default one.

    `values` says whether differences carry both sides' items to the parent, `strategy` how segments are
    read. `seed` is that of the digests of this run.
    """

    master: Side
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    judging: Judging
    repairing: Repairing
    policy: object = None
    values: bool = False
    strategy: StrategyName = StrategyName.LOOKUP
    seed: int = 0

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
        """The items to go through, as far as is known: the master's."""
        return self.master.table.item_count


@dataclass(frozen=True)
class UndoTerms:
    """What all tasks of an undo have in common. `log` is the path of the undo log, `items` their number in all.

    `values` says whether differences carry both items to the parent. In a `dry_run` nothing is written.
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
    """Compare segment `number` of `total` on some slaves (places in `terms.slaves`), on all where none is named.

    It begins at `start_key` (DynamoDB JSON) where there is one, and goes on from `resume`, which the last page that was
    taken in carried, where it was begun before. `counts` is False in a catch-up: its master items are counted already.
    `recall` is the part of the undo log (first byte, end) in which an attempt at the same pages may have left lines.
    `ahead` is what attempts whose workers died had announced by WritesAhead.
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

    def __str__(self) -> str:
        return f"segment {self.number}"

    @property
    def covered(self) -> tuple[int, ...]:
        """The places of the slaves that are compared."""
        return self.slaves or tuple(range(len(self.terms.slaves)))

    @property
    def id(self) -> tuple[int, ...]:
        """What tells the task from the others that are at work."""
        return (self.number, *self.slaves)


@dataclass(frozen=True)
class DeleteTask:
    """Delete from a slave (by its place in `terms.slaves`) extras that were found and may go.

    Its one PageDone with a resume point tells of all `keys` (DynamoDB JSON); without it nothing is known of any.
    `number` tells the tasks of a slave apart. `recall` and `ahead` are as in SegmentTask.
    """

    terms: Terms
    slave: int
    keys: tuple[bytes, ...]
    number: int = 0
    undo_span: tuple[int, int] | None = None
    ahead: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        return f"the deletes on {self.terms.slaves[self.slave]}"

    @property
    def id(self) -> tuple[int, ...]:
        """What tells the task from the others that are at work."""
        return (self.slave, self.number)


Task = SegmentTask | DeleteTask
"""A task of a run."""


@dataclass(frozen=True)
class UndoTask:
    """Restore items of a slave (by its place in `terms.slaves`) as they were before a run.

    `lines` are, for each item, the offsets of its lines in the undo log, the last first. The first `start` items are
    done. `number` tells the tasks apart. `ahead` is what attempts whose workers died had announced by WritesAhead.
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
        """What tells the task from the others that are at work."""
        return (self.slave, self.number)


AnyTask = Task | UndoTask


@dataclass(frozen=True)
class ReportPart:
    """Lines of the report that a task has written itself: part `number`, with so many `lines`."""

    number: int
    lines: int


@dataclass(frozen=True)
class PageDone:
    """A page is compared and repaired. `tallies` are the slaves' in order.

    `extras` are confirmed and wait for their deletion; they are in no tally yet. `resume` is where the segment goes on,
    in its strategy's own words. Without one it cannot be taken up after this page, but only after an earlier or a later
    one: the parent holds back what this page brings until then. `log` is the size of the undo log when all was done:
    lines of later pages come behind. `part` holds the differences of this and of all further pages of its task that are
    not among `differences`.
    """

    master: Tally
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...] = ()
    extras: tuple[Difference, ...] = ()
    resume: bytes = b""
    undo_offset: int = 0
    part: ReportPart | None = None

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
    """One slave failed for good; the task goes on without it. `refused`: every other request to it would fail too.

    `fatal`: the run may not go on, since the credentials have expired.
    """

    slave: int
    error: str
    refused: bool
    fatal: bool = False


@dataclass(frozen=True)
class OrdersDisagree:
    """A slave's scan brings the segment's items in another order than the master's; it goes on as lookup."""

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
    """A task failed for good; what its earlier pages brought stands.

    `fatal`: the run may not go on, since what it promised to write cannot be written, or its credentials have expired.
    `died`: its worker is gone, which says nothing about the task.
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
