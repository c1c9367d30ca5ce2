"""Stand-ins for those that give credentials to machines and people: container, instance metadata, SSO."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SECRET, TOKEN = "kept+secret", "session//token"
PATHS = {
    "/container": "container",
    "/latest/api/token": "instance token",
    "/latest/meta-data/iam/security-credentials/": "instance role",
    "/latest/meta-data/iam/security-credentials/night": "instance",
    "/federation/credentials": "sso",
}


class KeyServer:
    """Give the keys `AKIA1`, `AKIA2` … each time somebody asks; `lasting` are seconds by how often it was asked."""

    def __init__(self, lasting: Callable[[int], float] = lambda _: 3600):
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.lasting = lasting
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> KeyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, what: str) -> list[dict[str, str]]:
        """Give the headers of the requests of one kind."""
        return [headers for kind, headers in self.asked if kind == what]

    def answer(self, what: str, headers: dict[str, str]) -> str:
        """Answer one request."""
        self.asked.append((what, {name.lower(): value for name, value in headers.items()}))
        if what in ("instance token", "instance role"):
            return "night"
        number = len(self.of(what))
        end = datetime.now(timezone.utc) + timedelta(seconds=self.lasting(number))
        if what == "sso":
            keys: dict[str, Any] = {"accessKeyId": f"AKIA{number}", "secretAccessKey": SECRET, "sessionToken": TOKEN}
            return json.dumps({"roleCredentials": {**keys, "expiration": int(end.timestamp() * 1000)}})
        keys = {"AccessKeyId": f"AKIA{number}", "SecretAccessKey": SECRET, "Token": TOKEN, "Code": "Success"}
        return json.dumps({**keys, "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")})


def _handler(server: KeyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            what = PATHS.get(urlsplit(self.path).path)
            text = (server.answer(what, dict(self.headers)) if what else "").encode()
            self.send_response(200 if what else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_PUT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
