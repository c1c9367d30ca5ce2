"""What all stand-in servers have in common: they listen while their `with` block runs, and print nothing."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

HERE = ("127.0.0.1", 0)
"""The address to listen on: this machine only, on any free port."""
POLL = 0.02
"""Seconds between two looks at whether to stop."""
T = TypeVar("T", bound="StandIn")


class StandIn:
    """A server on this machine that runs in threads."""

    def __init__(self, server: ThreadingHTTPServer):
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self: T) -> T:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers requests without a word on stderr."""

    def read_body(self) -> bytes:
        """Read the body of a request."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """Send an answer; a header's name has `_` where its `-` is."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""
