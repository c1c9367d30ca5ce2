"""Everything that crosses a process boundary, and nothing else: tasks go to workers, events come back."""

from __future__ import annotations

from dataclasses import dataclass

from fastsync.difference import Difference, Tally
from fastsync.parts import Judging, Reading, Repairing, Retrying
from fastsync.table import Side


@dataclass(frozen=True)
class Terms:
    """What all tasks of a run have in common. `policy` is the user's, or None for the default one.

    `values` says whether differences carry both sides' items to the parent, `strategy` ("lookup" or "merge") how
    segments are read.
    """

    master: Side
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    judging: Judging
    repairing: Repairing
    policy: object = None
    values: bool = False
    strategy: str = "lookup"


@dataclass(frozen=True)
class SegmentTask:
    """Compare segment `number` of `total` on some slaves (places in `terms.slaves`), on all where none is named.

    It begins at `start_key` (DynamoDB JSON) where there is one, and goes on from `resume`, which the last page that was
    taken in carried, where it was begun before. `counts` is False in a catch-up: its master items are counted already.
    `recall` is the part of the undo log (first byte, end) in which an attempt at the same pages may have left lines.
    """

    terms: Terms
    number: int
    total: int
    start_key: bytes | None = None
    resume: bytes = b""
    slaves: tuple[int, ...] = ()
    counts: bool = True
    recall: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"segment {self.number}"

    @property
    def covered(self) -> tuple[int, ...]:
        """The places of the slaves that are compared."""
        return self.slaves or tuple(range(len(self.terms.slaves)))

    @property
    def ticket(self) -> tuple[int, ...]:
        """What tells the task from the others that are at work."""
        return (self.number, *self.slaves)


@dataclass(frozen=True)
class DeleteTask:
    """Delete from a slave (by its place in `terms.slaves`) extras that were found and may go.

    Its one PageDone with a resume point tells of all `keys` (DynamoDB JSON); without it nothing is known of any.
    `number` tells the tasks of a slave apart. `recall` is as in SegmentTask.
    """

    terms: Terms
    slave: int
    keys: tuple[bytes, ...]
    number: int = 0
    recall: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"the deletes on {self.terms.slaves[self.slave]}"

    @property
    def ticket(self) -> tuple[int, ...]:
        """What tells the task from the others that are at work."""
        return (self.slave, self.number)


Task = SegmentTask | DeleteTask


@dataclass(frozen=True)
class Part:
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
    log: int = 0
    part: Part | None = None


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


Event = PageDone | SlaveLost | OrdersDisagree | TaskDone | TaskStopped | TaskFailed
