"""Resume points: a segment that is left after any page and taken up again brings what is left, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fastsync.aws.clients import Clients, Keyring
from fastsync.config.config import Config
from fastsync.model.difference import Tally
from fastsync.model.messages.events import Event, PageDone, TaskDone
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.messages.terms import Terms
from fastsync.model.settings import StrategyName
from fastsync.plan.survey import survey_tables
from fastsync.workers.task import run_task
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item

MASTER = [item(f"{n:02}", v=n) for n in range(40)]
LACKING = [*MASTER[::2], item("x1"), item("x2")]
OTHER = [*(item(f"{n:02}", v=n % 30) for n in range(40)), *(item(f"y{n}") for n in range(20))]

STRATEGIES = ("lookup", "merge")


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master of some pages, and two slaves that differ and hold extras."""
    return make_world(MASTER, LACKING, OTHER)


@pytest.fixture
def access(made: World) -> Iterator[Clients]:
    """Clients in this process."""
    opened = Clients(Keyring(survey_tables(_config(made)).credentials()))
    yield opened
    opened.close_all()


def _config(made: World) -> Config:
    flags = {"endpoint_url": made.proxy.url, "scan_limit": 7, "scan_for_extra": True}
    return Config.of(str(made.master), [str(slave) for slave in made.slaves], flags)


def _task(made: World, strategy: str) -> SegmentTask:
    config = _config(made)
    found = survey_tables(config)
    parts = (config.reading, config.retrying, config.judging, config.repairing)
    return SegmentTask(Terms(found.master, found.slaves, *parts, strategy=StrategyName(strategy)), 0, 1)


def _pages(events: list[Event]) -> list[PageDone]:
    return [event for event in events if isinstance(event, PageDone)]


def _whole(pages: list[PageDone]) -> tuple[list[Tally], list[str]]:
    """Give what must not depend on where a segment was left: counters less units, and every difference."""
    sums = [Tally() for _ in range(3)]
    for page in pages:
        for place, tally in enumerate((page.master, *page.tallies)):
            sums[place] += tally
    found = sorted(str(difference) for page in pages for difference in page.differences)
    return [replace(tally, read_units=0.0, recheck_units=0.0) for tally in sums], found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_segment_left_after_any_page(made: World, access: Clients, strategy: str) -> None:
    """Whatever page is the last that is known, the rest of the segment follows, each pair once, to the same end."""
    task = _task(made, strategy)
    at_once = list(run_task(task, access, lambda: False))
    whole = _pages(at_once)
    cuts = [place for place, page in enumerate(whole) if page.resume]
    assert len(cuts) > 8
    for place in cuts:
        rest = list(run_task(replace(task, resume=whole[place].resume), access, lambda: False))
        assert isinstance(rest[-1], TaskDone)
        assert _whole(whole[: place + 1] + _pages(rest)) == _whole(whole)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_slave_that_catches_up(made: World, access: Clients, strategy: str) -> None:
    """A task for one slave brings what concerns this slave, and does not count the master's items again."""
    task = replace(_task(made, strategy), slaves=(1,), counts=False)
    pages = _pages(list(run_task(task, access, lambda: False)))
    (master, first, second), found = _whole(pages)
    assert (master.scanned, first) == (0, Tally())
    assert (second.same, second.differing, second.extra, second.scanned) == (30, 10, 20, 60)
    assert all(str(made.slaves[1]) in each for each in found)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_task_stops_where_it_can_be_resumed(made: World, access: Clients, strategy: str) -> None:
    """A task that is asked to stop does so after a page that has a resume point, from which the rest follows."""
    task = _task(made, strategy)
    done = _pages(list(run_task(task, access, lambda: False)))
    stopped = _pages(list(run_task(task, access, lambda: True)))
    (point,) = [page.resume for page in stopped if page.resume]
    rest = _pages(list(run_task(replace(task, resume=point), access, lambda: False)))
    assert _whole(stopped + rest) == _whole(done)
