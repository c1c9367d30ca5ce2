"""Orders that are made up, and copies of them with known differences."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fastsync.model.difference import Item

SEED = "fastsync demo"
FIRST_PLACED = 1_735_689_600
"""Epoch seconds of 2025-01-01: when the first order was placed."""
CUSTOMERS = 5_000


@dataclass(frozen=True)
class SlavePlan:
    """How many items of a slave differ, and how many are only written in another way, which is no difference."""

    missing: int
    differing: int
    extra: int
    respelled: int

    def scaled(self, orders: int) -> SlavePlan:
        """Return the same for this number of orders; the plan is for a thousand."""
        counts = (self.missing, self.differing, self.extra, self.respelled)
        return SlavePlan(*(count * orders // 1_000 for count in counts))


def make_order(number: int) -> Item:
    """Make up one order, the same for the same number."""
    chance = random.Random(f"{SEED} {number}")
    made: Item = {
        "customer": {"S": f"C{chance.randrange(CUSTOMERS):05d}"},
        "order": {"N": str(100_000 + number)},
        "placed": {"N": str(FIRST_PLACED + number * 2_621)},
        "status": {"S": chance.choice(("placed", "paid", "packed", "shipped", "delivered", "returned"))},
        "total": {"N": f"{chance.randint(1, 900)}.{chance.randint(1, 9)}"},
        "tags": {"SS": chance.sample(("gift", "express", "fragile", "b2b", "vat-free", "repeat"), 3)},
        "discounts": {"NS": [str(percent) for percent in chance.sample(range(1, 40), 2)]},
        "address": {"M": _make_address(chance)},
        "lines": {"L": [_make_line(chance) for _ in range(chance.randint(1, 2))]},
        "label": {"B": b64encode(chance.randbytes(24)).decode()},
    }
    return {**made, "note": {"S": "leave it at the door"}} if chance.random() < 0.3 else made


def make_copy(orders: Sequence[Item], slave: str, plan: SlavePlan) -> Iterator[Item]:
    """Yield a slave's items: the master's, with the differences of the plan."""
    chance = random.Random(f"{SEED} {slave}")
    picked = iter(chance.sample(range(len(orders)), plan.missing + plan.differing + plan.respelled))
    missing, differing, respelled = (
        set(islice(picked, count)) for count in (plan.missing, plan.differing, plan.respelled)
    )
    for number, item in enumerate(orders):
        if number in differing:
            yield {**item, **chance.choice(CHANGES)}
        elif number in respelled:
            yield respell_order(item)
        elif number not in missing:
            yield item
    yield from (make_order(number) for number in range(len(orders), len(orders) + plan.extra))


CHANGES: tuple[Item, ...] = (
    {"status": {"S": "lost"}},
    {"total": {"N": "0"}, "status": {"S": "refunded"}},
    {"tags": {"SS": ["express", "late"]}},
    {"lines": {"L": []}},
    {"carrier": {"S": "unknown to the master"}},
)
"""Attributes that an item of a slave has instead of the master's, or besides them, to differ."""


def respell_order(item: Item) -> Item:
    """Return an equal order, written in another way: attributes and sets in another order, numbers with zeros."""
    other = dict(reversed(item.items()))
    other["tags"] = {"SS": item["tags"]["SS"][::-1]}
    other["discounts"] = {"NS": [f"{text}.0" for text in reversed(item["discounts"]["NS"])]}
    other["total"] = {"N": f"{item['total']['N']}0"}
    return other


def _make_line(chance: random.Random) -> Item:
    article, count = f"A-{chance.randrange(2_000):04d}", chance.randint(1, 9)
    return {"M": {"article": {"S": article}, "count": {"N": str(count)}}}


def _make_address(chance: random.Random) -> Item:
    street = chance.choice(("Harbour Street", "Mill Lane", "Rue des Écoles", "Lindenallee", "5th Avenue"))
    city = chance.choice(("Lisbon", "Gdańsk", "Lyon", "Zürich", "Portland"))
    return {"street": {"S": f"{chance.randint(1, 200)} {street}"}, "city": {"S": city}}
