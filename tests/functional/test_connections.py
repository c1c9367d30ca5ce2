"""Kept connections, against servers that send exactly the bytes they are told to."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fastsync.aws.connections import Connections
from fastsync.aws.failures import Fault
from fastsync.errors import RequestFailed
from fastsync.model.table import Endpoint
from perf.server.certificate import BUNDLE, make_certified

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"Count":0}'
WHOLE = OK + b"Content-Length: 11\r\n\r\n" + BODY
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(BODY, mtime=0)


def answer_with(*headers: str, body: bytes = BODY) -> bytes:
    """Spell an answer with more headers than its length."""
    lines = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(body)}"))
    return OK + lines.encode() + b"\r\n" + body


class Scripted:
    """A server that answers the n-th request it gets with the n-th answer, then ends the connection after the last.

    `greeting` is what it does with each connection first, and gives the socket to go on with.
    """

    def __init__(
        self, answers: Sequence[bytes], greeting: Callable[[socket.socket], socket.socket] = lambda each: each
    ):
        self._answers = list(answers)
        self._greeting = greeting
        self.requests: list[bytes] = []
        self.connections: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._answers:
            try:
                connection = self._listening.accept()[0]
                if self._greeting is not None:
                    connection = self._greeting(connection)
            except OSError:
                continue
            self.connections.append(connection)
            with connection:
                while self._answers and (request := read_request(connection)):
                    self.requests.append(request)
                    answer = self._answers.pop(0)
                    connection.sendall(answer)
                    if b"connection: close" in answer.lower() or not self._answers:
                        break
        self._listening.close()


def read_request(connection: socket.socket) -> bytes:
    """Read one request, headers and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def connected(endpoint: Endpoint) -> Iterator[Connections]:
    """Open connections and close them in the end."""
    connections = Connections(endpoint)
    try:
        yield connections
    finally:
        connections.close()


def post(connections: Connections) -> tuple[int, bytes]:
    """Post something small."""
    reply = connections.post("/", b"{}", {"host": "example"})
    return reply.status, reply.body


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        pytest.param(WHOLE, 200, BODY, id="length"),
        pytest.param(answer_with(f"x-amz-crc32: {zlib.crc32(BODY)}"), 200, BODY, id="crc"),
        pytest.param(CHUNKED + b'4;x=y\r\n{"Co\r\n7\r\nunt":0}\r\n0\r\n\r\n', 200, BODY, id="chunked"),
        pytest.param(OK + b"Connection: close\r\n\r\n" + BODY, 200, BODY, id="until the connection ends"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, 200, BODY, id="continue"),
        pytest.param(WHOLE.replace(b"1.1", b"1.0"), 200, BODY, id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 400\r\ncontent-length:0\r\n\r\n", 400, b"", id="error without a reason"),
        pytest.param(
            answer_with("Content-Encoding: gzip", f"x-amz-crc32: {zlib.crc32(PACKED)}", body=PACKED),
            200, BODY, id="gzip, the CRC of the bytes as sent",
        ),
    ],
)  # fmt: skip
def test_answers_are_read(answer: bytes, status: int, body: bytes) -> None:
    """An answer is read whole in every form that HTTP/1 gives it."""
    server = Scripted([answer])
    with connected(Endpoint(f"http://127.0.0.1:{server.port}")) as connections:
        assert post(connections) == (status, body)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"", "closed", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", "within the headers", id="half a header"),
        pytest.param(WHOLE[:-1], "cut short, 10 of 11", id="half a body"),
        pytest.param(OK + b"Content-Length: -1\r\n\r\n", "below zero", id="negative length"),
        pytest.param(OK + b"Content-Length: x\r\n\r\n", "ValueError", id="no length"),
        pytest.param(CHUNKED + b'4\r\n{"Co\r\n', "closed", id="chunks without an end"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", "no answer in HTTP/1", id="another protocol"),
        pytest.param(answer_with("x-amz-crc32: 1"), "CRC32", id="wrong crc"),
        pytest.param(answer_with("Content-Encoding: gzip"), "unpacked", id="gzip that is none"),
    ],
)  # fmt: skip
def test_a_broken_answer_is_a_fault(answer: bytes, reason: str) -> None:
    """What is not one whole answer is a fault that says what is wrong, and never taken for an answer."""
    server = Scripted([answer])
    with connected(Endpoint(f"http://127.0.0.1:{server.port}")) as connections, pytest.raises(Fault, match=reason):
        post(connections)


@pytest.mark.parametrize(("first", "used"), [(WHOLE, 1), (answer_with("Connection: close"), 2)])
def test_connections_are_kept(first: bytes, used: int) -> None:
    """A connection serves one request after the other, until the server says that it will not."""
    server = Scripted([first, WHOLE])
    with connected(Endpoint(f"http://127.0.0.1:{server.port}")) as connections:
        assert [post(connections), post(connections)] == [(200, BODY)] * 2
    assert len(server.connections) == used


