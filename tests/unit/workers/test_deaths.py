"""A dead worker's writes, arriving at any moment: each difference is told once, as repaired, and counted once."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import cast

import pytest

from fastsync.config.config import Config
from fastsync.config.slicing import Slicing
from fastsync.model.difference import Difference
from fastsync.model.messages.events import Event, TaskDone, TaskFailed
from fastsync.model.messages.terms import Terms
from fastsync.model.settings import Judging, Repairing
from fastsync.model.table import KeySchema
from fastsync.output.durable import FILE_START
from fastsync.output.sink import Audience
from fastsync.plan.segments import Plan
from fastsync.repair import undo_log
from fastsync.run.checkpoints.file import CheckpointFile
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.checkpoints.journal import Journal
from fastsync.run.coordinator import Coordinator, Work
from fastsync.run.outcome import NOTHING_COUNTED, Outcome
from fastsync.run.tasks.agenda import Agenda, Backlog
from fastsync.run.tasks.deletes import Deletes
from fastsync.run.tasks.waiting_extras import WaitingExtras
from fastsync.workers.executor import Executor, T
from fastsync.workers.interrupt import Interrupt
from tests.unit.dying_workers import Fate, Killed, MortalExecutor, Slave
from tests.unit.fake_tables import make, terms

SCHEMA = KeySchema("id", "S")
KEYS = {name: f'{{"id":{{"S":"{name}"}}}}'.encode() for name in "abcdefghxyz"}
MASTER = {KEYS[name]: "5" for name in "abcdefgh"}
SLAVE = {KEYS["a"]: "5", KEYS["h"]: "5", **{KEYS[name]: "1" for name in "defg"}}
EXTRAS = {KEYS[name]: "1" for name in "xyz"}
TOLD = [
    *((name, "missing", "written") for name in "bc"),
    *((name, "differing", "written") for name in "defg"),
    *((name, "extra", "deleted") for name in "xyz"),
]
COUNTED = {"same": 2, "missing": 2, "differing": 4, "extra": 3, "written": 6, "deleted": 3, "settled": 0}
MOST_REQUESTS = 60


@dataclass(frozen=True)
class Kind:
    """How a run reads and writes; `resumed`: with a worker the whole run dies, and another one goes on."""

    strategy: str = "lookup"
    batches: bool = False
    recheck: bool = True
    log: bool = False
    resumed: bool = False
    kept_often: bool = True
    values: bool = False


KINDS = {
    "lookup": Kind(),
    "merge": Kind("merge"),
    "lookup, not rechecked": Kind(recheck=False),
    "merge, not rechecked": Kind("merge", recheck=False),
    "lookup in batches": Kind(batches=True),
    "merge in batches": Kind("merge", batches=True),
    "lookup, undo log": Kind(log=True),
    "merge, undo log": Kind("merge", log=True),
    "lookup in batches, undo log": Kind(batches=True, log=True),
    "lookup with values": Kind(values=True),
    "lookup, resumed": Kind(log=True, resumed=True),
    "merge, resumed": Kind("merge", log=True, resumed=True),
    "merge in batches, resumed": Kind("merge", batches=True, log=True, resumed=True),
    "merge, resumed from long ago": Kind("merge", log=True, resumed=True, kept_often=False),
    "lookup, not rechecked, resumed": Kind(recheck=False, log=True, resumed=True),
}


@dataclass
class World:
    """A master and a slave, and the parent of workers that die."""

    kind: Kind
    fate: Fate
    folder: Path
    told: list[Difference] = field(default_factory=list)

    def __post_init__(self) -> None:
        def tick(_: str) -> bool:
            self.fate.tick()
            return False

        self.master = make("us-east-1:m", SCHEMA, MASTER, per_page=3, fails=tick)
        made = make("s", SCHEMA, {**SLAVE, **EXTRAS}, per_page=3)
        order = [made.keys.read_key(key) for key in KEYS.values()]
        self.slave = Slave("us-west-2:s", SCHEMA, made.items, per_page=3, fails=tick, fate=self.fate, order=order)
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "undo" if self.kind.log else None
        if self.log is not None:
            undo_log.create_undo_log(str(self.log))
        self.kept = Kept(self.told, self.kind.kept_often)

    @property
    def terms(self) -> Terms:
        """What all tasks have in common."""
        kind = self.kind
        flags = Repairing(write_missing=True, write_differing=True, find_extras=True, delete_extra=True)
        repairing = replace(flags, in_batches=kind.batches, undo_log=None if self.log is None else str(self.log))
        given = terms([self.master, self.slave], strategy=kind.strategy)
        return replace(given, repairing=repairing, judging=Judging(recheck=kind.recheck), values=kind.values)

    def run(self) -> Outcome:
        """Do the job, or what is left of it."""
        given, name, then = self.terms, str(self.slave.side), self.kept.last
        plan = Plan.of(Slicing())
        begin = then or Checkpoint({}, {}, "", 1, Backlog.whole([name], []), NOTHING_COUNTED)
        waiting = {name: WaitingExtras(self.folder / "extras", begin.extras.get(name, FILE_START))}
        outcome = Outcome([str(self.master.side), name], strategy=self.kind.strategy, plan=plan, extras=True)
        outcome.resume_from(begin.totals)
        del self.told[self.kept.told :]
        undo_offset = None if then is None else then.log
        record = Journal(begin, cast(CheckpointFile, self.kept), None, waiting)
        record.save_checkpoint(left=begin.left, totals=begin.totals, deleted=begin.deleted, log=begin.log)
        work = Work(
            given,
            Agenda(given, plan, begin.left, undo_offset=undo_offset),
            Deletes(given, waiting, begin.deleted, undo_offset),
            outcome,
            record,
        )
        executor = MortalExecutor([self.master, self.slave], self.fate)
        config = Config.of("us-east-1:m", ["us-east-1:s"], {})
        job = Coordinator(work, Audience([self.told.append], []), config, Interrupt(), Unchanged())
        job.run(self.around(executor))
        return outcome

    def around(self, executor: MortalExecutor) -> Executor:
        """Have the parent share its workers' fate, where it does."""
        return _Whole(executor) if self.kind.resumed else executor

    def done(self) -> Outcome:
        """Run, and go on where the run was killed."""
        while True:
            try:
                return self.run()
            except Killed:
                pass


