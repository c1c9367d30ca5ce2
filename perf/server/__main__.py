"""A DynamoDB for benchmarks: a master and slaves made at start, answers joined from prepared bytes, latency per table.

    python -m perf.server --items 300000 --differing 0.001 --missing 0.001 --latency 5,40

It prints its port, answers until it is ended, and tells on GET / what it was asked for. With `--tls FOLDER` it speaks
TLS, by a certificate that it makes; FOLDER/ca.pem is what a client has to trust.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fastsync.model.capacity import measure_item
from perf import items
from perf.items import Attributes
from perf.server.answers import ANSWERS, Answer
from perf.server.certificate import make_certified
from perf.server.table import PARTITION_UNITS, Allowance, Table

GZIP_FROM = 4096
"""Bytes from which on the service gives gzip answers where they are asked for."""
HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n%b\r\n"


class Line:
    """A line to the client that carries so many bytes a second, all connections together; None: any number."""

    def __init__(self, rate: float | None):
        self._rate = rate
        self._free = 0.0

    def wait(self, size: int) -> float:
        """Give the seconds until an answer of so many bytes has arrived."""
        if self._rate is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        self._free = max(now, self._free) + size / self._rate
        return self._free - now


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, tables: dict[str, Table], line: Line):
        self._tables = tables
        self._line = line
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
            self._buffer = b""
            self._send(self._usage(), b"")
            return
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = b""
        operation = lower.partition(b"x-amz-target:")[2].partition(b"\r\n")[0].rpartition(b".")[2]
        self._answer(operation, body, b"accept-encoding: gzip" in lower)

    def _usage(self) -> Answer:
        told = json.dumps({name: table.usage() for name, table in self._tables.items()}).encode()
        for table in self._tables.values():
            table.most_in_flight = 0
        return Answer(told, zlib.crc32(told))

    def _answer(self, operation: bytes, body: bytes, compress: bool) -> None:
        table = next(table for name, table in self._tables.items() if f'"{name}"'.encode() in body)
        table.requests += 1
        table.in_flight += 1
        table.most_in_flight = max(table.most_in_flight, table.in_flight)
        answer, encoding = ANSWERS[operation](table, body), b""
        if compress and len(answer.body) > GZIP_FROM:
            packed = table.packed(answer.crc, answer.body)
            answer, encoding = Answer(packed, zlib.crc32(packed)), b"Content-Encoding: gzip\r\n"
        if wait := table.latency + self._line.wait(len(answer.body)):
            asyncio.get_running_loop().call_later(wait, self._finish, table, answer, encoding)
        else:
            self._finish(table, answer, encoding)

    def _finish(self, table: Table, answer: Answer, encoding: bytes) -> None:
        table.in_flight -= 1
        self._send(answer, encoding)

    def _send(self, answer: Answer, encoding: bytes) -> None:
        self._transport.write(HEAD % (answer.status, answer.crc, len(answer.body), encoding))
        self._transport.write(answer.body)


def make(options: argparse.Namespace) -> dict[str, Table]:
    """Make a master and slaves: every so-manieth item differs or is missing on all slaves."""
    shape = items.SHAPES[options.shape]
    size = measure_item(json.loads(items.spell(shape(0))))
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
    first, *others = (float(each) / 1000 for each in options.latency.split(","))
    slaves = [Table(f"slave-table{place or ''}", slave.copy(), size, latency) for place, latency in enumerate(others)]
    tables = (Table("master-table", master, size, first), *slaves)
    order, another = ORDERS[options.order](range(options.items))
    for place, table in enumerate(tables):
        _arrange(table, another if place else order)
        if options.partitions or options.throttle:
            rate = options.throttle or PARTITION_UNITS
            table.allowance = Allowance(rate, options.partitions or 1, options.items)
    empty = [Table(name, [], size, first) for number in range(options.pairs) for name in name_pair(number)]
    return {table.name: table for table in (*tables, *empty)}


def name_pair(number: int) -> tuple[str, str]:
    """Give the names of an empty master and its slave."""
    return f"pair-{number}", f"pair-{number}-copy"


def _arrange(table: Table, order: Sequence[int]) -> None:
    """Have a table scanned in an order of numbers."""
    if isinstance(order, range) and order.step == 1:
        return
    table.order = order
    places = [0] * len(order)
    for place, number in enumerate(order):
        places[number] = place
    table.places = places


def _shuffled(numbers: range, seed: int) -> list[int]:
    return random.Random(seed).sample(numbers, len(numbers))


ORDERS: dict[str, Callable[[range], tuple[Sequence[int], Sequence[int]]]] = {
    "keys": lambda numbers: (numbers, numbers),
    "shuffled": lambda numbers: (_shuffled(numbers, 1), _shuffled(numbers, 1)),
    "apart": lambda numbers: (_shuffled(numbers, 1), _shuffled(numbers, 2)),
    "reversed": lambda numbers: (numbers, numbers[::-1]),
}
"""The order of scans of master and slave: by key, both in one random order as the service has them, or not the same."""


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


async def serve(tables: dict[str, Table], line: Line, tls: ssl.SSLContext | None) -> None:
    """Answer until ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Connection, tables, line), "127.0.0.1", 0, ssl=tls)
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
    parser.add_argument("--latency", default="0,0", help="ms of the master, and of each slave there is to be")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of empty tables besides")
    parser.add_argument("--order", choices=list(ORDERS), default="keys", help="in which order scans bring items")
    parser.add_argument("--partitions", type=int, default=0, help="partitions with limits of their own")
    parser.add_argument("--throttle", type=float, help="read units a second that each partition serves, default 3000")
    parser.add_argument("--bandwidth", type=float, help="megabytes a second from the server to its clients")
    parser.add_argument("--tls", type=Path, help="speak TLS, and write what has to be trusted to ca.pem in this folder")
    options = parser.parse_args()
    tls = options.tls and make_certified(options.tls)
    asyncio.run(serve(make(options), Line(options.bandwidth and options.bandwidth * 1e6), tls))


if __name__ == "__main__":
    main()
