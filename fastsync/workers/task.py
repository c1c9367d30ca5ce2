"""One task from its beginning to its end, whatever kind it is, in whatever place it runs.

A task's only exit is the stream of its events, which ends with TaskDone, TaskStopped or TaskFailed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from fastsync.aws.clients import Clients
from fastsync.errors import IncompleteError, Interrupted
from fastsync.model.capacity import Spending
from fastsync.model.messages.events import Event, PageDone, TaskDone, TaskFailed, TaskStopped
from fastsync.model.messages.tasks import AnyTask, DeleteTask, DivideTask, RepeatsTask, SegmentTask, UndoTask
from fastsync.model.wording import describe_exception
from fastsync.workers.deletes import delete_extras
from fastsync.workers.divide import SpoolStages, divide_source, find_repeats
from fastsync.workers.restore import restore_items
from fastsync.workers.segment import compare_segment
from fastsync.workers.stages import Stages, UndoStages


def run_task(task: AnyTask, clients: Clients, stopped: Callable[[], bool]) -> Iterator[Event]:
    """Work on one task and yield its events; ask `stopped` after each page that has a resume point.

    It ends likewise once all tasks together have consumed what they may.
    """
    began = time.monotonic()
    spending = None if isinstance(task, UndoTask) else task.terms.spending
    if spending is not None and spending.is_exceeded(*clients.add_spent(0.0, 0.0)):
        yield TaskStopped()
        return
    try:
        pages, stages = _open_task(task, clients)
    except Interrupted:
        raise
    except BaseException as error:
        yield _describe_failure(task, error)
        return
    with closing(stages):
        try:
            end = yield from _follow_pages(pages, stopped, spending, clients)
        except (GeneratorExit, Interrupted):  # nobody listens any more
            raise
        except BaseException as error:
            end = _describe_failure(task, error)
    yield stages.finish_task()
    yield TaskDone(time.monotonic() - began) if isinstance(end, TaskDone) else end


def _open_task(task: AnyTask, clients: Clients) -> tuple[Iterator[Event], Stages | SpoolStages | UndoStages]:
    """Return the pages of a task, and the stages that they pass through.

    Raises IncompleteError where the undo log that a task needs has gone, or is damaged.
    """
    match task:
        case SegmentTask():
            stages = Stages(task, clients)
            return compare_segment(task, stages), stages
        case DeleteTask():
            stages = Stages(task, clients)
            return delete_extras(task, stages), stages
        case DivideTask():
            spool_stages = SpoolStages(task, clients)
            return divide_source(task, spool_stages), spool_stages
        case RepeatsTask():
            spool_stages = SpoolStages(task, clients)
            return find_repeats(task, spool_stages), spool_stages
        case _:
            undo_stages = UndoStages(task, clients)
            return restore_items(task, undo_stages), undo_stages


def _follow_pages(
    pages: Iterator[Event], stopped: Callable[[], bool], spending: Spending | None, clients: Clients
) -> Generator[Event, None, Event]:
    for event in pages:
        spent = isinstance(event, PageDone) and spending is not None and _is_spent(event, spending, clients)
        yield event
        if isinstance(event, PageDone) and event.resume and (spent or stopped()):
            return TaskStopped()
    return TaskDone()


def _is_spent(page: PageDone, spending: Spending, clients: Clients) -> bool:
    """Count what a page has consumed, and return whether all tasks together have consumed more than they may."""
    tallies = (page.master, *page.tallies)
    read, write = sum(tally.read_units for tally in tallies), sum(tally.write_units for tally in tallies)
    return spending.is_exceeded(*clients.add_spent(read, write))


def _describe_failure(task: AnyTask, error: BaseException) -> TaskFailed:
    """Return the end of a task that failed, even for what a policy or a bug raised: the other tasks go on."""
    if isinstance(error, IncompleteError):
        return TaskFailed(f"{task}: {error}", refused=error.refused, fatal=error.fatal)
    logging.getLogger(__name__).debug("%s failed", task, exc_info=error)
    return TaskFailed(f"{task}: {describe_exception(error)}")
