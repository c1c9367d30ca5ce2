"""A DynamoDB for benchmarks: two tables made at start, answers joined from prepared bytes, latency per table.

    python -m perf.server --items 300000 --differing 0.001 --missing 0.001 --latency 5,40

It prints its port, answers until it is ended, and tells on GET / what it was asked for. Units are counted by the
service's rules: a Scan by the sum of its items, a look-up item by item, each rounded up to 4 KB, and half of that where
eventually consistent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import zlib
from dataclasses import dataclass, field
from functools import partial

from fastsync.aws.capacity import item_size
from perf import items
from perf.items import Attributes

PAGE = 1 << 20
READ_UNIT = 4096
GZIP_FROM = 4096
"""Bytes from which on the service gives gzip answers where they are asked for."""
ITEM_KEY = re.compile(rb"item-(\d{10})")
NUMBER = re.compile(rb'"(Segment|TotalSegments|Limit)": ?(\d+)')
KEY_TYPES = [{"AttributeName": items.KEY, "AttributeType": "S"}]


@dataclass
class Table:
    """A table and what it was asked for; `items` are None where absent."""

    name: str
    items: list[bytes | None]
    size: int
    latency: float
    units: float = 0.0
    requests: int = 0
    written: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    gzipped: dict[int, bytes] = field(default_factory=dict)
    pages: dict[tuple[int, int], tuple[bytes, int, float]] = field(default_factory=dict)

    def packed(self, crc: int, answer: bytes) -> bytes:
        """Give an answer as gzip; that of a page is kept, since packing takes longer than all else."""
        if crc not in self.gzipped:
            self.gzipped[crc] = zlib.compress(answer, 1, 16 + zlib.MAX_WBITS)
        return self.gzipped[crc]

    def usage(self) -> dict[str, float]:
        """Tell what the table was asked for."""
        told = ("units", "requests", "written", "most_in_flight")
        return {name: getattr(self, name) for name in told}


def scan(table: Table, body: bytes) -> tuple[bytes, int]:
    """Answer a Scan with a page of about 1 MB of item bytes."""
    given = {name: int(value) for name, value in NUMBER.findall(body)}
    number, total = given.get(b"Segment", 0), given.get(b"TotalSegments", 1)
    low, high = (len(table.items) * part // total for part in (number, number + 1))
    if start := ITEM_KEY.search(body):
        low = int(start[1]) + 1
    high = min(high, low + given.get(b"Limit", PAGE // table.size))
    last = high == len(table.items) * (number + 1) // total
    if (low, high) not in table.pages:
        table.pages[low, high] = _page(table, low, high, last)
    answer, crc, units = table.pages[low, high]
    table.units += units
    return answer, crc


def _page(table: Table, low: int, high: int, last: bool) -> tuple[bytes, int, float]:
    found = [item for item in table.items[low:high] if item is not None]
    units = max(0.5, -(-len(found) * table.size // READ_UNIT) / 2)
    more = b"" if last else b'"LastEvaluatedKey":{"id":{"S":"item-%010d"}},' % (high - 1)
    consumed = b'"ConsumedCapacity":{"CapacityUnits":%.1f}' % units
    body = b'{%s"Count":%d,%s,"Items":[%s]}' % (more, len(found), consumed, b",".join(found))
    return body, zlib.crc32(body), units


def batch_get(table: Table, body: bytes) -> tuple[bytes, int]:
    """Answer a BatchGetItem from the keys as they stand in the request."""
    keys = ITEM_KEY.findall(body)
    found = [item for key in keys if (item := table.items[int(key)]) is not None]
    each = -(-table.size // READ_UNIT) * (1.0 if b'"ConsistentRead":true' in body else 0.5)
    units = each * len(found) + 0.5 * (len(keys) - len(found))
    table.units += units
    answer = b'{"Responses":{"%s":[%s]},"UnprocessedKeys":{},"ConsumedCapacity":[{"CapacityUnits":%.1f}]}' % (
        table.name.encode(), b",".join(found), units
    )  # fmt: skip
    return answer, zlib.crc32(answer)


def write(table: Table, _: bytes) -> tuple[bytes, int]:
    """Take a PutItem or DeleteItem and forget it."""
    table.written += 1
    answer = b'{"ConsumedCapacity":{"CapacityUnits":1.0}}'
    return answer, zlib.crc32(answer)


def describe(table: Table, _: bytes) -> tuple[bytes, int]:
    """Describe the table."""
    described = {
        "TableName": table.name,
        "TableId": table.name,
        "TableArn": f"arn:aws:dynamodb:local:0:table/{table.name}",
        "TableStatus": "ACTIVE",
        "CreationDateTime": 1.0,
        "KeySchema": [{"AttributeName": items.KEY, "KeyType": "HASH"}],
        "AttributeDefinitions": KEY_TYPES,
        "ItemCount": len(table.items),
        "TableSizeBytes": len(table.items) * table.size,
    }
    answer = json.dumps({"Table": described}).encode()
    return answer, zlib.crc32(answer)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n%b\r\n"
ANSWERS = {
    b"Scan": scan,
    b"BatchGetItem": batch_get,
    b"PutItem": write,
    b"DeleteItem": write,
    b"DescribeTable": describe,
}


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, tables: dict[str, Table]):
        self._tables = tables
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        if lower.startswith(b"get"):
            usage = json.dumps({name: table.usage() for name, table in self._tables.items()}).encode()
            for table in self._tables.values():
                table.most_in_flight = 0
            self._send(usage, zlib.crc32(usage))
            self._buffer = b""
            return
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = b""
        operation = lower.partition(b"x-amz-target:")[2].partition(b"\r\n")[0].rpartition(b".")[2]
        compress = b"accept-encoding: gzip" in lower
        self._answer(next(name for name in ANSWERS if name.lower() == operation), body, compress)

    def _answer(self, operation: bytes, body: bytes, compress: bool) -> None:
        table = next(table for name, table in self._tables.items() if f'"{name}"'.encode() in body)
        table.requests += 1
        table.in_flight += 1
        table.most_in_flight = max(table.most_in_flight, table.in_flight)
        answer, crc = ANSWERS[operation](table, body)
        if compress and len(answer) > GZIP_FROM:
            answer = table.packed(crc, answer)
            crc = -1
        if table.latency:
            asyncio.get_running_loop().call_later(table.latency, self._finish, table, answer, crc)
        else:
            self._finish(table, answer, crc)

    def _finish(self, table: Table, answer: bytes, crc: int) -> None:
        table.in_flight -= 1
        self._send(answer, crc)

    def _send(self, answer: bytes, crc: int) -> None:
        packed = crc < 0
        encoding = b"Content-Encoding: gzip\r\n" if packed else b""
        self._transport.write(HEAD % (zlib.crc32(answer) if packed else crc, len(answer), encoding))
        self._transport.write(answer)


def make(options: argparse.Namespace) -> dict[str, Table]:
    """Make master and slave: every so-manieth item differs or is missing on the slave."""
    shape = items.SHAPES[options.shape]
    size = item_size(json.loads(items.spell(shape(0))))
    differing, missing = (round(1 / share) if share else 0 for share in (options.differing, options.missing))
    master: list[bytes | None] = []
    slave: list[bytes | None] = []
    for number in range(options.items):
        item = shape(number)
        spelled = items.spell(item)
        master.append(spelled)
        if missing and number % missing == missing // 2:
            slave.append(None)
            continue
        slave.append(_copied(item, spelled, bool(differing and number % differing == 0), options))
    latencies = [float(each) / 1000 for each in options.latency.split(",")]
    tables = (Table("master-table", master, size, latencies[0]), Table("slave-table", slave, size, latencies[1]))
    return {table.name: table for table in tables}


def _copied(item: Attributes, spelled: bytes, differs: bool, options: argparse.Namespace) -> bytes:
    if not (differs or options.touched or options.reordered or options.sets):
        return spelled
    if differs:
        item = items.changed(item)
    if options.touched:
        item = items.touched(item)
    if options.reordered:
        item = dict(reversed(item.items()))
    if options.sets:
        item = items.sets_reversed(item)
    return items.spell(item)


async def serve(tables: dict[str, Table]) -> None:
    """Answer until ended."""
    server = await asyncio.get_running_loop().create_server(partial(Connection, tables), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--shape", choices=list(items.SHAPES), default="medium")
    parser.add_argument("--differing", type=float, default=0.0, help="share of items that differ")
    parser.add_argument("--missing", type=float, default=0.0, help="share of items that the slave lacks")
    parser.add_argument("--reordered", action="store_true", help="attributes of the slave in another order")
    parser.add_argument("--sets", action="store_true", help="members of the slave's sets in another order")
    parser.add_argument("--touched", action="store_true", help="one attribute differs in every item")
    parser.add_argument("--latency", default="0,0", help="ms of master and slave")
    asyncio.run(serve(make(parser.parse_args())))


if __name__ == "__main__":
    main()
