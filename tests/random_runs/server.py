"""HTTP in front of the scenes: a thread for each connection, one server for many runs, tables told apart by name."""

from __future__ import annotations

import json
import re
import socket
import threading
import zlib
from contextlib import suppress
from typing import Any, BinaryIO

from tests.random_runs.scene import Request, Scene, unknown_table
from tests.random_runs.trouble import Reply

PACKED_FROM = 200
"""Bytes from which on an answer is packed, where that is asked for; the service does from 4 KB on."""
_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/dynamodb/")


class ScriptedServer:
    """Serve scenes over HTTP from threads of this process; `url` is its address."""

    def __init__(self) -> None:
        self._scenes: dict[str, Scene] = {}
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def add(self, scene: Scene) -> None:
        """Serve the tables of a run."""
        self._scenes |= {table.name: scene for table in scene.tables}

    def remove(self, scene: Scene) -> None:
        """Forget the tables of a run."""
        for table in scene.tables:
            self._scenes.pop(table.name, None)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, (_, port) = self._listening.accept()
                threading.Thread(target=self._talk, args=(connection, port), daemon=True).start()

    def _talk(self, connection: socket.socket, port: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # clients that are killed leave broken connections behind
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as file:
            while (asked := _read(file)) is not None:
                headers, body = asked
                reply = self._answer(headers, body, port, connection)
                if reply is None:
                    return
                packed = None
                if "gzip" in headers.get("accept-encoding", "") and reply.crc is None and len(reply.body) > PACKED_FROM:
                    packed = zlib.compress(reply.body, 1, 16 + zlib.MAX_WBITS)
                connection.sendall(reply.bytes(packed))
                if reply.sent is not None:
                    return

    def _answer(self, headers: dict[str, str], body: Any, port: int, connection: socket.socket) -> Reply | None:
        operation = headers["x-amz-target"].rpartition(".")[2]
        name = str(body.get("TableName") or next(iter(body.get("RequestItems", {"": None}))))
        scene = self._scenes.get(name)
        region = _REGION.search(headers.get("authorization", ""))
        if scene is None or region is None or region[1] not in {t.region for t in scene.tables if t.name == name}:
            return unknown_table()

        def cut() -> None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        return scene.serve(Request(operation, name, body, port), cut)


def _read(file: BinaryIO) -> tuple[dict[str, str], Any] | None:
    """Read one request; None where the client has gone."""
    if not file.readline():
        return None
    headers: dict[str, str] = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers["content-length"]))
    return headers, json.loads(body)
