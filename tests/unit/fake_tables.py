"""Tables that are played in memory: any order of scanning, any pages, any segments; what was asked is counted."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec
from msgspec import Raw

from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.client import BatchAnswer
from fastsync.aws.clients import Clients
from fastsync.aws.scan import Scan
from fastsync.errors import RequestFailed
from fastsync.model.difference import Tally
from fastsync.model.keys import Key, KeyReader
from fastsync.model.messages.events import Event, OrdersDisagree, PageDone, TaskDone
from fastsync.model.messages.tasks import SegmentTask
from fastsync.model.messages.terms import Terms
from fastsync.model.page import Page
from fastsync.model.settings import Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import Endpoint, KeySchema, Side, Table, TableRef
from fastsync.workers.task import run_task

PAGE = 1 << 20
"""Bytes of items in a page."""


class Transport:
    """Retries without waiting."""

    retrying = Retrying(2, 0.0)

    @staticmethod
    def sleep(_: float) -> None:
        """Do not wait."""


@dataclass(frozen=True)
class Change:
    """What happens to an item just before a table answers its request of this number: it is put, or deleted (None)."""

    request: int
    key: Key
    item: Raw | None


@dataclass
class Played:
    """A table whose items, in the order of its scan, are `items`; `segment` says which one a key is in.

    `scanned`, `looked_up` and `held_most` count items that scans brought, keys that were looked up, and the bytes of
    pages that were in anybody's hands at once. `fails` says whether a request fails for good, by its operation. `twice`
    has a key (DynamoDB JSON) come once more, at a place in the scan. `changes` happen to items that were there.
    """

    name: str
    schema: KeySchema
    items: dict[Key, Raw]
    per_page: int | None = None
    segment: Callable[[Key, int], int] = lambda _, __: 0
    fails: Callable[[str], bool] = lambda _: False
    twice: tuple[int, bytes] = (0, b"")
    changes: Sequence[Change] = ()
    scanned: int = 0
    looked_up: int = 0
    held: int = 0
    held_most: int = 0
    transport: Any = field(default_factory=Transport)
    reads: Budget = field(default_factory=lambda: Budget(PrivateCell()))

    def __post_init__(self) -> None:
        self.keys = KeyReader(self.schema)
        ref = TableRef(self.name, "local", self.name)
        self.side = Side(Table(ref, self.schema, (self.name,)), Endpoint("http://played"), 0)
        # pages come and go on any thread, and one may go while another is being counted
        self._lock = threading.RLock()
        self._orders: dict[tuple[int, int], list[Key]] = {}
        self._all = list(self.items)
        self._requests = 0

    def scan_page(self, scan: Scan, start: bytes) -> Page:
        """Give a page of a segment, which ends after PAGE bytes or after `per_page` items."""
        self._check("Scan")
        order = self._order(scan.number, scan.total)
        first = len(order) - order[::-1].index(self.keys.read_key(start)) if start else 0
        size, last = 0, first
        there = self.items
        while last < len(order) and size < PAGE and (self.per_page is None or last - first < self.per_page):
            size += len(there.get(order[last], b""))
            last += 1
        found = [there[key] for key in order[first:last] if key in there]
        self.scanned += len(found)
        more = _spell(order[last - 1]) if last < len(order) else b""
        page = Page(found, more, self.keys, size)
        self._follow(page, size)
        return page

    def batch_get(
        self, keys: Sequence[Key], _consistent: bool, _keys_only: bool = False, _checked: bool = False
    ) -> BatchAnswer:
        """Look keys up."""
        self._check("BatchGetItem")
        self.looked_up += len(keys)
        there = self.items
        return BatchAnswer([there[key] for key in keys if key in there], [])

    @staticmethod
    def take_usage() -> Tally:
        """Nothing costs anything here."""
        return Tally()

    @staticmethod
    def keys_at_once(most: int, _consistent: bool) -> int:
        """Nothing is limited here."""
        return most

    def _check(self, operation: str) -> None:
        if self.fails(operation):
            raise RequestFailed(f"{self.name}: {operation} fails")
        with self._lock:
            self._requests += 1
            for change in self.changes:
                if change.request == self._requests:
                    self._change(change)

    def _change(self, change: Change) -> None:
        """Put a new dictionary in the place of the old one, which other threads may be reading."""
        rest = {key: item for key, item in self.items.items() if key != change.key}
        self.items = rest if change.item is None else {**rest, change.key: change.item}

    def change(self, key: bytes, value: str) -> None:
        """Have somebody else put an item of another value (see `make`), unless there is one of a later one."""
        found = self.keys.read_key(key)
        with self._lock:
            there = self.items.get(found)
            if there is None or msgspec.json.decode(there)["v"]["S"] < value:
                new = Raw(key[:-1] + b',"v":{"S":"%s"},"pad":{"S":""}}' % value.encode())
                self._change(Change(0, found, new))

    def _order(self, number: int, total: int) -> list[Key]:
        if (number, total) not in self._orders:
            order = [key for key in self._all if self.segment(key, total) % total == number]
            order[self.twice[0] : self.twice[0]] = [self.keys.read_key(self.twice[1])] if self.twice[1] else []
            self._orders[number, total] = order
        return self._orders[number, total]

    def _follow(self, page: Page, size: int) -> None:
        self._hold(size)
        weakref.finalize(page, self._hold, -size)

    def _hold(self, size: int) -> None:
        with self._lock:
            self.held += size
            self.held_most = max(self.held_most, self.held)


class PlayedClients:
    """Give played tables for clients."""

    def __init__(self, tables: Iterable[Played]):
        self._tables = {table.side: table for table in tables}

    def client_of(self, side: Side, _reading: Reading, _retrying: Retrying) -> Any:
        """Give a table."""
        return self._tables[side]

    def begin_task(self) -> None:
        """Nothing is opened here."""

    def end_task(self) -> None:
        """Nothing is closed here."""

    @staticmethod
    def sleep(_: float) -> None:
        """Do not wait."""


@dataclass
class Came:
    """What the segments of a run came to: counters by table, the master first, and every difference, sorted."""

    tallies: list[Tally]
    found: list[tuple[str, str, str]]
    ends: Sequence[Event]
    disagreed: int

    @classmethod
    def of(cls, events: Sequence[Event], tables: int) -> Came:
        """Add events up."""
        tallies = [Tally() for _ in range(tables)]
        pages = [event for event in events if isinstance(event, PageDone)]
        for page in pages:
            for place, more in enumerate((page.master, *page.tallies)):
                tallies[place] += more
        told = [each for page in pages for each in (*page.differences, *page.extras)]
        found = sorted((each.slave, each.verdict.value, str(each.key)) for each in told)
        ends = [event for event in events if not isinstance(event, PageDone | OrdersDisagree)]
        return cls(tallies, found, ends, sum(isinstance(event, OrdersDisagree) for event in events))


def terms(tables: Sequence[Played], extras: bool = True, recheck: bool = True, strategy: str = "merge") -> Terms:
    """Give the terms of a run that only reports."""
    master, *slaves = (table.side for table in tables)
    parts = (Reading(), Retrying(), Judging(recheck=recheck), Repairing(find_extras=extras))
    return Terms(master, tuple(slaves), *parts, strategy=StrategyName(strategy))


def run_events(tables: Sequence[Played], given: Terms, total: int = 1, resume: bytes = b"") -> list[Event]:
    """Run all segments, the first one from a resume point where one is given."""
    access = cast(Clients, PlayedClients(tables))
    events: list[Event] = []
    for number in range(total):
        task = SegmentTask(given, number, total)
        events += run_task(replace(task, resume=resume), access, lambda: False)
    return events


def run(tables: Sequence[Played], total: int = 1, **given: Any) -> Came:
    """Run all segments to their ends, which must be good ones."""
    came = Came.of(run_events(tables, terms(tables, **given), total), len(tables))
    assert all(isinstance(end, TaskDone) for end in came.ends), came.ends
    return came


def expected(tables: Sequence[Played], extras: bool = True) -> tuple[list[dict[str, int]], list[tuple[str, str, str]]]:
    """Compare tables by brute force: each slave's verdicts, and every difference, sorted."""
    master = tables[0].items
    counted, found = [], []
    for slave in tables[1:]:
        its = slave.items
        verdicts = {
            "missing": [key for key in master if key not in its],
            "differing": [key for key in master if key in its and its[key] != master[key]],
            "extra": [key for key in its if key not in master] if extras else [],
        }
        counts = {verdict: len(keys) for verdict, keys in verdicts.items()}
        counts["same"] = len(master) - counts["missing"] - counts["differing"]
        counted.append(counts)
        found += [(slave.name, verdict, told(key)) for verdict, keys in verdicts.items() for key in keys]
    return counted, sorted(found)


