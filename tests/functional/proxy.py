"""A proxy between fastsync and a real server that does what servers do on bad days, by a script of rules.

Every request passes through all rules that match it, the first one outermost: a rule's fault gets an `Exchange` and
gives a `Reply`, or raises `Cut`; what it does not do itself it leaves to `exchange.forward()`. Every request is
recorded. Faults live in `faults.py`.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.functional.stand_in import HERE, Handler, StandIn

UPSTREAM_TIMEOUT = 30.0
"""Seconds that the real server may take."""


class Cut(Exception):
    """The connection ends here, without an answer."""


@dataclass
class Reply:
    """An answer: its body goes out with a right length and CRC32 unless `length` or `crc` say otherwise."""

    status: int
    body: bytes
    length: int | None = None
    crc: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def bytes(self) -> bytes:
        """Give the answer as it goes over the wire."""
        length = len(self.body) if self.length is None else self.length
        crc = zlib.crc32(self.body) if self.crc is None else self.crc
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"HTTP/1.1 {self.status} Whatever\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"x-amz-crc32: {crc}\r\nContent-Length: {length}\r\n{more}\r\n"
        )
        return head.encode() + self.body


@dataclass
class Request:
    """One request as it came in. `in_flight` counts the requests of its operation and table under way, it included."""

    number: int
    operation: str
    table: str
    body: dict[str, Any]
    headers: dict[str, str] = field(repr=False)
    in_flight: int = 1
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int | None = None

    @property
    def keys(self) -> list[dict[str, Any]]:
        """The keys of a BatchGetItem."""
        asked: list[dict[str, Any]] = self.asked.get("Keys", [])
        return asked

    @property
    def asked(self) -> dict[str, Any]:
        """What a BatchGetItem asks of its one table."""
        return dict(next(iter(self.body.get("RequestItems", {}).values()), {}))

    @property
    def consistent(self) -> bool:
        """Whether a strongly consistent read is asked for."""
        return bool(self.body.get("ConsistentRead") or self.asked.get("ConsistentRead"))

    @property
    def segment(self) -> int | None:
        """The segment of a parallel Scan."""
        return self.body.get("Segment")


@dataclass
class Exchange:
    """One request on its way to an answer; `body` may be changed before it is forwarded."""

    request: Request
    body: dict[str, Any]
    onward: Callable[[dict[str, Any]], Reply]

    def forward(self) -> Reply:
        """Let the next rule, in the end the real server, answer."""
        return self.onward(self.body)


Fault = Callable[[Exchange], Reply]


@dataclass
class Rule:
    """When a fault strikes: by operation, table, any predicate, the how many-th such request (from 1), or by chance."""

    fault: Fault
    operation: str | tuple[str, ...] | None = None
    table: str | None = None
    nth: Container[int] | None = None
    rate: float = 1.0
    where: Callable[[Request], bool] = lambda _: True
    seen: int = 0
    struck: int = 0

    def strikes(self, request: Request, chance: random.Random) -> bool:
        """Say whether this request is hit; not safe for threads."""
        operations = (self.operation,) if isinstance(self.operation, str) else self.operation
        if operations is not None and request.operation not in operations:
            return False
        if (self.table is not None and request.table != self.table) or not self.where(request):
            return False
        self.seen += 1
        hit = chance.random() < self.rate and (self.nth is None or self.seen in self.nth)
        self.struck += hit
        return hit


class Proxy(StandIn):
    """Stand between fastsync and the server at `upstream`; `url` is where fastsync is sent."""

    def __init__(self, upstream: str, seed: int = 1):
        self.upstream = upstream
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._under_way: Counter[tuple[str, str]] = Counter()
        super().__init__(_Server(self))

    def add(self, fault: Fault, operation: str | tuple[str, ...] | None = None, **when: Any) -> Rule:
        """Add a rule and give it, for its counters."""
        self.rules.append(Rule(fault, operation, **when))
        return self.rules[-1]

    def of(self, operation: str, table: str | None = None) -> list[Request]:
        """Give the recorded requests of an operation, in order of arrival."""
        with self._lock:
            return [each for each in self.requests if each.operation == operation and table in (None, each.table)]

    def await_request(self, operation: str, table: str | None = None, count: int = 1, timeout: float = 20) -> None:
        """Wait until so many requests of an operation have come in."""
        self.await_true(lambda: len(self.of(operation, table)) >= count, f"{count} x {operation}", timeout)

    def await_true(self, holds: Callable[[], bool], what: str, timeout: float = 20) -> None:
        """Wait until something holds."""
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, f"waited in vain for {what}; there were {self.summary()}"
            time.sleep(0.005)

    def summary(self) -> dict[tuple[str, str], int]:
        """Count the requests by operation and table."""
        with self._lock:
            return dict(Counter((each.operation, each.table) for each in self.requests))

    def answer(self, request: Request, server: Callable[[dict[str, Any]], Reply]) -> Reply:
        """Lead one request through the rules that match it."""
        with self._lock:
            rules = [rule for rule in self.rules if rule.strikes(request, self._chance)]
        return _through(request, rules, server)(request.body)

    @contextmanager
    def recorded(self, operation: str, body: dict[str, Any], headers: dict[str, str]) -> Iterator[Request]:
        """Record a request while it is under way."""
        table = str(body.get("TableName") or next(iter(body.get("RequestItems", {"": None}))))
        with self._lock:
            self._under_way[operation, table] += 1
            request = Request(len(self.requests), operation, table, body, headers, self._under_way[operation, table])
            self.requests.append(request)
        try:
            yield request
        finally:
            with self._lock:
                self._under_way[operation, table] -= 1
                request.ended = time.monotonic()


def _through(
    request: Request, rules: Sequence[Rule], server: Callable[[dict[str, Any]], Reply]
) -> Callable[[dict[str, Any]], Reply]:
    if not rules:
        return server
    return lambda body: rules[0].fault(Exchange(request, body, _through(request, rules[1:], server)))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: Proxy):
        self.proxy = proxy
        super().__init__(HERE, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that are killed leave broken connections behind."""


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        address = urlsplit(self.server.proxy.upstream)
        self._upstream = HTTPConnection(str(address.hostname), address.port, timeout=UPSTREAM_TIMEOUT)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_POST(self) -> None:
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(self.read_body())
        try:
            with self.server.proxy.recorded(operation, body, dict(self.headers)) as request:
                reply = self.server.proxy.answer(request, self._ask)
                request.status = reply.status
        except Cut:
            self._cut()
            return
        self.wfile.write(reply.bytes())
        if reply.length is not None and reply.length > len(reply.body):
            self._cut()

    def _ask(self, body: dict[str, Any]) -> Reply:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        self._upstream.request("POST", self.path, json.dumps(body), headers)
        response = self._upstream.getresponse()
        return Reply(response.status, response.read())

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
