"""Workers that die with writes under way, played in memory: their requests arrive later, or never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from msgspec import Raw

from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.clients import Clients
from fastsync.aws.writes.conditional import Condition, Write, WriteAnswer
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key
from fastsync.model.messages.events import Event, TaskFailed
from fastsync.workers.executor import T
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.task import run_task
from tests.unit.fake_tables import Played, PlayedClients


class Killed(BaseException):
    """The worker is gone: whatever it does after this is seen by nobody."""


@dataclass
class Fate:
    """When workers die, and when what they had sent arrives.

    Attempt number i dies at its write number `deaths[i]`, from 1. That write and those beside it are under way then:
    each arrives before the request whose number, counted from the death, `arrivals` gives, None: it was never sent.
    """

    deaths: Sequence[int] = ()
    arrivals: Callable[[], int | None] = lambda: 0
    under_way: list[tuple[int, Callable[[], object]]] = field(default_factory=list)
    requests: int = 0
    dead: int = 0
    writes: int = 0
    died: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.RLock()

    def tick(self) -> None:
        """Count a request, and let arrive before it what is due."""
        with self._lock:
            self.requests += 1
            due = [arrive for at, arrive in self.under_way if at <= self.requests]
            self.under_way = [each for each in self.under_way if each[0] > self.requests]
            for arrive in due:
                arrive()

    def at(self, request: int, happens: Callable[[], object]) -> None:
        """Let something happen before a request of this number."""
        self.under_way.append((request, happens))

    def at_rest(self) -> None:
        """Let everything arrive."""
        for _, arrive in self.under_way:
            arrive()
        self.under_way = []

    def sent(self, arrive: Callable[[], object]) -> None:
        """Count a write; raise Killed where the worker dies with it, or has died by now."""
        with self._lock:
            self.writes += 1
            if self.dead >= len(self.deaths) or self.writes < self.deaths[self.dead]:
                return
            after = self.arrivals()
            if after is not None:
                self.under_way.append((self.requests + 1 + after, arrive))
            self.died = True
        raise Killed

    def bury(self) -> None:
        """Begin with another attempt."""
        self.dead += 1
        self.writes = 0
        self.died = False


@dataclass
class Slave(Played):
    """A played table that can be written to; `order` is the scan's, of all keys that there may ever be.

    `set_back` are items that were overwritten by one of a lower version.
    """

    fate: Fate = field(default_factory=Fate)
    order: Sequence[Key] = ()
    set_back: list[tuple[Raw, Raw]] = field(default_factory=list)
    writes: Budget = field(default_factory=lambda: Budget(PrivateCell()))

    def __post_init__(self) -> None:
        super().__post_init__()
        self._all = list(self.order)

    def write_all(self, writes: Sequence[Write], pool: Executor) -> list[WriteAnswer | IncompleteError]:
        """Put and delete items on conditions, all of them at once."""
        return list(pool.map(self._send_write, writes))

    def batch_write_all(self, batches: Sequence[Sequence[bytes]], pool: Executor) -> list[Sequence[Key]]:
        """Put batches of items, all of them at once, and leave none unprocessed."""
        return [coming.result() for coming in [pool.submit(self.batch_write, batch) for batch in batches]]

    def batch_write(self, items: Sequence[bytes]) -> Sequence[Key]:
        """Put items, and leave none unprocessed."""
        self._check("BatchWriteItem")
        self.fate.sent(lambda: [self._write(self.keys.read_key(item), Raw(item), None) for item in items])
        for item in items:
            self._write(self.keys.read_key(item), Raw(item), None)
        return []

    @staticmethod
    def writes_at_once(most: int) -> int:
        """Write two items in a batch, so that there are several."""
        return min(most, 2)

    def _send_write(self, write: Write) -> WriteAnswer | IncompleteError:
        self._check("DeleteItem" if write.deletes else "PutItem")
        key, new = self.keys.read_key(write.value), None if write.deletes else Raw(write.value)
        try:
            self.fate.sent(lambda: self._write(key, new, write.condition))
        except Killed:
            return IncompleteError("nobody sees this")
        return self._write(key, new, write.condition)

    def _write(self, key: Key, new: Raw | None, condition: Condition | None) -> WriteAnswer:
        with self._lock:
            there = self.items.get(key)
            if condition is not None and not _holds(condition, there):
                return WriteAnswer(False, there, 1)
            if there is not None and new is not None and _version(new) < _version(there):
                self.set_back.append((there, new))
            rest = {each: item for each, item in self.items.items() if each != key}
            self.items = rest if new is None else {**rest, key: new}
            return WriteAnswer(True, None, 1)


def _version(item: Raw) -> int:
    return int(msgspec.json.decode(item)["v"]["S"])


def _holds(condition: Condition, there: Raw | None) -> bool:
    """Evaluate a condition as the service does, as far as conditions of repairs go."""
    item: dict[str, Any] = {} if there is None else msgspec.json.decode(there)
    for clause in condition.expression.split(" AND "):
        if clause.startswith("attribute_not_exists("):
            holds = condition.names[clause[21:-1]] not in item
        elif clause.startswith("attribute_exists("):
            holds = condition.names[clause[17:-1]] in item
        else:
            name, _, value = clause.partition("=")
            holds = item.get(condition.names[name]) == msgspec.json.decode(condition.values[value])
        if not holds:
            return False
    return True


class MortalExecutor:
    """Run tasks in this process, on workers that die as fate has it."""

    def __init__(self, tables: Iterable[Played], fate: Fate):
        self._access = cast(Clients, PlayedClients(tables))
        self._fate = fate

    def run(self, tasks: Iterable[T], _: Interrupt) -> Generator[tuple[T, Event], None, None]:
        """Yield every task's events; a task whose worker died comes again."""
        for task in tasks:
            for event in run_task(task, self._access, lambda: False):
                if self._fate.died:
                    break
                yield task, event
            if self._fate.died:
                self._fate.bury()
                yield task, TaskFailed(f"{task}: its worker process was killed", died=True)
