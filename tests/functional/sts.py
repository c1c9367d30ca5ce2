"""A stand-in before moto's STS: it records what is asked, and can shorten sessions or refuse them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REFUSAL = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
    "<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
)
Asked = dict[str, str]
"""The parameters of one call."""


class Sts:
    """`lasting` gives the seconds that the n-th session lasts (from 1), `refuses` an error's code and message.

    `lacks` names a field that the n-th answer is sent without.
    """

    def __init__(
        self,
        upstream: str,
        lasting: Callable[[int], float] = lambda _: 3600,
        refuses: Callable[[int, Asked], tuple[str, str] | None] = lambda *_: None,
        lacks: Callable[[int], str | None] = lambda _: None,
    ):
        self.lacks = lacks
        self.asked: list[Asked] = []
        self.lasting = lasting
        self.refuses = refuses
        self.upstream = urlsplit(upstream)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Sts:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Answer one call."""
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.asked.append(asked)
        number = len(self.asked)
        if (refusal := self.refuses(number, asked)) is not None:
            return 403, REFUSAL.format(code=refusal[0], message=refusal[1]).encode()
        upstream = HTTPConnection(str(self.upstream.hostname), self.upstream.port, timeout=30)
        upstream.request("POST", "/", body, headers)
        answer = upstream.getresponse()
        text = answer.read().decode()
        upstream.close()
        end = datetime.now(timezone.utc) + timedelta(seconds=self.lasting(number))
        text = re.sub(r"<Expiration>[^<]*", f"<Expiration>{end.strftime('%Y-%m-%dT%H:%M:%SZ')}", text)
        if (field := self.lacks(number)) is not None:
            text = re.sub(rf"<{field}>.*</{field}>", "", text, flags=re.DOTALL)
        return answer.status, text.encode()


def _handler(sts: Sts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            status, text = sts.answer(self.rfile.read(int(self.headers["Content-Length"])), kept)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