@pytest.mark.parametrize(("compress", "asked"), [(True, b"gzip"), (False, b"identity")])
def test_gzip_is_asked_for_on_demand(compress: bool, asked: bytes) -> None:
    """Only --compress asks for gzip."""
    server = Scripted([WHOLE])
    with connected(Endpoint(f"http://127.0.0.1:{server.port}", compress=compress)) as connections:
        post(connections)
    assert b"accept-encoding: " + asked + b"\r\n" in server.requests[0]


def test_a_line_break_in_a_header_is_never_sent() -> None:
    """A session token with a line break in it adds no header of its own, and the error does not hold it."""
    server = Scripted([WHOLE])
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}")
    with connected(endpoint) as connections, pytest.raises(RequestFailed, match="line break") as error:
        connections.post("/", b"{}", {"x-amz-security-token": "token\r\nx-evil: 1"})
    assert "token" not in str(error.value)
    assert server.requests == []


@pytest.mark.parametrize("proxy", ["http://user:p%40ss@127.0.0.1:{port}", "user:p%40ss@127.0.0.1:{port}"])
def test_a_proxy_for_plain_http_gets_the_whole_address(proxy: str) -> None:
    """Requests to a plain endpoint go to the proxy as they are, with its password."""
    server = Scripted([WHOLE])
    with connected(Endpoint("http://dynamodb.test:8000", proxy=proxy.format(port=server.port))) as connections:
        assert post(connections) == (200, BODY)
    assert server.requests[0].startswith(b"POST http://dynamodb.test:8000/ HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic " + b64encode(b"user:p@ss") in server.requests[0]


def test_tls_through_a_proxy(certified: tuple[ssl.SSLContext, Path]) -> None:
    """Requests over TLS go through a tunnel, are checked against the CA bundle, and resume the session before."""
    context, bundle = certified
    tunnels: list[bytes] = []
    resumed: list[bool | None] = []

    def greeting(plain: socket.socket) -> socket.socket:
        tunnels.append(read_request(plain))
        plain.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        secure = context.wrap_socket(plain, server_side=True)
        resumed.append(secure.session_reused)
        return secure

    server = Scripted([WHOLE, answer_with("Connection: close"), WHOLE], greeting)
    endpoint = Endpoint("https://localhost", str(bundle), f"http://127.0.0.1:{server.port}")
    with connected(endpoint) as connections:
        assert [post(connections) for _ in range(3)] == [(200, BODY)] * 3
    assert [tunnel.startswith(b"CONNECT localhost:443 ") for tunnel in tunnels] == [True, True]
    assert resumed == [False, True]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda each: each.name)
