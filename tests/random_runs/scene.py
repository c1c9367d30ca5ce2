"""The tables of one run on the server, and what happens to them: weather, kills, changes from elsewhere, and a watch.

The watch notes what no run may ever do: write to the master, write what its flags do not allow, write before the undo
log says so, write `aws:rep:*`, take an item of a slave back to an older version.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.random_runs.answers import Answers
from tests.random_runs.changes import Changes
from tests.random_runs.failures import Failure
from tests.random_runs.tables import Table
from tests.random_runs.trouble import WRITES, Reply, Weather, error, shown, spoilt
from tests.random_runs.watch import Watch
from tests.tables import Item

QUIET = 20.0
"""Seconds that requests may take to be carried out after a run has ended."""


@dataclass
class Kill:
    """Strike at the `at`-th request (of writes only, where `write`), and have it carried out or not (`made`)."""

    at: int
    write: bool
    made: bool
    strike: Callable[[int], bool]
    seen: int = 0
    done: bool = False

    def struck(self, port: int) -> bool:
        """Strike because of a request over this connection; where nobody is hit, another one will do."""
        self.done = self.strike(port)
        return self.done


@dataclass(frozen=True)
class Request:
    """A request as it came in; `port` tells the connection that it came over."""

    operation: str
    table: str
    body: dict[str, Any]
    port: int = 0


@dataclass
class Scene:
    """The tables of one run, the master first. Safe for threads."""

    tables: Sequence[Table]
    weather: Weather
    chance: random.Random
    watch: Watch
    changes: Changes | None = None
    requests: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kills: list[Kill] = field(default_factory=list)
    failures: Sequence[Failure] = ()

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._idle = threading.Condition(self._lock)
        self._by_name = {table.name: table for table in self.tables}
        self._answers = Answers(self.weather, self.chance, self._write)

    def serve(self, request: Request, cut: Callable[[], None]) -> Reply | None:
        """Answer a request; None where its connection was `cut`."""
        with self._lock:
            self._under_way += 1
        try:
            return self._serve(request, cut)
        finally:
            with self._lock:
                self._under_way -= 1
                self._idle.notify_all()

    def quiet(self) -> bool:
        """Wait until every request that has arrived is carried out; False where that takes too long."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._under_way, QUIET)

    def held(self) -> list[list[Item]]:
        """Give what the tables hold now."""
        with self._lock:
            return [list(table.items.values()) for table in self.tables]

    def settle(self) -> None:
        """Bring all changes that are under way to the slaves, make no more, and let every read see them."""
        with self._lock:
            if self.changes is not None:
                self.changes.end()
                self.changes = None
            for table in self.tables:
                table.forget()

    def _serve(self, request: Request, cut: Callable[[], None]) -> Reply | None:
        with self._lock:
            self.counts[request.operation] += 1
            self.requests.append(f"{request.operation} {request.table} {shown(request.body)}")
            table = self._by_name[request.table]
            self.watch.request(table, request.operation, request.body)
            if self.changes is not None:
                self.changes.go_on()
            trouble = self.weather.befalls(request.operation, self.chance)
            killed = self._due(request)
            failed = self._failed(request, table)
        made = [each.made for each in killed if each.struck(request.port)]
        if made and not all(made):
            cut()
            return None
        if failed is not None:
            return failed
        if trouble.instead is not None:
            return trouble.instead
        if trouble.cut:
            cut()
        if trouble.cut and not trouble.effect:
            return None
        if trouble.wait:
            time.sleep(trouble.wait)
        reply = self._carried_out(request, table)
        if trouble.lost:
            cut()
        return None if trouble.cut or trouble.lost else spoilt(reply, trouble.after)

    def _carried_out(self, request: Request, table: Table) -> Reply:
        with self._lock:
            reply = self._answers.answer(request.operation, table, request.body)
            self.requests.append(f"  answered {request.operation} {reply.status} {reply.body[:300]!r}")
            if reply.status == 400 and b"ValidationException" in reply.body:
                self.watch.invalid(request.operation, reply.body)
            return reply

    def _failed(self, request: Request, table: Table) -> Reply | None:
        place, seen = self.tables.index(table), self.counts[table.name]
        self.counts[table.name] += 1
        for failure in self.failures:
            if failure.strikes(place, table, request.operation, request.body, seen):
                return failure.answer
        return None

    def _due(self, request: Request) -> list[Kill]:
        due = []
        for kill in self.kills:
            kill.seen += not kill.write or request.operation in WRITES
            if kill.seen >= kill.at and not kill.done:
                kill.done = True
                due.append(kill)
        return due

    def _write(self, table: Table, key: Item, item: Item | None) -> None:
        form = table.form(key)
        master = self.tables[0].items.get(form)
        self.watch.write(table, key, table.items.get(form), item, master)
        self.counts["effective writes"] += 1
        table.set(form, item)


def unknown_table() -> Reply:
    """Answer a request to a table that is not there."""
    return error("ResourceNotFoundException")
