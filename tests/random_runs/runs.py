"""Carry one run out: start the program, kill it as its plan says, resume it to its end, undo it; check all of it."""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from tests.forked_runs import Command, Warm
from tests.random_runs import checks, plans, victims
from tests.random_runs.answers import MAX_KEYS
from tests.random_runs.changes import Changes
from tests.random_runs.checks import Left, Names, Tables, text_of
from tests.random_runs.plans import PATIENT, Flags, Plan, Stroke
from tests.random_runs.scene import Kill, Scene
from tests.random_runs.server import ScriptedServer
from tests.random_runs.tables import Order, Table
from tests.random_runs.values import text
from tests.random_runs.watch import Watch
from tests.random_runs.worlds import REGIONS
from tests.servers import environment
from tests.tables import ROOT

TIMEOUT = 600.0
"""Seconds for one attempt at a run: the slowest take ten, and a hundred on a machine that has much else to do."""
KILLED = (-9, 143, -15)
"""How a killed run ends: on SIGTERM by the signal itself where it had nothing left to do."""
AFRESH = "starting afresh"
"""What a run says on stderr that was to go on, and begins: only items that failed were left, or nothing was begun."""
MORE = 4
"""Attempts after the last kill at most: where an item has failed, the one that ends the job is followed by another."""
_numbers = itertools.count()


