"""What the benchmark server answers to each call; units are counted by the service's rules.

A Scan costs the sum of its items, a look-up item by item, each rounded up to 4 KB, and half of that where eventually
consistent. A write costs the larger of the item before and after, rounded up to 1 KB.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from perf import items
from perf.server.table import Table

PAGE = 1 << 20
READ_UNIT, WRITE_UNIT = 4096, 1024
ITEM_KEY = re.compile(rb"item-(\d{10})")
NUMBER = re.compile(rb'"(Segment|TotalSegments|Limit)": ?(\d+)')
KEY_TYPES = [{"AttributeName": items.KEY, "AttributeType": "S"}]


class Answer(NamedTuple):
    """A body, its CRC32, and the status."""

    body: bytes
    crc: int
    status: int = 200


def scan(table: Table, body: bytes) -> Answer:
    """Answer a Scan with a page of about 1 MB of item bytes."""
    given = {name: int(value) for name, value in NUMBER.findall(body)}
    number, total = given.get(b"Segment", 0), given.get(b"TotalSegments", 1)
    low, end = (len(table.items) * part // total for part in (number, number + 1))
    if start := ITEM_KEY.search(body):
        low = table.place(int(start[1])) + 1
    high = min(end, low + given.get(b"Limit", PAGE // table.size))
    part = (low, high, _consistency(body))
    if part not in table.pages:
        table.pages[part] = _page(table, part, high == end)
    answer, crc, units = table.pages[part]
    if not table.grants(low, units):
        return THROTTLED
    table.units += units
    return Answer(answer, crc)


def _page(table: Table, part: tuple[int, int, float], last: bool) -> tuple[bytes, int, float]:
    low, high, consistency = part
    found = table.slice(low, high)
    units = max(0.5, -(-len(found) * table.size // READ_UNIT) / 2) * consistency
    more = b"" if last else b'"LastEvaluatedKey":{"id":{"S":"item-%010d"}},' % table.last(high)
    consumed = b'"ConsumedCapacity":{"CapacityUnits":%.1f}' % units
    body = b'{%s"Count":%d,%s,"Items":[%s]}' % (more, len(found), consumed, b",".join(found))
    return body, zlib.crc32(body), units


def batch_get(table: Table, body: bytes) -> Answer:
    """Answer a BatchGetItem from the keys as they stand in the request; what no units are left for comes back."""
    numbers = list(map(int, ITEM_KEY.findall(body)))
    least = 0.5 * _consistency(body)
    each = -(-table.size // READ_UNIT) * least
    served = numbers
    if table.allowance is not None:
        served = [number for number in numbers if table.grants(table.place(number), each)]
        if not served:
            return THROTTLED
    found = [item for number in served if (item := table.items[number]) is not None]
    units = each * len(found) + least * (len(served) - len(found))
    table.units += units
    name = table.name.encode()
    back = b""
    if len(served) < len(numbers):
        left = b",".join(b'{"id":{"S":"item-%010d"}}' % number for number in sorted(set(numbers) - set(served)))
        back = b'"%s":{"Keys":[%s]}' % (name, left)
    answer = b'{"Responses":{"%s":[%s]},"UnprocessedKeys":{%s},"ConsumedCapacity":[{"CapacityUnits":%.1f}]}' % (
        name, b",".join(found), back, units
    )  # fmt: skip
    return Answer(answer, zlib.crc32(answer))


def _consistency(body: bytes) -> float:
    return 2.0 if b'"ConsistentRead":true' in body else 1.0


class Write(msgspec.Struct):
    """A conditional write as fastsync words it."""

    Item: Raw = Raw()
    Key: Raw = Raw()
    ConditionExpression: str = ""
    ExpressionAttributeNames: dict[str, str] = {}
    ExpressionAttributeValues: dict[str, Raw] = {}


def write(table: Table, body: bytes) -> Answer:
    """Carry out a PutItem or DeleteItem, where its condition holds."""
    wanted = msgspec.json.decode(body, type=Write)
    number = int(ITEM_KEY.findall(bytes(wanted.Item or wanted.Key))[0])
    before = table.items[number]
    if not _holds(wanted, before):
        shown = b"" if before is None else b',"Item":' + before
        told = b'{"__type":"x#ConditionalCheckFailedException","message":"The conditional request failed"%s}' % shown
        return Answer(told, zlib.crc32(told), 400)
    units = _store(table, number, bytes(wanted.Item) or None)
    answer = b'{"ConsumedCapacity":{"CapacityUnits":%.1f}}' % units
    return Answer(answer, zlib.crc32(answer))


def batch_write(table: Table, body: bytes) -> Answer:
    """Carry out the puts of a BatchWriteItem."""
    asked = msgspec.json.decode(body)["RequestItems"][table.name]
    units = 0.0
    for each in asked:
        item = msgspec.json.encode(each["PutRequest"]["Item"])
        units += _store(table, int(ITEM_KEY.findall(item)[0]), item)
    answer = b'{"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":%.1f}]}' % units
    return Answer(answer, zlib.crc32(answer))


def _store(table: Table, number: int, after: bytes | None) -> float:
    table.items[number] = after
    table.pages.clear()
    table.written += 1
    units = -(-table.size // WRITE_UNIT) * 1.0
    table.write_units += units
    return units


def _holds(wanted: Write, before: bytes | None) -> bool:
    """Evaluate a condition of clauses joined by AND: existence, absence and equality of top-level attributes."""
    there = {} if before is None else msgspec.json.decode(before, type=dict[str, Raw])
    names, values = wanted.ExpressionAttributeNames, wanted.ExpressionAttributeValues
    for clause in filter(None, wanted.ConditionExpression.split(" AND ")):
        if match := re.fullmatch(r"attribute_(not_)?exists\((.+)\)", clause):
            holds = (names[match[2]] in there) is (match[1] is None)
        else:
            name, _, value = clause.partition("=")
            holds = there.get(names[name]) == values[value]
        if not holds:
            return False
    return True


def describe(table: Table, _: bytes) -> Answer:
    """Describe the table."""
    described = {
        "TableName": table.name,
        "TableId": table.name,
        "TableArn": f"arn:aws:dynamodb:local:0:table/{table.name}",
        "TableStatus": "ACTIVE",
        "CreationDateTime": 1.0,
        "KeySchema": [{"AttributeName": items.KEY, "KeyType": "HASH"}],
        "AttributeDefinitions": KEY_TYPES,
        "ItemCount": table.count,
        "TableSizeBytes": table.count * table.size,
    }
    answer = json.dumps({"Table": described}).encode()
    return Answer(answer, zlib.crc32(answer))


_TOO_MUCH = b'{"__type":"x#ProvisionedThroughputExceededException","message":"The level of ... was exceeded"}'
THROTTLED = Answer(_TOO_MUCH, zlib.crc32(_TOO_MUCH), 400)
ANSWERS: Mapping[bytes, Callable[[Table, bytes], Answer]] = {
    b"scan": scan,
    b"batchgetitem": batch_get,
    b"putitem": write,
    b"deleteitem": write,
    b"batchwriteitem": batch_write,
    b"describetable": describe,
}
