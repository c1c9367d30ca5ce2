"""Tables for tests: made, filled and read in DynamoDB's own JSON, so that nothing is converted; runs of fastsync."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.forked_runs import Command, Warm
from tests.servers import Server, environment, headers

Item = dict[str, Any]
"""An item or key in DynamoDB JSON: attribute name → {"type": value}."""
Keys = Sequence[tuple[str, str]]
"""Key attributes with their types, partition key first: [("id", "S"), ("sort", "N")]."""
PER_BATCH = 25
"""Puts in one BatchWriteItem, the service's limit."""
ROOT = Path(__file__).resolve().parent.parent

_local = threading.local()


class Rejected(Exception):
    """A server rejected a request."""


def unique(prefix: str = "t") -> str:
    """Give a table name that nobody else has; master and slave need two, since not every server separates regions."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def call(server: Server, region: str, operation: str, body: Mapping[str, Any]) -> Any:
    """Send one request and give the parsed answer; raise Rejected."""
    connections: dict[str, http.client.HTTPConnection] = _local.__dict__.setdefault("connections", {})
    if server.url not in connections:
        address = urlsplit(server.url)
        connections[server.url] = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    connection = connections[server.url]
    for kept in (connection.sock is not None, False):
        try:
            connection.request("POST", "/", json.dumps(body).encode(), headers(operation, region))
            answer = connection.getresponse()
            text = answer.read()
            break
        except (OSError, http.client.HTTPException):
            connection.close()
            if not kept:  # servers end connections that nobody has used for a while
                raise
    if answer.status != 200:
        raise Rejected(f"{operation}: {text.decode()[:2000]}")
    return json.loads(text)


def create_table(server: Server, region: str, name: str, keys: Keys = (("id", "S"),)) -> str:
    """Create an empty table and give its name as fastsync takes it."""
    body = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in keys],
        "KeySchema": [
            {"AttributeName": key, "KeyType": role} for (key, _), role in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    call(server, region, "CreateTable", body)
    return f"{region}:{name}"


def put_items(server: Server, region: str, name: str, items: Iterable[Item], threads: int = 1) -> None:
    """Put items as they are, 25 at a time; with many threads for many items."""
    coming = iter(items)
    batches = iter(lambda: list(itertools.islice(coming, PER_BATCH)), [])
    if threads == 1:
        for batch in batches:
            _put_batch(server, region, name, batch)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda batch: _put_batch(server, region, name, batch), batches):
            pass


def read_all(server: Server, region: str, name: str) -> list[Item]:
    """Give all items of a table, in the order of its scan."""
    items: list[Item] = []
    body: dict[str, Any] = {"TableName": name, "ConsistentRead": True}
    while True:
        answer = call(server, region, "Scan", body)
        items += answer["Items"]
        if not answer.get("LastEvaluatedKey"):
            return items
        body["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _put_batch(server: Server, region: str, name: str, batch: Sequence[Item]) -> None:
    requests: Any = {name: [{"PutRequest": {"Item": item}} for item in batch]}
    while requests:
        requests = call(server, region, "BatchWriteItem", {"RequestItems": requests}).get("UnprocessedItems")


@dataclass(frozen=True)
class Ran:
    """What a run of the program came to. `report` is its parsed lines, `stats` the parsed statistics, where there."""

    args: Sequence[str]
    exit_code: int
    stdout: str
    stderr: str
    report: list[Any] = field(default_factory=list)
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def differences(self) -> list[Any]:
        """The lines of the report but the last."""
        return self.report[:-1]

    @property
    def end(self) -> Any:
        """The last line of the report, which says whether the rest is complete."""
        return self.report[-1]


def run_fastsync(
    *args: str,
    server: Server | None = None,
    timeout: float = 120,
    env: Mapping[str, str | None] | None = None,
    cwd: Path = ROOT,
) -> Ran:
    """Run `python -m fastsync` to its end, in a process that is forked rather than started; see tests/forked_runs.py.

    With a server the endpoint, and a report and statistics to be parsed, are asked for unless `args` do so already.
    `env` adds variables, and takes away those given as None.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fastsync", *args]
        if server is not None:
            for flag, value in _outputs(server, Path(folder)).items():
                if flag not in args:
                    command += [flag, value]
        code, stdout, stderr = _started(command, _environment(env or {}), cwd, timeout)
        report = _output(command, "--report", stdout)
        stats = _output(command, "--stats", stdout)
    return Ran(
        command,
        code,
        stdout,
        stderr,
        [json.loads(line) for line in report.split("\n") if line],
        json.loads(stats) if stats else {},
    )


def _started(command: Sequence[str], given: Mapping[str, str], cwd: Path, timeout: float) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        code = _warm().run(Command(command[3:], given, str(cwd), folder), timeout)
        stdout, stderr = ((Path(folder) / name).read_bytes().decode() for name in ("stdout", "stderr"))
    return code, stdout, stderr


@cache
def _warm() -> Warm:
    """Give this process's own process that forks runs; it ends when this one does, and there is nobody left to ask."""
    return Warm(ROOT, environment(PYTHONPATH=str(ROOT)))


def _outputs(server: Server, folder: Path) -> Mapping[str, str]:
    return {
        "--endpoint-url": server.url,
        "--report": str(folder / "report.jsonl"),
        "--stats": str(folder / "stats.json"),
    }


def _environment(changes: Mapping[str, str | None]) -> Mapping[str, str]:
    # found from any working directory, also where it is not installed
    merged: dict[str, str | None] = {**environment(PYTHONPATH=str(ROOT)), **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _output(command: Sequence[str], flag: str, stdout: str) -> str:
    if flag not in command[:-1]:
        return ""
    path = command[command.index(flag) + 1]
    if path == "-":
        return stdout
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.is_file() and os.access(file, os.R_OK) else ""
