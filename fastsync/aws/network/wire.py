"""One open connection that speaks HTTP/1: send a request, read its answer.

Written by hand, since http.client reads the headers of an answer with a parser of e-mails, at a third of the cost of a
whole look-up (perf/micro).
"""

from __future__ import annotations

import select
import ssl
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BufferedIOBase, BufferedReader, RawIOBase
from socket import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER = 1 << 16
"""Bytes read from a socket at once: most answers to a look-up fit."""
LONGEST_LINE = 1 << 16
"""Bytes of a status line or header, as in http.client."""
NEW_CONNECTION = frozenset({408, 421})
"""Statuses after which a request is repeated on a new connection (RFC 9110, 15.5.9 and 15.5.20)."""
GZIP = 16 + zlib.MAX_WBITS
"""The window bits by which zlib expects the header and trailer of gzip."""
PACKED = frozenset({b"gzip", b"x-gzip"})
"""Names of gzip as a content coding (RFC 9110, 8.4.1.3)."""


class Answer(NamedTuple):
    """One HTTP answer, its body as it came, and whether the connection can be reused (`kept`)."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    kept: bool


class Connection:
    """One open connection. It is unusable after any failure (OSError, ValueError).

    `offered` is the TLS session that its handshake was to resume.
    """

    def __init__(self, opened: socket, offered: ssl.SSLSession | None = None):
        self.offered = offered
        self.number = opened.fileno()
        self._socket = opened
        self._answered = self._told = False
        self._incoming = _Incoming(opened)
        self._file = BufferedReader(self._incoming, BUFFER)
        self._poll = select.poll()
        self._poll.register(self.number, select.POLLIN)

    def exchange_once(self, request: bytes) -> Answer:
        """Send a request and read its answer."""
        self.send_request(request)
        return self.read_answer()

    def send_request(self, request: bytes) -> None:
        """Send a request."""
        self._socket.sendall(request)

    def read_answer(self) -> Answer:
        """Wait for the answer to a request that was sent, and read it."""
        version, status, headers = read_head(self._file)
        while 100 <= status < 200:  # not an answer yet
            version, status, headers = read_head(self._file)
        body, measured = _read_body(self._file, headers)
        self._answered = True
        closing = version != b"HTTP/1.1" or b"close" in headers.get(b"connection", b"").lower()
        kept = measured and not closing and status not in NEW_CONNECTION
        return Answer(status, headers, body, kept)

    def is_clean(self) -> bool:
        """Return whether the connection is open and nothing is left to read, so that a request can be sent on it.

        Where something can be read, the other side has closed it, or sent what nobody asked for.
        """
        if self._poll.poll(0):
            return False
        pending = getattr(self._socket, "pending", None)
        if pending is not None and pending():
            return False
        return not self.leaves_rest

    @property
    def leaves_rest(self) -> bool:
        """Return whether bytes were received that belong to no answer."""
        return self._incoming.leaves_rest(self._file)

    def take_session(self) -> ssl.SSLSession | None:
        """Return the TLS session that a whole handshake has brought, once; it shortens those of other connections.

        There is none before the first answer: by TLS 1.3 the session comes with that. To read it takes 0.2 ms.
        """
        if self._told or not self._answered or not isinstance(self._socket, ssl.SSLSocket):
            return None
        self._told = True
        if self._socket.session_reused:
            return None
        return self._socket.session

    def close(self) -> None:
        """Close it."""
        with suppress(OSError):
            self._socket.close()


class _Incoming(RawIOBase):
    """The bytes of a socket, for a BufferedReader."""

    def __init__(self, opened: socket):
        self._socket = opened
        self._paused = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Receive into a buffer and return how many bytes came; None while paused."""
        if self._paused:
            return None
        return self._socket.recv_into(buffer)

    def leaves_rest(self, file: BufferedReader[_Incoming]) -> bool:
        """Return whether the reader of this socket holds bytes that were received and not read."""
        self._paused = True
        rest = file.peek(1)  # it asks the socket only where it holds none
        self._paused = False
        return bool(rest)


def read_head(file: BufferedIOBase) -> tuple[bytes, int, dict[bytes, bytes]]:
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


def unpack_body(answer: Answer) -> bytes:
    """Return the body of an answer without its content codings; raise ValueError where it cannot be unpacked."""
    given = answer.headers.get(b"content-encoding")
    if given is None:
        return answer.body
    body = answer.body
    for coding in reversed(given.lower().split(b",")):
        body = _decode_coding(coding.strip(), body)
    return body


def _decode_coding(coding: bytes, body: bytes) -> bytes:
    """Return a body without one content coding."""
    if coding in (b"", b"identity"):
        return body
    if coding not in PACKED:
        raise ValueError(f"it is packed as {coding[:40].decode(errors='replace')!r}, which nobody asked for")
    try:
        return b"".join(_unpack_members(body))
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _unpack_members(body: bytes) -> Iterator[bytes]:
    """Unpack the members of a gzip stream one after the other: there may be several (RFC 1952, 2.2)."""
    while body:
        member = zlib.decompressobj(GZIP)
        yield member.decompress(body)
        if not member.eof:
            raise ValueError("it ends too early")
        body = member.unused_data.lstrip(b"\0")
