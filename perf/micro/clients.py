"""What one exchange costs with other HTTP clients: least CPU of many, over http and https, nothing signed or checked.

python -m perf.micro.clients     pycurl and awscrt where they are installed, and fastsync's own with CRC32
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastsync.aws.connections import Connections
from fastsync.model.table import Endpoint
from perf.bench import server
from perf.micro.__main__ import cost
from perf.server.certificate import BUNDLE

KEYS = b",".join(b'{"id":{"S":"item-%010d"}}' % number for number in range(100))
REQUESTS = {
    "a page of 1.9 MB": ("Scan", b'{"TableName":"master-table"}'),
    "a look-up, 43 KB": ("BatchGetItem", b'{"RequestItems":{"slave-table":{"Keys":[%b]}}}' % KEYS),
}
Post = Callable[[str, bytes], object]
"""Send one operation's body, and wait for the answer."""
WAIT = 10
"""Seconds for an answer."""


def open_own(url: str, bundle: str | None) -> Post:
    """Open fastsync's own."""
    connections = Connections(Endpoint(url, bundle))
    return lambda operation, body: connections.post("/", body, {"host": "x", "x-amz-target": f"x.{operation}"})


def open_curl(url: str, bundle: str | None) -> Post:
    """Open libcurl, by pycurl."""
    curl: Any = import_module("pycurl").Curl()
    options = {curl.URL: url, curl.POST: 1, curl.BUFFERSIZE: 1 << 19}
    if bundle is not None:
        options[curl.CAINFO] = bundle

    def post(operation: str, body: bytes) -> bytes:
        found: list[bytes] = []
        asked = {**options, curl.POSTFIELDS: body, curl.WRITEFUNCTION: found.append}
        for name, value in {**asked, curl.HTTPHEADER: [f"x-amz-target: x.{operation}", "Expect:"]}.items():
            curl.setopt(name, value)
        curl.perform()
        return b"".join(found)

    return post


def open_crt(url: str, bundle: str | None) -> Post:
    """Open AWS's Common Runtime, by awscrt."""
    runtime: Any = import_module("awscrt.io")
    http: Any = import_module("awscrt.http")
    address = urlsplit(url)
    loops = runtime.EventLoopGroup(1)
    secured = None
    if bundle is not None:
        options = runtime.TlsContextOptions()
        options.override_default_trust_store_from_path(None, bundle)
        secured = runtime.ClientTlsContext(options).new_connection_options()
        secured.set_server_name("localhost")
    connection = http.HttpClientConnection.new(
        host_name=address.hostname,
        port=address.port,
        bootstrap=runtime.ClientBootstrap(loops, runtime.DefaultHostResolver(loops)),
        socket_options=runtime.SocketOptions(),
        tls_connection_options=secured,
    ).result(WAIT)

    def post(operation: str, body: bytes) -> bytes:
        found: list[bytes] = []
        headers = [("host", "x"), ("x-amz-target", f"x.{operation}"), ("content-length", str(len(body)))]
        request = http.HttpRequest("POST", "/", http.HttpHeaders(headers), io.BytesIO(body))
        stream = connection.request(request, lambda **_: None, lambda chunk, **_: found.append(chunk))
        stream.activate()
        stream.completion_future.result(WAIT)
        return b"".join(found)

    return post


CLIENTS: Mapping[str, Callable[[str, str | None], Post]] = {
    "fastsync": open_own,
    "pycurl": open_curl,
    "awscrt": open_crt,
}


def main() -> None:
    print("| client | exchange | http µs | https µs |\n|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        server(["--items", "5000"]) as plain,
        server(["--items", "5000"], Path(folder)) as secure,
    ):
        bundle = str(Path(folder) / BUNDLE)
        for name, opened in CLIENTS.items():
            if find_spec(name) is not None:
                _measure(name, (opened(plain, None), opened(secure, bundle)))


def _measure(name: str, posts: Sequence[Post]) -> None:
    """Print what each exchange takes by one client, over http and over https."""
    for what, request in REQUESTS.items():
        plain, secure = (cost(lambda post=post, request=request: post(*request)) * 1e6 for post in posts)  # type: ignore[misc]
        print(f"| {name} | {what} | {plain:.0f} | {secure:.0f} |", flush=True)


if __name__ == "__main__":
    main()
