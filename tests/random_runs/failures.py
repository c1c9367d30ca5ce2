"""What goes wrong for good, until it is mended: an item that is not taken, a segment, a table, or all writes to it."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from tests.e2e import canonical
from tests.random_runs.tables import Table
from tests.random_runs.trouble import WRITES, Reply, error
from tests.random_runs.worlds import World
from tests.tables import Item

DESCRIBES = frozenset(("DescribeTable", "DescribeTimeToLive"))
KINDS = ("item", "item", "segment", "lookups", "writes", "table", "all")
DENIED, FAILED = error("AccessDeniedException"), error("InternalServerError", 500)
NOT_TAKEN = error("ItemCollectionSizeLimitExceededException")


@dataclass(frozen=True)
class Failure:
    """Fail requests of one `kind` to the `place`-th table, from the one after `spared` others on, with `answer`."""

    kind: str
    place: int
    spared: int
    answer: Reply
    segment: int = 0
    key: Hashable = None

    def strikes(self, place: int, table: Table, operation: str, body: Item, seen: int) -> bool:
        """Say whether it strikes this request, before which the table had so many."""
        if place != self.place:
            return False
        if self.kind == "item":
            return operation in WRITES and self.key in {table.form(each) for each in _written(body)}
        if seen < self.spared:
            return False
        match self.kind:
            case "segment":
                return operation == "Scan" and body.get("Segment", 0) == self.segment
            case "lookups":
                return operation == "BatchGetItem"
            case "writes":
                return operation in WRITES
            case "table":
                return operation not in DESCRIBES
            case _:
                return True


def make(chance: random.Random, world: World) -> Failure:
    """Draw what fails in a run on these tables."""
    kind = chance.choice(KINDS)
    slaves = range(1, 1 + len(world.slaves))
    place = chance.choice(slaves) if kind in ("item", "writes") else chance.choice((0, *slaves))
    known = [*world.master, *world.slaves[place - 1]]
    key = None
    if kind == "item" and known:
        item = chance.choice(known)
        key = canonical.item({name: item[name] for name in world.key_names})
    answer = NOT_TAKEN if kind == "item" else chance.choice((DENIED, FAILED))
    spared = 0 if kind == "all" else chance.choice((0, 1, 5, 20))
    return Failure(kind, place, spared, answer, chance.choice((0, 0, 1, 2)), key)


def _written(body: Item) -> Iterator[Item]:
    """Give the items, or keys, that a request is to write."""
    for asked in body.get("RequestItems", {}).values():
        yield from (each["PutRequest"]["Item"] for each in asked)
    if "RequestItems" not in body:
        yield body.get("Item") or body["Key"]