def test_sessions_are_resumed(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """Each new connection resumes the session before; where the server has forgotten it, later ones resume the next."""
    contexts = (make_certified(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    contexts[1].load_cert_chain(tmp_path / BUNDLE, tmp_path / "key.pem")  # with other keys for its tickets
    for context in contexts:
        context.maximum_version = version
    seen: list[bool | None] = []

    def greeting(plain: socket.socket) -> socket.socket:
        context = contexts[len(seen) >= 3]
        secure = context.wrap_socket(plain, server_side=True)
        seen.append(secure.session_reused)
        return secure

    server = Scripted([answer_with("Connection: close")] * 6, greeting)
    with connected(Endpoint(f"https://127.0.0.1:{server.port}", str(tmp_path / BUNDLE))) as connections:
        assert [post(connections) for _ in range(6)] == [(200, BODY)] * 6
    assert seen == [False, True, True, False, True, True]


def test_a_certificate_that_nobody_vouches_for_is_refused(certified: tuple[ssl.SSLContext, Path]) -> None:
    """Without its CA bundle a server is not trusted."""
    server = Scripted([WHOLE], lambda plain: certified[0].wrap_socket(plain, server_side=True))
    endpoint = Endpoint(f"https://localhost:{server.port}")
    with connected(endpoint) as connections, pytest.raises(Fault, match="certificate verify failed"):
        post(connections)
    assert server.requests == []


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """Make a server's TLS context for localhost, and the CA bundle that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    return make_certified(folder), folder / BUNDLE


def pack(body: bytes) -> bytes:
    """Pack a body in two members, as appending to a gzip file does."""
    return gzip.compress(body[:4], mtime=0) + gzip.compress(body[4:], mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("GZIP", PACKED), ("x-gzip", PACKED), (" X-GZip ", PACKED), ("identity, gzip", PACKED),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0)), ("Identity", BODY), ("", BODY), ("gzip", pack(BODY)),
    ],
    ids=lambda each: each if isinstance(each, str) else len(each),
)  # fmt: skip
@pytest.mark.parametrize("checked", [None, "as sent", "unpacked"])
def test_codings_in_every_spelling(coding: str, body: bytes, checked: str | None) -> None:
    """A packed answer is read however its coding is spelled; its CRC32 is of the sent or of the plain bytes."""
    headers = [f"Content-Encoding: {coding}"]
    if checked is not None:
        headers.append(f"x-amz-crc32: {zlib.crc32(body if checked == 'as sent' else BODY)}")
    server = Scripted([answer_with(*headers, body=body)])
    with connected(Endpoint(f"http://127.0.0.1:{server.port}", compress=True)) as connections:
        assert post(connections) == (200, BODY)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(answer_with(f"x-amz-crc32: {zlib.crc32(PACKED)}"), "CRC32 is wrong", id="unpacked on the way"),
        pytest.param(
            answer_with("Content-Encoding: gzip", "x-amz-crc32: 7", body=PACKED), "CRC32 is wrong", id="neither form"
        ),
        pytest.param(answer_with("Content-Encoding: br"), "packed as 'br'", id="a coding that nobody asked for"),
        pytest.param(answer_with("Content-Encoding: gzip", body=PACKED[:-9]), "too early", id="half a member"),
    ],
)
def test_answers_that_were_repacked_are_told(answer: bytes, reason: str) -> None:
    """With --compress the error for an answer that something on the way has repacked names the flag."""
    for compress in (True, False):
        server = Scripted([answer])
        endpoint = Endpoint(f"http://127.0.0.1:{server.port}", compress=compress)
        with connected(endpoint) as connections, pytest.raises(Fault, match=reason) as error:
            post(connections)
        assert ("--compress" in str(error.value)) == compress


LATE = b"HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("rest", [b"", b"\r\n", LATE, WHOLE])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("open_still", [False, True])
def test_idle_connections_that_are_not_clean(
    rest: bytes, at_once: bool, open_still: bool, secure: bool, certified: tuple[ssl.SSLContext, Path]
) -> None:
    """A kept connection that was closed, or has something unasked to read, is replaced without a fault."""
    server = Idle(rest, at_once, open_still, certified[0] if secure else None)
    scheme = "https" if secure else "http"
    with connected(Endpoint(f"{scheme}://127.0.0.1:{server.port}", str(certified[1]))) as connections:
        for _ in range(3):
            assert post(connections) == (200, BODY)
            server.idled.wait(10)
            server.idled.clear()
            time.sleep(0.05)
    assert server.accepted == (1 if open_still and not rest else 3)


class Idle:
    """A server that does something to each connection after every answer: send the rest, close it, or both."""

    def __init__(self, rest: bytes, at_once: bool, open_still: bool, context: ssl.SSLContext | None):
        self.idled = threading.Event()
        self.accepted = 0
        self._rest, self._at_once, self._open_still = rest, at_once, open_still
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection = self._listening.accept()[0]
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection, suppress(OSError):
            while read_request(connection):
                if self._at_once:
                    connection.sendall(WHOLE + self._rest)
                else:
                    connection.sendall(WHOLE)
                    connection.sendall(self._rest)
                if not self._open_still:
                    break
                self.idled.set()
        self.idled.set()


def test_a_proxy_that_is_spoken_to_over_tls(certified: tuple[ssl.SSLContext, Path]) -> None:
    """A proxy with https gets whole addresses for plain HTTP, over TLS, without the port that http has anyway."""
    context, bundle = certified
    server = Scripted([WHOLE], lambda plain: context.wrap_socket(plain, server_side=True))
    proxy = f"https://localhost:{server.port}"
    with connected(Endpoint("http://dynamodb.test:80/p", str(bundle), proxy)) as connections:
        assert post(connections) == (200, BODY)
    assert server.requests[0].startswith(b"POST http://dynamodb.test/ HTTP/1.1\r\n")


def test_a_proxy_that_fails_is_named() -> None:
    """Where it does not answer, does not speak HTTP or refuses the tunnel; never with user and password."""
    refusing = Scripted([b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"])
    speaking = Scripted([b"SSH-2.0-x\r\n\r\n"])
    reasons = {refusing.port: "HTTP 407", speaking.port: "no answer in HTTP/1", 1: "refused"}
    for port, reason in reasons.items():
        endpoint = Endpoint("https://localhost", proxy=f"http://ada:hidden@127.0.0.1:{port}")
        with connected(endpoint) as connections, pytest.raises(Fault, match=f"the proxy 127.0.0.1:{port} ") as error:
            post(connections)
        assert reason in str(error.value)
        assert "hidden" not in str(error.value)
        assert error.value.unsent
