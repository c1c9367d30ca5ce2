"""What tasks at work have sent that does not count yet: pages without a resume point, and announced writes."""

from __future__ import annotations

from collections.abc import Iterator

from fastsync.model.messages.events import PageDone
from fastsync.model.messages.tasks import AnyTask
from fastsync.workers.pending_pages import PendingPages


class TaskBuffers:
    """Hold pages back, by task, until one comes after which the task could be resumed."""

    def __init__(self) -> None:
        self._pages: dict[tuple[int, ...], PendingPages] = {}
        self._announced: dict[tuple[int, ...], list[bytes]] = {}
        self._writing_parts: set[tuple[int, ...]] = set()

    @property
    def allow_checkpoint(self) -> bool:
        """Return False while a task has written a part of the report and has not ended."""
        return not self._writing_parts

    def add_page(self, task: AnyTask, page: PageDone) -> None:
        """Keep a page; raise OutputFailed where the disk does not take it."""
        if page.part is not None:
            self._writing_parts.add(task.id)
        self._pages.setdefault(task.id, PendingPages()).add_page(page)

    def take_pages(self, task: AnyTask) -> Iterator[PageDone]:
        """Yield the pages of a task, and forget them and the writes that were announced for them."""
        self._announced.pop(task.id, None)
        if task.id in self._pages:
            yield from self._pages.pop(task.id).take_all()

    def add_announced(self, task: AnyTask, writes: bytes) -> None:
        """Keep what a task is about to write."""
        self._announced.setdefault(task.id, []).append(writes)

    def take_announced(self, task: AnyTask) -> tuple[bytes, ...]:
        """Return the writes that were announced since the last page that counts, and forget them."""
        return tuple(self._announced.pop(task.id, ()))

    def end_task(self, task: AnyTask) -> None:
        """Note that a task, or an attempt at it, has ended."""
        self._writing_parts.discard(task.id)
