"""Two writers at work while fastsync repairs and deletes, over and over: nothing newer is lost to something older.

One writer changes the master. The other carries each change to the slave, late and in order, as a replication does.
Every write of fastsync passes the proxy one at a time, where what it replaces is looked at.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Reply
from tests.functional.tables_behind_proxy import World, item
from tests.tables import Item

KEYS = [f"k{number}" for number in range(25)]
LATE = 0.03
"""Seconds that reads and writes of fastsync take at most longer than they would, for races to be lost in."""
RUNS = int(os.environ.get("FASTSYNC_SOAK_RUNS", "20"))
ALL = ("--write-missing", "--write-differing", "--delete-extra", "--allow-empty-master")


def _version(each: Item | None) -> int:
    return 0 if each is None else int(each["v"]["N"])


@dataclass
class Writers:
    """The two writers, and what fastsync was seen to do. Versions of a key only ever grow, also over deletes."""

    made: World
    seed: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    late: deque[tuple[float, str, Item | None]] = field(default_factory=deque)
    on_master: dict[str, Item | None] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)
    repairs: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let both write meanwhile; at the end what is under way is carried over."""
        threads = [threading.Thread(target=work) for work in (self._change, self._carry)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _change(self) -> None:
        chance, version = random.Random(self.seed), 0
        while not self.stop.is_set():
            version += 1
            key = chance.choice(KEYS)
            new = item(key, v=version) if chance.random() < 0.7 else None
            with self.lock:
                if new is None:
                    self.made.master.delete(key)
                else:
                    self.made.master.put(new)
                self.on_master[key] = new
                self.late.append((time.monotonic() + chance.uniform(0, 0.1), key, new))
            time.sleep(chance.uniform(0, 0.004))

    def _carry(self) -> None:
        while self.late or not self.stop.is_set():
            if not self.late:
                time.sleep(0.001)
                continue
            due, key, new = self.late.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            with self.lock:
                if new is None:
                    self.made.slave.delete(key)
                else:
                    self.made.slave.put(new)

    def watched(self, exchange: Exchange) -> Reply:
        """Let one write of fastsync through, somewhat late, and look at what it replaces."""
        time.sleep(random.uniform(0, LATE))
        with self.lock:
            new: Item | None = exchange.body.get("Item")
            key = (new or exchange.body["Key"])["id"]["S"]
            old = self.made.slave.get(key)
            reply = exchange.forward()
            if reply.status == 200:
                self.repairs += 1
                if new is not None and _version(old) > _version(new):
                    self.wrongs.append(f"{old} was replaced by the older {new}")
                if new is None and old is not None and old == self.on_master.get(key):
                    self.wrongs.append(f"{old} was deleted, and is alive on the master")
            return reply


@pytest.mark.parametrize(
    ("seed", "flags"),
    [(1, ()), (2, ("--version-attribute", "v")), (3, ("--strategy", "merge"))],
    ids=["lookup", "versions", "merge"],
)
def test_nothing_newer_is_replaced_and_nothing_alive_is_deleted(
    make_world: MakeWorld, seed: int, flags: tuple[str, ...]
) -> None:
    """While both tables change, no write puts an older version in place of a newer one, no delete takes a live item."""
    made = make_world([], [])
    writers = Writers(made, seed)
    made.proxy.add(writers.watched, ("PutItem", "DeleteItem"))
    made.proxy.add(faults.delayed(LATE / 4), "BatchGetItem", where=lambda each: each.consistent)
    with writers.at_work():
        for _ in range(RUNS):
            ran = made.run_inline(*ALL, *flags)
            assert ran.stats["errors"] == []
    assert writers.wrongs == []
    assert writers.repairs > RUNS
    assert made.run_inline(*ALL).exit_code == 0
    assert made.slave.all() == made.master.all()