class Unchanged:
    """Tables that stay what they are."""

    master = "us-east-1:m"

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> Mapping[str, str]:
        """Return no change."""
        return {}

    def find_any_item(self) -> tuple[bool, float]:
        return True, 0.0


class Kept:
    """A checkpoint in memory, which moves after every page, or only where it must."""

    def __init__(self, told: Sequence[object], due: bool):
        self.due = due
        self.last: Checkpoint | None = None
        self.told = 0
        self._told = told

    def write_checkpoint(self, now: Checkpoint) -> None:
        """Keep it as a file would."""
        self.last, self.told = deepcopy(now), len(self._told)


class _Whole:
    """Workers whose parent dies with the first of them."""

    def __init__(self, executor: Executor):
        self._executor = executor

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield events until a worker dies."""
        for task, event in self._executor.run(tasks, interrupt):
            if isinstance(event, TaskFailed) and event.died:
                raise Killed
            yield task, event


class _DiesAtTheEnd:
    """Workers that die when they have sent all that there was to tell of a task, once for each."""

    def __init__(self, executor: Executor):
        self._executor = executor
        self._died: set[tuple[int, ...]] = set()

    def run(self, tasks: Iterable[T], interrupt: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield events, and a death in the place of the first end of every task."""
        for task, event in self._executor.run(tasks, interrupt):
            if isinstance(event, TaskDone) and task.id not in self._died:
                self._died.add(task.id)
                yield task, TaskFailed("killed", died=True)
            else:
                yield task, event


class _Late(World):
    def around(self, executor: MortalExecutor) -> Executor:
        return _DiesAtTheEnd(executor)


