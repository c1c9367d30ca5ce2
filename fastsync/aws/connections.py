"""Connections to one endpoint, reused; length and CRC32 of every answer are checked."""

from __future__ import annotations

import ssl
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import NamedTuple

from fastsync.aws.failures import Fault
from fastsync.aws.network.opening import Opener, ProxyError, authorize_at
from fastsync.aws.network.pipeline import Numbered, Pipeline
from fastsync.aws.network.target import make_target
from fastsync.aws.network.wire import Answer, Connection, unpack_body
from fastsync.errors import RequestFailed
from fastsync.model.addresses import hide_users
from fastsync.model.table import Endpoint

REPACKED = "something between here and the service packs or unpacks answers: leave --compress away"


class Reply(NamedTuple):
    """An answer whose length and CRC32 are right, its body unpacked; header names in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class Connections:
    """Open connections to one endpoint: each is taken for one exchange, and returned where that succeeds.

    The service compresses answers above 4 KB, on request.
    """

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._always = "accept-encoding: identity\r\n"
        if endpoint.compress:
            self._always = "accept-encoding: gzip\r\n"
        self._idle: deque[Connection] = deque()
        self._opener = Opener(endpoint)
        self._session: ssl.SSLSession | None = None
        self._before_path = ""
        proxy = self._opener.forwards
        if proxy is not None:
            self._before_path = f"http://{make_target(endpoint.url).host}"
            self._always += "".join(f"{line}\r\n" for line in authorize_at(proxy))

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Make a request, send it and return its answer."""
        return self.exchange(self.make_request(path, body, headers))

    def make_request(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return a request as it is sent; raise RequestFailed where its headers would not be what they seem."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers):
            raise RequestFailed("the credentials hold a line break, so no request can be sent", refused=True)
        head = f"POST {self._before_path}{path} HTTP/1.1\r\n{lines}{self._always}content-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def exchange(self, request: bytes) -> Reply:
        """Send one request and return its answer; raise Fault where the connection, the length or the CRC fails."""
        with self._faults_raised(unsent=True):
            connection = self._take_connection()
        with self._faults_raised():
            try:
                answer = connection.exchange_once(request)
            except BaseException:
                connection.close()
                self.close()  # the service closes idle connections: the others have probably ended, too
                raise
        if answer.kept:
            self._keep(connection)
        else:
            self._note_session(connection)
            connection.close()
        return Reply(answer.status, answer.headers, self._check_and_unpack(answer))

    def exchange_all(
        self, requests: Iterator[Numbered], most: int, pool: Executor
    ) -> Iterator[tuple[int, Reply | Fault]]:
        """Exchange requests as `exchange` does, `most` at a time, and yield what becomes of each as it turns out.

        Connections are opened on `pool`. Requests are left where none is open, and where all that were have failed.
        """
        pipeline = Pipeline(self._take_connections(most, pool))
        try:
            with closing(pipeline.exchange_all(requests)) as exchanged:
                for number, outcome in exchanged:
                    yield number, self._settle(outcome)
        finally:
            for connection in pipeline.free:
                self._keep(connection)

    def close(self) -> None:
        """Close every idle connection."""
        with suppress(IndexError):  # other threads take from them
            while True:
                self._idle.pop().close()

    def _settle(self, outcome: Answer | Exception) -> Reply | Fault:
        """Return what has become of one exchange."""
        try:
            with self._faults_raised():
                if isinstance(outcome, Exception):
                    raise outcome
                return Reply(outcome.status, outcome.headers, self._check_and_unpack(outcome))
        except Fault as fault:
            return fault

    def _keep(self, connection: Connection) -> None:
        """Keep a connection for the next exchange."""
        self._note_session(connection)
        self._idle.append(connection)

    def _note_session(self, connection: Connection) -> None:
        """Have later connections resume the session of this one, unless another has brought a new one meanwhile."""
        if connection.offered is self._session:
            self._session = connection.take_session() or self._session

    @contextmanager
    def _faults_raised(self, unsent: bool = False) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            reason, timed_out = f"{type(error).__name__}: {error}", isinstance(error, TimeoutError)
            if isinstance(error, ProxyError):
                reason, timed_out = str(error), error.timed_out
            message = hide_users(f"{reason} (at {self._endpoint.url.removesuffix('/')})")
            raise Fault(message, unsent=unsent, timed_out=timed_out) from None

    def _take_connection(self) -> Connection:
        """Return an idle connection that is open and clean, or a new one."""
        return self._take_idle() or self._open_connection()

    def _open_connection(self) -> Connection:
        """Return a new connection."""
        session = self._session
        return Connection(self._opener.open_socket(session), session)

    def _take_connections(self, most: int, pool: Executor) -> list[Connection]:
        """Return so many connections, or fewer where more cannot be opened: a request without one will tell why."""
        taken = list(islice(iter(self._take_idle, None), most))
        new = [pool.submit(self._take_connection) for _ in range(most - len(taken))]
        for coming in new:
            with suppress(OSError, ValueError):
                taken.append(coming.result())
        return taken

    def _take_idle(self) -> Connection | None:
        """Return an idle connection that is open and clean, None where there is none."""
        with suppress(IndexError):  # other threads take from them
            while True:
                connection = self._idle.pop()
                if connection.is_clean():
                    return connection
                connection.close()
        return None

    def _check_and_unpack(self, answer: Answer) -> bytes:
        """Return the body of an answer, unpacked; its CRC32 is that of the bytes as sent.

        Where something on the way packs answers, the CRC32 is that of the unpacked body.
        """
        expected = answer.headers.get(b"x-amz-crc32")
        as_sent = expected is None or expected == b"%d" % zlib.crc32(answer.body)
        try:
            body = unpack_body(answer)
        except ValueError as error:
            raise Fault(self._advise(f"an answer that cannot be unpacked: {error}")) from None
        if as_sent or expected == b"%d" % zlib.crc32(body):
            return body
        raise Fault(self._advise("an answer whose CRC32 is wrong"))

    def _advise(self, message: str) -> str:
        """Return the message about a damaged answer, with what may be the cause."""
        if not self._endpoint.compress:
            return message
        return f"{message}; perhaps {REPACKED}"