def hold(came: Came, tables: Sequence[Played], extras: bool = True) -> None:
    """Hold what a run came to against brute force: nothing missed, nothing twice, nothing settled."""
    counted, found = expected(tables, extras)
    assert came.found == found
    master, *slaves = came.tallies
    assert master.scanned == len(tables[0].items)
    for tally, counts, table in zip(slaves, counted, tables[1:], strict=True):
        assert {name: getattr(tally, name) for name in counts} == counts
        assert (tally.settled, tally.expired) == (0, 0)
        assert tally.scanned == len(table.items) or (came.disagreed and not extras)


def make(name: str, schema: KeySchema, items: Mapping[bytes, str], pad: int = 0, **more: Any) -> Played:
    """Make a table of items given as key (DynamoDB JSON) → value, each about `pad` bytes."""
    reader = KeyReader(schema)
    filled = b"x" * pad
    spelled = {
        reader.read_key(key): Raw(key[:-1] + b',"v":{"S":"%s"},"pad":{"S":"%s"}}' % (value.encode(), filled))
        for key, value in items.items()
    }
    return Played(name, schema, spelled, **more)


def _spell(key: Key) -> bytes:
    return msgspec.json.encode(key)


def told(key: Key) -> str:
    """Spell a key as the differences of Came do."""
    return str(msgspec.json.decode(_spell(key)))