class Stage:
    """A server, and a process that forks the program, for one run after the other; safe for threads."""

    def __init__(self) -> None:
        self.server = ScriptedServer()
        shared = Path("/dev/shm")  # memory: what is synced there costs nothing
        self.folder = Path(tempfile.mkdtemp(prefix="random-runs-", dir=shared if shared.is_dir() else None))
        self._running: set[int] = set()

    def __enter__(self) -> Stage:
        self.server.__enter__()
        self.warm = Warm(ROOT, environment(PYTHONPATH=str(ROOT)))
        return self

    def __exit__(self, *_: object) -> None:
        self.warm.close()
        self.server.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command: Command, there: Callable[[int], object]) -> int | None:
        """Run the program and give its exit code, None where it does not end; `there` is told its process."""
        started = self.warm.start(command)
        self._running.add(started.pid)
        there(started.pid)
        code = started.wait(TIMEOUT)
        if code is None:
            victims.end(started.pid)
        self._running.discard(started.pid)
        return code

    def abandon(self) -> None:
        """Kill all that is under way, and take the files away."""
        for pid in list(self._running):
            victims.end(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def carry_out(self, plan: Plan, kept: Path | None = None) -> list[str]:
        """Carry a run out and say what is wrong; `kept` is where its files go then."""
        run = Run(self, plan)
        try:
            wrong = list(run.checked())
        except Exception as error:  # of the harness, or of files in a form that it cannot read
            wrong = [*run.scene.watch.wrong, f"{type(error).__name__}: {error}"]
        if wrong and kept is not None:
            run.keep(kept)
        run.close()
        return wrong


class Run:
    """One run on its stage."""

    def __init__(self, stage: Stage, plan: Plan):
        self._stage = stage
        self.plan = plan
        self.folder = stage.folder / f"{plan.seed}-{next(_numbers)}"
        self.folder.mkdir()
        self.scene = _scene(plan, self.folder.name, self._log)
        self.names = Names(str(self.scene.tables[0]), [str(table) for table in self.scene.tables[1:]])
        self._attempts: list[Left] = []
        self._changes = self.scene.changes
        stage.server.add(self.scene)

    def close(self) -> None:
        """Forget everything."""
        self._stage.server.remove(self.scene)
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, folder: Path) -> None:
        """Keep the files of a run that went wrong, and all requests."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        (folder / "plan").write_text(f"{self.plan}\n{self.plan.world}\n", encoding="utf-8")
        (folder / "requests").write_text("\n".join(self.scene.requests), encoding="utf-8")

    def checked(self) -> Iterator[str]:
        """Carry it out, and yield what is wrong."""
        first = self.scene.held()
        left, before = yield from self._to_the_end(first)
        if left is None:
            return
        if not self.scene.quiet():
            yield "requests are still under way"
        if self.plan.mode == "moving":
            self.scene.settle()
            yield from checks.moving(left, self.names)
        else:
            yield from checks.at_rest(self.plan, before, self.scene.held(), left, self.names)
            yield from self._units(left)
        yield from self._files()
        yield from self.scene.watch.wrong
        if self._log is not None and self.plan.undo:
            yield from self._undone(first)
        elif self.plan.mode == "moving":
            yield from self._mended()

    @property
    def _log(self) -> Path | None:
        return self.folder / "undo.jsonl" if self.plan.flags["undo_log"] else None

    def _to_the_end(self, before: Tables) -> Generator[str, None, tuple[Left | None, Tables]]:
        """Start the program until it comes to its end.

        Give what it left then, None where it does not end, and the tables at the beginning of the job that ended: where
        only items that failed were left of one, another begins.
        """
        self.scene.failures = [] if self.plan.failure is None else [self.plan.failure]
        now = before
        for strokes in self._by_attempt():
            left = self._attempt(strokes)
            if left is None:
                yield f"attempt {len(self._attempts)} did not end within {TIMEOUT:.0f} s"
                return None, before
            if AFRESH in left.stderr:
                before = now
            now = self.scene.held()
            if any(kill.done for kill in self.scene.kills) and left.code in KILLED:
                if left.code == 143:
                    yield from checks.form(left, self.names, complete=False)
            elif checks.is_complete(left):
                return left, before
            else:
                yield from checks.broken(self.plan, (before, now), left, self.names)
                self.scene.failures = []
        yield "it does not come to its end"
        return None, before

    def _by_attempt(self) -> Iterator[Sequence[Stroke]]:
        """Yield what strikes each attempt, at last nothing; workers are killed beside whatever comes next."""
        waiting: list[Stroke] = []
        for stroke in self.plan.strokes:
            waiting.append(stroke)
            if stroke.victim != "worker":
                yield waiting
                waiting = []
        yield waiting
        yield from itertools.repeat((), MORE)

    def _attempt(self, strokes: Sequence[Stroke]) -> Left | None:
        return self._started(self._arguments(self.plan.flags, "run"), "run", strokes)

    def _arguments(self, flags: Flags, name: str) -> list[str]:
        given = dict(flags)
        if given["undo_log"]:
            given["undo_log"] = self._log
        if given.get("checkpoint"):
            given["checkpoint"] = self.folder / f"{name}.checkpoint"
        tables = ["-m", self.names.master, *(word for slave in self.names.slaves for word in ("-s", slave))]
        return [*tables, *self._outputs(name), *plans.arguments(given)]

    def _outputs(self, name: str) -> list[str]:
        files = ["--report", str(self.folder / f"{name}.report"), "--stats", str(self.folder / f"{name}.stats")]
        return ["--endpoint-url", self._stage.server.url, *files]

    def _started(self, arguments: Sequence[str], name: str, strokes: Sequence[Stroke] = ()) -> Left | None:
        files = self.folder / f"{name}-{len(self._attempts)}"
        files.mkdir()
        first: Future[int] = Future()
        port = self._stage.server.port
        self.scene.kills = [
            Kill(each.at, each.write, each.made, victims.strike(each, first.result, port)) for each in strokes
        ]
        folder = str(files)
        command = Command(arguments, environment(PYTHONPATH=str(ROOT)), folder, folder, "tests.random_runs.often", True)
        code = self._stage.run(command, first.set_result)
        if code is None:
            return None
        report, stats = (text_of(self.folder / f"{name}.{what}") for what in ("report", "stats"))
        self._attempts.append(Left(code, text_of(files / "stderr"), report, stats))
        return self._attempts[-1]

    def _units(self, left: Left) -> Iterator[str]:
        if self.plan.mode == "plain" and len(self._attempts) == 1:
            told = [(table.read_units, table.write_units) for table in self.scene.tables]
            yield from checks.units(left, told, self.names)

    def _files(self) -> Iterator[str]:
        """Check that a run which is complete leaves nothing that only another would need."""
        left = [path.name for path in self.folder.glob("*.checkpoint*")]
        if left:
            yield f"left behind: {left}"

    def _undone(self, before: Tables) -> Iterator[str]:
        changed = self._changed()
        self.scene.failures = []  # what the run ended too early to meet is not the undo's to bear
        self.scene.watch = Watch(self.scene.tables[0].name, missing=True, differing=True, extra=True)
        left = self._started(["undo", str(self._log), *self._outputs("undo"), *plans.arguments(PATIENT)], "undo")
        if left is None:
            yield "the undo did not end"
            return
        self.scene.quiet()
        yield from self.scene.watch.wrong
        if left.code != 0 and self.plan.mode != "moving":
            yield f"the exit code of the undo is {left.code}"
        yield from checks.undone(before, self.scene.held(), changed, self.names, self.plan.world.key_names)

    def _changed(self) -> list[set[Hashable]]:
        """Give the keys of each slave that nobody but the run can have changed."""
        touched = set() if self._changes is None else self._changes.touched
        return [
            {table.form(item) for item in (*table.items.values(), *items)}
            - {form for name, form in touched if name == str(table)}
            for table, items in zip(self.scene.tables[1:], self.plan.world.slaves, strict=True)
        ]

    def _mended(self) -> Iterator[str]:
        """Run once more, at rest, with every flag that writes, and check that against brute force."""
        before = self.scene.held()
        flags = {**self.plan.flags, "undo_log": None}
        plan = replace(self.plan, mode="plain", flags=flags, strokes=())
        self.scene.watch.moving, self.scene.watch.log = False, None
        left = self._started(self._arguments(flags, "again"), "again")
        if left is None:
            yield "the second run did not end"
            return
        self.scene.quiet()
        yield from checks.at_rest(plan, before, self.scene.held(), left, self.names)
        yield from self.scene.watch.wrong


def _scene(plan: Plan, name: str, log: Path | None) -> Scene:
    """Put the tables of a plan on the stage."""
    chance = random.Random(plan.seed + 1)
    world, flags = plan.world, plan.flags
    tables = []
    for place, items in enumerate((world.master, *world.slaves)):
        order = Order(world.order, world.salt, world.salt + place)
        ghosts = [{key: {kind: _ghost(chance, kind)} for key, kind in world.keys} for _ in range(world.ghosts)]
        table = Table(f"{name}-{place}", REGIONS[place], world.keys, order, world.ttl[place], ghosts)
        table.fill(items)
        tables.append(table)
    watch = Watch(
        tables[0].name,
        missing=flags["write_missing"],
        differing=flags["write_differing"],
        extra=flags["delete_extra"],
        consistent=flags["consistent_read"],
        scan_limit=flags["scan_limit"],
        batch_limit=flags["batch_read_limit"] or MAX_KEYS,
        log=log,
        moving=plan.mode == "moving",
    )
    changes = None
    if plan.mode == "moving":
        changes = Changes(tables, world.spare, chance, chance.choice((0.1, 0.3, 0.6)), 40, chance.choice((0, 5, 20)))
    return Scene(tables, plan.weather, chance, watch, changes)


def _ghost(chance: random.Random, kind: str) -> str:
    return {"N": str(chance.randint(10**6, 10**7)), "S": f"ghost {text(chance)}", "B": "Z2hvc3Q="}[kind]
