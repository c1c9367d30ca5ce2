"""Stand-ins for those that give credentials to machines and people: container, instance metadata, SSO."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.functional.stand_in import HERE, Handler, StandIn

SECRET, TOKEN = "kept+secret", "session//token"
PATHS = {
    "/container": "container",
    "/latest/api/token": "instance token",
    "/latest/meta-data/iam/security-credentials/": "instance role",
    "/latest/meta-data/iam/security-credentials/night": "instance",
    "/federation/credentials": "sso",
}


class KeyServer(StandIn):
    """Give the keys `AKIA1`, `AKIA2` … each time somebody asks; `lasting` are seconds by how often it was asked."""

    def __init__(self, lasting: Callable[[int], float] = lambda _: 3600):
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.lasting = lasting
        super().__init__(ThreadingHTTPServer(HERE, _handler(self)))

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


def _handler(server: KeyServer) -> type[Handler]:
    class Answering(Handler):
        def do_GET(self) -> None:
            what = PATHS.get(urlsplit(self.path).path)
            if what is None:
                self.reply(404, b"")
            else:
                self.reply(200, server.answer(what, dict(self.headers)).encode())

        do_PUT = do_GET

    return Answering
