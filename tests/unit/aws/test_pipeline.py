"""Many requests on one thread: over socket pairs, with a server that plays what a case asks for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import pytest

from fastsync.aws.network.pipeline import Pipeline
from fastsync.aws.network.wire import Answer, Connection

SILENCE = 2.0
"""Seconds after which a connection is given up: long enough for a busy machine."""
Answerer = Callable[[bytes], bytes | None]
"""Gives what is sent back to a request, b"" for nothing at all, None to close the connection."""


def answer(body: bytes, *headers: bytes) -> bytes:
    """Give an answer as it is sent."""
    return b"".join(
        [
            b"HTTP/1.1 200 OK\r\n",
            *(b"%b\r\n" % each for each in headers),
            b"content-length: %d\r\n\r\n" % len(body),
            body,
        ]
    )


def serve(side: socket.socket, answerer: Answerer) -> None:
    """Answer requests, each of which is one line, until the other side closes."""
    with suppress(OSError), side, side.makefile("rb") as lines:
        for line in lines:
            sent = answerer(line.strip())
            if sent is None:
                return
            side.sendall(sent)


@contextmanager
def connected(*answerers: Answerer) -> Iterator[list[Connection]]:
    """Give a connection to each of some servers."""
    connections, threads = [], []
    for answerer in answerers:
        mine, other = socket.socketpair()
        mine.settimeout(10)
        threads.append(threading.Thread(target=serve, args=(other, answerer)))
        connections.append(Connection(mine))
    for thread in threads:
        thread.start()
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()
        for thread in threads:
            thread.join()


def exchange(pipeline: Pipeline, requests: Sequence[bytes]) -> tuple[dict[int, bytes | type], int]:
    """Give the body or the type of the error that came of each request, and how many requests were left."""
    left = iter([(number, b"%b\n" % request) for number, request in enumerate(requests)])
    found: dict[int, bytes | type] = {}
    with closing(pipeline.exchange_all(left)) as exchanged:
        for number, outcome in exchanged:
            assert number not in found
            found[number] = outcome.body if isinstance(outcome, Answer) else type(outcome)
    return found, len(list(left))


def echo(request: bytes) -> bytes:
    """Answer with the request."""
    return answer(request)


REQUESTS = [b"request-%d" % number for number in range(50)]


@pytest.mark.parametrize("connections", [1, 3, 64])
def test_every_request_has_its_own_answer(connections: int) -> None:
    """Whatever connection a request went over, its number comes with its answer; connections stay open."""
    with connected(*[echo] * connections) as opened:
        pipeline = Pipeline(opened)
        assert exchange(pipeline, REQUESTS) == (dict(enumerate(REQUESTS)), 0)
        assert sorted(map(id, pipeline.free)) == sorted(map(id, opened))
        assert exchange(pipeline, REQUESTS) == (dict(enumerate(REQUESTS)), 0)


def test_a_slow_answer_holds_nobody_up() -> None:
    """While one connection has not answered yet, all other requests go over the others."""
    others = threading.Event()

    def wait_for_others(request: bytes) -> bytes:
        assert others.wait(10)
        return answer(request)

    with connected(echo, wait_for_others) as opened:
        left = iter([(number, b"%b\n" % request) for number, request in enumerate(REQUESTS)])
        order = []
        with closing(Pipeline(opened).exchange_all(left)) as exchanged:
            for number, _ in exchanged:
                order.append(number)
                if len(order) == len(REQUESTS) - 1:
                    others.set()
        assert sorted(order) == list(range(len(REQUESTS)))
        assert order[-1] == 0  # it was sent over the connection that waits


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        pytest.param(lambda _: None, ConnectionError, id="closed"),
        pytest.param(lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", TimeoutError, id="half an answer"),
        pytest.param(lambda _: b"not HTTP\r\n", ValueError, id="not HTTP"),
        pytest.param(lambda _: b"", TimeoutError, id="silent"),
    ],
)
def test_a_connection_that_fails(broken: Answerer, error: type) -> None:
    """It takes one request with it, which is told; the others go over the connections that are left."""
    with connected(echo, broken) as opened:
        opened[1]._socket.settimeout(SILENCE)
        pipeline = Pipeline(opened, timeout=SILENCE)
        found, left = exchange(pipeline, REQUESTS)
        failed = {number: outcome for number, outcome in found.items() if isinstance(outcome, type)}
        assert len(failed) == 1
        assert issubclass(next(iter(failed.values())), error)
        assert found.keys() == set(range(len(REQUESTS)))
        assert left == 0
        assert pipeline.free == opened[:1]


def test_requests_are_left_where_no_connection_is() -> None:
    """Requests that no connection could take are not taken from the iterator, so that they can go another way."""
    with connected(lambda _: None, lambda _: None) as opened:
        found, left = exchange(Pipeline(opened), REQUESTS)
        assert len(found) == 2
        assert left == len(REQUESTS) - 2
    assert exchange(Pipeline([]), REQUESTS) == ({}, len(REQUESTS))


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(answer(b"x", b"connection: close"), id="announced end"),
        pytest.param(answer(b"x") + answer(b"nobody asked for this"), id="more than asked for"),
    ],
)
def test_a_connection_that_cannot_be_used_again(last: bytes) -> None:
    """Its answer counts, and no other request goes over it."""
    with connected(echo, lambda _: last) as opened:
        pipeline = Pipeline(opened)
        found, left = exchange(pipeline, REQUESTS)
        assert left == 0
        assert sorted(found) == list(range(len(REQUESTS)))
        assert [outcome for outcome in found.values() if outcome == b"x"] == [b"x"]
        assert pipeline.free == opened[:1]


def test_connections_whose_answers_nobody_reads_are_closed() -> None:
    """Where the work is broken off, a connection with an answer to come is never used again."""
    with connected(echo, echo) as opened:
        pipeline = Pipeline(opened)
        requests = iter([(0, b"first\n"), (1, b"second\n")])
        with closing(pipeline.exchange_all(requests)) as exchanged:
            next(exchanged)
        assert len(pipeline.free) <= 1
        assert not any(connection.is_clean() for connection in opened if connection not in pipeline.free)
