"""Many requests in flight on one thread: each connection has one, and the one that answers is given the next.

A thread for each request costs more than the request itself: with every answer, sixty threads that wait hand the
interpreter's lock to each other.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from fastsync.aws.network.opening import TIMEOUT
from fastsync.aws.network.wire import Answer, Connection

Numbered = tuple[int, bytes]
"""A request, and the number by which its answer is known."""
Exchanged = tuple[int, Answer | Exception]
"""The number of a request, and its answer, or the OSError or ValueError that its connection failed with."""


class _Sent(NamedTuple):
    number: int
    overdue_at: float


class Pipeline:
    """Exchange requests over connections that are open and clean.

    `free` are those that can be used again once nothing is in flight; all others are closed by then.
    """

    def __init__(self, connections: Sequence[Connection], timeout: float = TIMEOUT):
        self.free = list(connections)
        self._timeout = timeout
        self._waiting: dict[Connection, _Sent] = {}

    def exchange_all(self, requests: Iterator[Numbered]) -> Generator[Exchanged, None, None]:
        """Yield answers as they come; a request is taken when it is sent. Requests are left once no connection is."""
        with closing(selectors.DefaultSelector()) as selector:
            for connection in self.free:
                selector.register(connection.number, selectors.EVENT_READ, connection)
            try:
                yield from self._send_next(requests, selector)
                while self._waiting:
                    yield from self._read_answers(selector)
                    yield from self._send_next(requests, selector)
            finally:
                for connection in self._waiting:  # nobody reads their answers any more
                    connection.close()
                self._waiting.clear()

    def _send_next(self, requests: Iterator[Numbered], selector: selectors.BaseSelector) -> Iterator[Exchanged]:
        """Send a request over each free connection, as far as there are requests."""
        while self.free:
            number, request = next(requests, _NONE)
            if not request:
                return
            connection = self.free.pop()
            self._waiting[connection] = _Sent(number, time.monotonic() + self._timeout)
            try:
                connection.send_request(request)
            except (OSError, ValueError) as error:
                yield self._give_up(connection, selector, error)

    def _read_answers(self, selector: selectors.BaseSelector) -> Iterator[Exchanged]:
        """Wait for answers and read those that have come; give up connections that have been silent for too long."""
        oldest = next(iter(self._waiting.values()))
        asked = time.monotonic()
        ready = {key.data for key, _ in selector.select(max(0.0, oldest.overdue_at - asked))}
        for connection in ready:
            if connection in self._waiting:
                yield self._read_answer(connection, selector)
            else:  # the other side has closed it, or sends what nobody asked for
                self.free.remove(connection)
                _forget(connection, selector)
        for connection in [each for each, sent in self._waiting.items() if sent.overdue_at <= asked]:
            yield self._give_up(connection, selector, TimeoutError("timed out"))

    def _read_answer(self, connection: Connection, selector: selectors.BaseSelector) -> Exchanged:
        try:
            answer = connection.read_answer()
        except (OSError, ValueError) as error:
            return self._give_up(connection, selector, error)
        if not answer.kept or connection.leaves_rest:
            return self._give_up(connection, selector, answer)
        self.free.append(connection)
        return self._waiting.pop(connection).number, answer

    def _give_up(
        self, connection: Connection, selector: selectors.BaseSelector, outcome: Answer | Exception
    ) -> Exchanged:
        """Close a connection, and return what has become of the request on it."""
        _forget(connection, selector)
        return self._waiting.pop(connection).number, outcome


_NONE: Numbered = (0, b"")


def _forget(connection: Connection, selector: selectors.BaseSelector) -> None:
    selector.unregister(connection.number)
    connection.close()