def hold(world: World, outcome: Outcome) -> None:
    """Hold that everything is told once, counted once, and repaired."""
    world.fate.at_rest()
    told = sorted((str(each.key["id"]["S"]), each.verdict.value, each.action.value) for each in world.told)
    assert told == sorted(TOLD), outcome.errors
    (tally,) = outcome.slaves
    assert {name: getattr(tally, name) for name in COUNTED} == COUNTED
    assert outcome.master.scanned == len(MASTER)
    assert outcome.complete, outcome.errors
    left = {key: bytes(item) for key, item in world.slave.items.items()}
    assert left == {key: bytes(item) for key, item in world.master.items.items()}
    if world.kind.values:
        assert all((each.master is None) is (each.verdict.value == "extra") for each in world.told)
        assert all((each.slave_item is None) is (each.verdict.value == "missing") for each in world.told)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of syncs are no matter there."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.mark.parametrize("name", KINDS)
def test_nobody_dies(name: str, folder: Path) -> None:
    """The world without a death is told as the others are to be."""
    world = World(KINDS[name], Fate(), folder)
    hold(world, world.done())
    assert world.fate.requests < MOST_REQUESTS


@pytest.mark.parametrize("name", KINDS)
def test_a_worker_that_dies_when_all_is_done(name: str, folder: Path) -> None:
    """A worker that dies between its last page and the end of its task has left nothing undone, and no error."""
    world = _Late(KINDS[name], Fate(), folder)
    hold(world, world.done())


EVERYWHERE = ("lookup", "merge", "merge, resumed")
"""Kinds that are tried at every moment; the others at every so many."""


@pytest.mark.parametrize("first", [1, 4])
@pytest.mark.parametrize("name", KINDS)
def test_writes_that_arrive_before_any_request(name: str, first: int, folder: Path) -> None:
    """All of a dead worker's writes arrive before request number n of what comes after it, for every n; or never."""
    step = 1 if name in EVERYWHERE else 5
    for moment in chain([None], count(0, step)):
        fate = Fate([first], lambda moment=moment: moment)  # type: ignore[misc]
        world = World(KINDS[name], fate, folder / str(moment))
        hold(world, world.done())
        if moment is not None and moment > fate.requests:
            return


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", KINDS)
def test_several_deaths(name: str, seed: int, folder: Path) -> None:
    """Workers die up to three times in a row, and each of their writes arrives at a moment of its own, or never."""
    chance = random.Random(seed)
    deaths = [chance.randint(1, 6) for _ in range(chance.randint(1, 3))]
    fate = Fate(deaths, lambda: chance.choice([None, chance.randrange(8), chance.randrange(MOST_REQUESTS)]))
    world = World(KINDS[name], fate, folder)
    hold(world, world.done())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.batches])
def test_deaths_while_items_move_on(name: str, seed: int, folder: Path) -> None:
    """Where master and slave change meanwhile, no item goes back, no key is told twice, and the sums hold."""
    chance = random.Random(seed)
    deaths = [chance.randint(1, 6) for _ in range(chance.randint(1, 3))]
    fate = Fate(deaths, lambda: chance.choice([None, chance.randrange(8), chance.randrange(MOST_REQUESTS)]))
    world = World(KINDS[name], fate, folder)
    for version in range(6, 9):
        key = KEYS[chance.choice("abcdefgh")]
        here = chance.randrange(MOST_REQUESTS)
        fate.at(here, lambda key=key, version=version: world.master.change(key, str(version)))  # type: ignore[misc]
        there = here + chance.randrange(20)
        fate.at(there, lambda key=key, version=version: world.slave.change(key, str(version)))  # type: ignore[misc]
    outcome = world.done()
    fate.at_rest()
    told = [each.key["id"]["S"] for each in world.told]
    assert len(told) == len(set(told))
    (tally,) = outcome.slaves
    assert tally.same + tally.missing + tally.differing + tally.settled == outcome.master.scanned == len(MASTER)
    assert tally.missing + tally.differing + tally.extra == len(told)
    assert tally.written + tally.deleted <= len(told)
    assert world.slave.set_back == []
