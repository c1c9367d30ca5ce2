"""Tables that change during a run: the master moves on, and slaves follow with a lag, each key's changes in order."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from tests.random_runs import values
from tests.random_runs.tables import Table
from tests.random_runs.watch import version as version_of
from tests.random_runs.worlds import VERSION
from tests.tables import Item


@dataclass
class Changes:
    """Change the master at some requests, and bring each change to every slave some requests later.

    Every item has a version that only grows, over deletes too; a slave takes a change only where it is newer than what
    is there, as replication does. `touched` names what was changed at all.
    """

    tables: Sequence[Table]
    spare: Sequence[Item]
    chance: random.Random
    rate: float
    most: int
    lag: int
    touched: set[tuple[str, Hashable]] = field(default_factory=set)
    _now: int = 0
    _version: int = 100
    _queues: list[deque[tuple[int, Item, Item | None, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._queues = [deque() for _ in self.tables[1:]]

    def go_on(self) -> None:
        """Pass the time of one request."""
        self._now += 1
        if self.most and self.chance.random() < self.rate:
            self.most -= 1
            self._change()
        self._deliver(self._now)

    def end(self) -> None:
        """Bring everything that is under way."""
        self._deliver(None)

    def _change(self) -> None:
        master = self.tables[0]
        known = [master.key_of(item) for table in self.tables for item in table.items.values()]
        key = self.chance.choice([*known, *self.spare])
        self._version += 1
        item: Item | None = {
            **{name: values.value(self.chance) for name in ("a", "b") if self.chance.random() < 0.5},
            **key,
            VERSION: {"N": str(self._version)},
        }
        if self.chance.random() < 0.35:
            item = None
        form = master.form(key)
        master.set(form, item)
        self.touched.update((str(table), form) for table in self.tables)
        for queue in self._queues:
            queue.append((self._now + self.chance.randint(0, self.lag), key, item, self._version))

    def _deliver(self, now: int | None) -> None:
        for table, queue in zip(self.tables[1:], self._queues, strict=True):
            while queue and (now is None or queue[0][0] <= now):
                _, key, item, version = queue.popleft()
                form = table.form(key)
                there = table.items.get(form)
                if there is None or version_of(there) < version:
                    table.set(form, item)
