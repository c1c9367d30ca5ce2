"""Connections to one endpoint, reused; length and CRC32 of every answer are checked."""

from __future__ import annotations

import ssl
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from fastsync.aws.failures import Fault
from fastsync.aws.network.opening import Opener, ProxyError, authorize_at
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
        """Send one request and return its answer; raise Fault where the connection, the length or the CRC fails."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers):
            raise RequestFailed("the credentials hold a line break, so no request can be sent", refused=True)
        head = f"POST {self._before_path}{path} HTTP/1.1\r\n{lines}{self._always}content-length: {len(body)}\r\n\r\n"
        with self._faults_raised(unsent=True):
            connection = self._take_connection()
        with self._faults_raised():
            try:
                answer = connection.exchange_once(head.encode() + body)
            except BaseException:
                connection.close()
                self.close()  # the service closes idle connections: the others have probably ended, too
                raise
        if answer.kept:
            self._session = self._session or connection.session
            self._idle.append(connection)
        else:
            connection.close()
        return Reply(answer.status, answer.headers, self._check_and_unpack(answer))

    def close(self) -> None:
        """Close every idle connection."""
        with suppress(IndexError):  # other threads take from them
            while True:
                self._idle.pop().close()

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
        with suppress(IndexError):  # other threads take from them
            while True:
                connection = self._idle.pop()
                if connection.is_clean():
                    return connection
                connection.close()
        return Connection(self._opener.open_socket(self._session))

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
