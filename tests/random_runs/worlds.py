"""The tables of a run: a key schema, a master, and slaves that hold some of what it holds, some of it changed."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.e2e import canonical
from tests.random_runs import values
from tests.tables import Item, Keys

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-south-1")
VERSION, EXPIRES = "v", "ttl"
NAMES = ("a", "b", "size", "x.y", "ä", "aws:rep:time", "note")
"""Attributes beside the keys; the last one is ignored by many runs."""
SCHEMAS: Sequence[Keys] = (
    (("id", "S"),),
    (("id", "N"),),
    (("name", "B"),),
    (("id", "S"), ("a-b", "N")),
    (("range", "B"), ("hash", "S")),
    (("size", "N"), ("id", "S")),
)
FATES = ("same", "respelled", "changed", "rewritten", "missing")
MOODS: Mapping[str, tuple[int, Sequence[int]]] = {
    "in sync": (1, (8, 8, 0, 0, 0)),
    "nearly": (2, (8, 8, 1, 1, 1)),
    "mixed": (4, (3, 3, 3, 2, 3)),
    "foreign": (1, (0, 0, 1, 3, 3)),
    "empty slave": (2, (0, 0, 0, 0, 1)),
}
"""How often a slave is in a mood, and how often each fate befalls an item of the master there."""
EXTRAS = (0.0, 0.1, 0.3, 0.3, 0.6, 1.0)
"""Shares of the items that the master does not hold."""


@dataclass(frozen=True)
class World:
    """Tables before the run. `ttl` has the attribute by which each one's items expire, the master's first."""

    keys: Keys
    master: Sequence[Item]
    slaves: Sequence[Sequence[Item]]
    ttl: Sequence[str | None]
    order: str = "equal"
    ghosts: int = 0
    salt: int = 0
    spare: Sequence[Item] = field(default=(), repr=False)
    """Keys that no table holds, for items that come later."""

    @property
    def key_names(self) -> Sequence[str]:
        """The names of the key's attributes."""
        return [name for name, _ in self.keys]


def make(chance: random.Random, most: int, moving: bool) -> World:
    """Make the tables of a run, up to `most` items each; where they are `moving`, every item has a version."""
    keys = chance.choice(SCHEMAS)
    count = chance.choice((0, 1, 2, 5)) if chance.random() < 0.25 else chance.choice((chance.randint(0, most), most))
    made = _distinct_keys(chance, keys, count + 12)
    own, spare = made[:count], made[count:]
    expiring = not moving and chance.random() < 0.25
    items = [{**_attributes(chance, moving, expiring), **key} for key in own]
    share = chance.choice(EXTRAS)
    extra = [chance.random() < share for _ in own]
    master = [item for item, elsewhere in zip(items, extra, strict=True) if not elsewhere]
    slaves = chance.choice((1, 1, 1, 2, 3))
    held = [_slave(chance, items, extra, keys, moving) for _ in range(slaves)]
    return World(
        keys,
        [_shuffled(chance, item) for item in master],
        held,
        _ttl(chance, slaves) if expiring else [None] * (1 + slaves),
        chance.choice(("equal", "equal", "nearly", "other", "scrambled")),
        chance.choice((0, 0, 3, 10)),
        chance.getrandbits(32),
        spare,
    )


def _ttl(chance: random.Random, slaves: int) -> list[str | None]:
    return [EXPIRES if chance.random() < 0.8 else None for _ in range(1 + slaves)]


def _slave(chance: random.Random, items: Sequence[Item], extra: Sequence[bool], keys: Keys, moving: bool) -> list[Item]:
    names = [name for name, _ in keys]
    weights = {mood: often for mood, (often, _) in MOODS.items()}
    mood = chance.choices(list(weights), list(weights.values()))[0]
    lacking = chance.choice((0.0, 0.0, 0.5, 1.0))
    held = []
    for item, elsewhere in zip(items, extra, strict=True):
        fate = chance.choices(FATES, MOODS[mood][1])[0]
        if elsewhere:
            if chance.random() >= lacking:
                held.append(_aged(chance, item, item) if moving else item)
        elif fate in ("same", "respelled"):
            held.append(values.respelled_item(chance, item) if fate == "respelled" else item)
        elif fate != "missing":
            kept = [*names, VERSION] if moving else names
            changed = _changed(chance, item, kept) if fate == "changed" else _rewritten(chance, item, names)
            held.append(_aged(chance, changed, item) if moving else changed)
    return held


def _aged(chance: random.Random, item: Item, master: Item) -> Item:
    """Give an item an older version than the master's: where tables move, the master is never behind."""
    return {**item, VERSION: {"N": str(chance.randint(0, int(master[VERSION]["N"]) - 1))}}


def _changed(chance: random.Random, item: Item, kept: Sequence[str]) -> Item:
    """Change, add or take away one attribute, none of those that are to be kept."""
    name = chance.choice([name for name in (*NAMES, VERSION, EXPIRES) if name not in kept])
    rest = {other: typed for other, typed in item.items() if other != name}
    if name in item and chance.random() < 0.3:
        return rest
    return {**rest, name: _attribute(chance, name)}


def _rewritten(chance: random.Random, item: Item, key_names: Sequence[str]) -> Item:
    return {**_attributes(chance, VERSION in item, EXPIRES in item), **{name: item[name] for name in key_names}}


def _attributes(chance: random.Random, versioned: bool, expiring: bool) -> Item:
    made = {name: values.value(chance) for name in chance.sample(NAMES, chance.randint(0, 5))}
    if versioned or chance.random() < 0.3:
        made[VERSION] = {"N": str(chance.randint(2, 9))}
    if expiring and chance.random() < 0.6:
        made[EXPIRES] = _expires(chance)
    return made


def _attribute(chance: random.Random, name: str) -> Item:
    if name == EXPIRES:
        return _expires(chance)
    if name == VERSION:
        return chance.choice(({"N": str(chance.randint(0, 12))}, {"S": values.text(chance, 1, 3)}))
    return values.value(chance)


def _expires(chance: random.Random) -> Item:
    """Give a time to live: past, to come, long past (which never expires), or no number."""
    now = int(time.time())
    past, coming = now - chance.randint(3600, 10**7), now + chance.randint(3600, 10**7)
    return chance.choice(
        ({"N": str(past)}, {"N": str(past)}, {"N": str(coming)}, {"N": str(now - 6 * 365 * 86400)}, {"S": str(past)})
    )


def _distinct_keys(chance: random.Random, keys: Keys, count: int) -> list[Item]:
    made: dict[object, Item] = {}
    hashes = [_key_value(chance, keys[0][1]) for _ in range(max(1, count // 4))]
    while len(made) < count:
        key = {name: _key_value(chance, kind) for name, kind in keys}
        if len(keys) > 1 and chance.random() < 0.8:  # several items under one partition key
            key[keys[0][0]] = chance.choice(hashes)
        made.setdefault(canonical.item(key), key)
    return list(made.values())


def _key_value(chance: random.Random, kind: str) -> Item:
    makers = {
        "S": lambda: values.text(chance, 1),
        "N": lambda: chance.choice((str(chance.randint(-50, 1000)), values.number(chance))),
        "B": lambda: values.binary(chance, 1),
    }
    return {kind: makers[kind]()}


def _shuffled(chance: random.Random, item: Item) -> Item:
    return {name: item[name] for name in chance.sample(list(item), len(item))}
