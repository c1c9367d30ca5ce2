"""Condense a task's events into as few as possible, for executors that deliver them only at its end.

Differences that count are yielded as they come, to be written where the task runs. The rest of the pages is added up,
as long as no other event comes between them whose order matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastsync.model.difference import Difference, Tally
from fastsync.model.messages.events import Event, PageDone, SlaveLost, TaskDone, TaskFailed, TaskStopped, WritesAhead
from fastsync.model.messages.tasks import Task
from fastsync.workers.pending_pages import PendingPages


class EventSummary:
    """Take in a task's events; `events` says the same in short once the last of them is taken in."""

    def __init__(self, task: Task):
        self.events: list[Event] = []
        self._names = tuple(map(str, task.terms.slaves))
        self._lost: set[str] = set()
        self._pending = PendingPages()
        self._sum = _PageSum(len(self._names))

    def differences(self, events: Iterable[Event]) -> Iterator[Difference]:
        """Take in events, and yield the differences that count.

        Those that do not count yet, or are of a slave that was lost, stay in `events`.
        """
        for event in events:
            match event:
                case PageDone():
                    self._pending.add_page(event)
                    if event.resume:
                        yield from self._count_pending()
                case TaskDone():
                    yield from self._count_pending()
                    self._add_events(event)
                case TaskFailed() | TaskStopped():
                    self._add_events(*self._pending.take_all(), event)
                case WritesAhead():
                    pass  # at the end of the task nobody can make use of it
                case SlaveLost():
                    self._add_events(event)
                    self._lost.add(self._names[event.slave])
                case _:
                    self._add_events(event)

    def _count_pending(self) -> Iterator[Difference]:
        for page in self._pending.take_all():
            self._sum.add_page(page, tuple(each for each in page.differences if each.slave in self._lost))
            yield from (each for each in page.differences if each.slave not in self._lost)

    def _add_events(self, *events: Event) -> None:
        self.events += [*self._sum.take_sum(), *events]


class _PageSum:
    """Pages added up."""

    def __init__(self, slaves: int):
        self._slaves = slaves
        self._reset()

    def _reset(self) -> None:
        self._pages = 0
        self._master = Tally()
        self._tallies = tuple(Tally() for _ in range(self._slaves))
        self._differences: list[Difference] = []
        self._extras: list[Difference] = []
        self._resume = b""
        self._undo_offset = 0
        self._ignored_seen: list[str] = []
        self._filter_failure = ""

    def add_page(self, page: PageDone, differences: Iterable[Difference]) -> None:
        """Add a page, but of its differences only these."""
        self._pages += 1
        self._master += page.master
        for tally, more in zip(self._tallies, page.tallies, strict=True):
            tally.add(more)
        self._differences += differences
        self._extras += page.extras
        self._resume = page.resume or self._resume
        self._undo_offset = page.undo_offset or self._undo_offset
        self._ignored_seen += page.ignored_seen
        self._filter_failure = self._filter_failure or page.filter_failure

    def take_sum(self) -> Iterator[PageDone]:
        """Yield the sum, if there is one, and start again from nothing."""
        if self._pages:
            yield PageDone(
                master=self._master,
                tallies=self._tallies,
                differences=tuple(self._differences),
                extras=tuple(self._extras),
                resume=self._resume,
                undo_offset=self._undo_offset,
                ignored_seen=tuple(self._ignored_seen),
                filter_failure=self._filter_failure,
            )
            self._reset()
