"""Connections to one endpoint, reused; length and CRC32 of every answer are checked.

http.client opens them; requests and answers go over the socket itself, since http.client reads the headers of an
answer with a parser of e-mails, at a third of the cost of a whole look-up (perf/micro).
"""

from __future__ import annotations

import ssl
import zlib
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from io import BufferedIOBase, BufferedReader
from socket import SO_KEEPALIVE, SOL_SOCKET, socket
from typing import NamedTuple
from urllib.parse import urlsplit

from fastsync.aws.failures import Fault
from fastsync.errors import RequestFailed
from fastsync.model.addresses import Proxy, hide_users, parse_proxy
from fastsync.model.table import Endpoint

CONNECT_TIMEOUT = 10.0
"""Seconds that each step of opening a connection may take."""
TIMEOUT = 30.0
"""Seconds that each wait for bytes may take; a page of 1 MB takes well under one."""
BUFFER = 1 << 16
"""Bytes read from a socket at once: most answers to a look-up fit."""
LONGEST_LINE = 1 << 16
"""Bytes of a status line or header, as in http.client."""
DEFAULT_PORTS = {"http": 80, "https": 443}
GZIP = 16 + zlib.MAX_WBITS
"""The window bits by which zlib expects the header and trailer of gzip."""


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
        self._idle: deque[_Connection] = deque()
        self._tls = _tls_context(endpoint)
        self._session: ssl.SSLSession | None = None
        self._before_path = ""
        if (
            endpoint.proxy and not self._tls
        ):  # a proxy takes the whole address for plain HTTP; for TLS it opens a tunnel
            self._before_path = f"http://{urlsplit(endpoint.url).netloc.rpartition('@')[2]}"
            headers = _proxy_headers(parse_proxy(endpoint.proxy))
            self._always += "".join(f"{name}: {value}\r\n" for name, value in headers.items())

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
        return Reply(answer.status, answer.headers, _check_and_unpack(answer))

    def close(self) -> None:
        """Close every idle connection."""
        with suppress(IndexError):  # other threads take from them
            while True:
                self._idle.pop().close()

    @contextmanager
    def _faults_raised(self, unsent: bool = False) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, HTTPException) as error:
            message = hide_users(f"{type(error).__name__}: {error} (at {self._endpoint.url})")
            raise Fault(message, unsent=unsent, timed_out=isinstance(error, TimeoutError)) from None

    def _take_connection(self) -> _Connection:
        with suppress(IndexError):
            return self._idle.pop()
        return _Connection(self._open_socket())

    def _open_socket(self) -> socket:
        opening, host = _prepare_connection(self._endpoint)
        try:
            opening.connect()  # which sets TCP_NODELAY
            opened: socket = opening.sock
            if self._tls is not None:
                opened = self._tls.wrap_socket(opened, server_hostname=host, session=self._session)
        except BaseException:
            opening.close()
            raise
        opened.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        opened.settimeout(TIMEOUT)
        return opened


class _Answer(NamedTuple):
    """One HTTP answer, its body as it came, and whether the connection can be reused (`kept`)."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    kept: bool


class _Connection:
    """One open connection. It is unusable after any failure (OSError, ValueError, zlib.error)."""

    def __init__(self, opened: socket):
        self._socket = opened
        self._file = BufferedReader(opened.makefile("rb", buffering=0), BUFFER)

    def exchange_once(self, request: bytes) -> _Answer:
        """Send a request and read its answer."""
        self._socket.sendall(request)
        version, status, headers = _read_head(self._file)
        while 100 <= status < 200:  # not an answer yet
            version, status, headers = _read_head(self._file)
        body, measured = _read_body(self._file, headers)
        closing = version != b"HTTP/1.1" or b"close" in headers.get(b"connection", b"").lower()
        return _Answer(status, headers, body, measured and not closing)

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session, which shortens the handshake of the next connection; None for plain HTTP."""
        if not isinstance(self._socket, ssl.SSLSocket):
            return None
        return self._socket.session

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()


def _read_head(file: BufferedIOBase) -> tuple[bytes, int, dict[bytes, bytes]]:
    """Read version, status and headers (names in lower case; the last one where a name is repeated)."""
    version, _, rest = _read_line(file).partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError(f"this is no answer in HTTP/1: {version[:40]!r}")
    headers = {}
    while line := _read_line(file):
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return version, int(rest[:3]), headers


def _read_body(file: BufferedIOBase, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """Return the body, and whether its end was marked by anything but the end of the connection."""
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return b"".join(_read_chunks(file)), True
    if b"content-length" in headers:
        return _read_exactly(file, int(headers[b"content-length"])), True
    return file.read(), False


def _read_chunks(file: BufferedIOBase) -> Iterator[bytes]:
    while size := int(_read_line(file).partition(b";")[0], 16):
        yield _read_exactly(file, size)
        _read_line(file)
    while _read_line(file):  # trailers
        pass


def _read_line(file: BufferedIOBase) -> bytes:
    line = file.readline(LONGEST_LINE)
    if not line:
        raise ConnectionError("the connection was closed")
    if not line.endswith(b"\n"):
        raise ConnectionError("the connection ended within the headers")
    return line.rstrip(b"\r\n")


def _read_exactly(file: BufferedIOBase, size: int) -> bytes:
    if size < 0:
        raise ValueError("a length below zero")
    found = file.read(size)
    if len(found) != size:
        raise ConnectionError(f"an answer cut short, {len(found)} of {size} bytes")
    return found


def _check_and_unpack(answer: _Answer) -> bytes:
    """Return the body of an answer, unpacked; the CRC32 is that of the bytes as sent."""
    expected = answer.headers.get(b"x-amz-crc32")
    if expected is not None and expected != b"%d" % zlib.crc32(answer.body):
        raise Fault("an answer whose CRC32 is wrong")
    if answer.headers.get(b"content-encoding", b"identity") != b"gzip":
        return answer.body
    try:
        return zlib.decompress(answer.body, GZIP)
    except zlib.error as error:
        raise Fault(f"an answer that cannot be unpacked: {error}") from None


def _prepare_connection(endpoint: Endpoint) -> tuple[HTTPConnection, str]:
    """Return a connection that is not open yet, and the host at its far end."""
    address = urlsplit(endpoint.url)
    secure = address.scheme == "https"
    host, port = str(address.hostname), address.port or DEFAULT_PORTS[address.scheme]
    if not endpoint.proxy:
        return HTTPConnection(host, port, timeout=CONNECT_TIMEOUT), host
    proxy = parse_proxy(endpoint.proxy)
    if proxy.scheme != "http":
        raise ValueError(f"a proxy is spoken to over http, not {proxy.scheme}")
    opening = HTTPConnection(proxy.host, proxy.port, timeout=CONNECT_TIMEOUT)
    if secure:
        opening.set_tunnel(host, port, _proxy_headers(proxy))
    return opening, host


def _proxy_headers(proxy: Proxy) -> dict[str, str]:
    """Return the header with a proxy's user and password where its address has them."""
    if proxy.user is None:
        return {}
    return {"proxy-authorization": f"Basic {b64encode(proxy.user.encode()).decode()}"}


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    if not endpoint.url.startswith("https"):
        return None
    return ssl.create_default_context(cafile=endpoint.ca_bundle)
