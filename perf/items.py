"""Items of a benchmark table: their JSON as the service sends it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping

KEY = "id"
"""The key attribute of every table, a string."""
CHANGED = "version"
"""The attribute in which a differing item differs."""
TOUCHED = "seen"
"""The attribute that may differ in every item: what `--ignore` is for."""

DIRECTIONS = "on the other side of the river, second floor, please ring twice, mind the dog"
Attributes = dict[str, str]
"""Attribute name → its value as JSON text."""


def small(number: int) -> Attributes:
    """Make an item of about 120 B: key, two numbers and a word."""
    return {
        KEY: _key(number),
        CHANGED: '{"N":"7"}',
        TOUCHED: f'{{"N":"17{number:08d}"}}',
        "status": '{"S":"delivered to a neighbour"}',
    }


def medium(number: int) -> Attributes:
    """Make an item of 436 B of JSON: ten attributes of all kinds, members of sets given by number."""
    return {
        KEY: _key(number),
        CHANGED: '{"N":"7"}',
        "photo": f'{{"B":"{b64encode(number.to_bytes(18, "big")).decode()}"}}',
        "active": '{"BOOL":true}',
        "deleted": '{"NULL":true}',
        "tags": f'{{"SS":["blue","green","red-{number:08d}"]}}',
        "scores": f'{{"NS":["12.5","3","4{number:08d}"]}}',
        "history": f'{{"L":[{{"S":"created"}},{{"N":"{number + 1}"}}]}}',
        "address": f'{{"M":{{"street":{{"S":"{number:08d} Long Street, {DIRECTIONS}"}}}}}}',
        TOUCHED: f'{{"N":"17{number:08d}"}}',
    }


def large(number: int) -> Attributes:
    """Make an item of about 6 KB: a medium one and a long text."""
    text = f"{number:08d} lorem ipsum. " * 254
    return {**medium(number), "text": f'{{"S":"{text}"}}'}


def huge(number: int) -> Attributes:
    """Make an item of nearly the 400 KB that the service allows."""
    return {**medium(number), "text": f'{{"S":"{f"{number:08d} lorem ipsum. " * 17_000}"}}'}


SHAPES: Mapping[str, Callable[[int], Attributes]] = {"small": small, "medium": medium, "large": large, "huge": huge}


def changed(attributes: Attributes) -> Attributes:
    """Make the differing version of an item."""
    return {**attributes, CHANGED: '{"N":"8"}'}


def touched(attributes: Attributes) -> Attributes:
    """Make an item as it is after its TOUCHED attribute moved on."""
    return {**attributes, TOUCHED: '{"N":"1799999999.5"}'}


def sets_reversed(attributes: Attributes) -> Attributes:
    """Make the same item with the members of its top-level sets in another order."""
    return {name: _reversed(value) if value[2:4] in ("SS", "NS", "BS") else value for name, value in attributes.items()}


def spell(attributes: Attributes) -> bytes:
    """Write an item as the service does, attributes in the order given."""
    inside = ",".join([f'"{name}":{value}' for name, value in attributes.items()])
    return f"{{{inside}}}".encode()


def report_lines(count: int, slave: str) -> Iterator[str]:
    """Write a report with values in which items differ, up to a number."""
    for number in range(count):
        head = f'{{"slave": "{slave}", "verdict": "differing", "key": {{"{KEY}": {_key(number)}}}, '
        values = f'"master": {{"{CHANGED}": {{"N": "7"}}}}, "slave_item": {{"{CHANGED}": {{"N": "8"}}}}}}'
        yield f'{head}"attributes": ["{CHANGED}"], "action": "none", "error": null, "paths": ["{CHANGED}"], {values}'
    yield f'{{"complete": true, "differences": {count}}}'


def _key(number: int) -> str:
    return f'{{"S":"item-{number:010d}"}}'


def _reversed(value: str) -> str:
    ((kind, members),) = json.loads(value).items()
    return json.dumps({kind: members[::-1]}, separators=(",", ":"))
