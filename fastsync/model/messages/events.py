"""What workers report of their tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastsync.model.difference import Difference, Tally


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
    divided: how many items were divided into the parts of a spool; none of them is compared yet.
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
    divided: int = 0

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
