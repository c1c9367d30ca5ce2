"""fastsync demo: three tables with known differences on an embedded server, and the real command line.

`fastsync demo` needs nothing but the extra `fastsync[demo]`: no account, no credentials, no network.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shlex
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.transport import Transport
from fastsync.cli.parser import create_parser
from fastsync.errors import ConfigError, Interrupted
from fastsync.model.difference import Item
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, TableRef
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.workers.interrupt import Interrupt

MASTER, WEST, EUROPE = "us-east-1:orders", "us-west-2:orders", "eu-west-1:orders"
ORDERS = 500
"""Items of the master: each of three runs reads every table twice, and moto answers some hundred items a second."""
SEED = "fastsync demo"
FIRST_PLACED = 1_735_689_600
"""Epoch seconds of 2025-01-01: when the first order was placed."""
BATCH = 25
"""Items in one BatchWriteItem: the service's limit (API reference)."""
PATIENCE = 2.0
"""Seconds that a step may take to end after each signal."""
TO_INSTALL = "python -m pip install 'moto[server]>=5.0'"
DESCRIPTION = """\
Start a DynamoDB emulator (moto) in this process, fill a master table and two slaves with known differences, and run
fastsync on them: report, repair, check. Nothing outside is read or written. It takes about half a minute."""


@dataclass(frozen=True)
class SlavePlan:
    """How many items of a slave differ, and how many are only written in another way, which is no difference."""

    missing: int
    differing: int
    extra: int
    respelled: int


@dataclass(frozen=True)
class Step:
    """One run of the command line: its purpose, its flags, and the exit code that it must end with."""

    purpose: str
    flags: tuple[str, ...]
    exit_code: int


PLANS = {WEST: SlavePlan(40, 30, 20, 25), EUROPE: SlavePlan(15, 12, 8, 25)}
REPORT = "differences.jsonl"
REPAIRS = ("--write-missing", "--write-differing", "--delete-extra", "--yes")
STEPS = (
    Step("What differs? This run only reads.", ("--scan-for-extra", "--report", REPORT), 1),
    Step("Make both slaves equal to the master.", REPAIRS, 0),
    Step("Look again: is everything in sync now?", ("--scan-for-extra",), 0),
)


def run(arguments: Sequence[str]) -> int:
    """Run the demonstration and return its exit code: 0 where every step ended as it has to, 1 where one did not.

    Raises ConfigError on any argument but `--help`, and where moto is not installed.
    """
    create_parser("fastsync demo", "fastsync demo", DESCRIPTION).parse_args(arguments)
    server_class = _server_class()
    with Interrupt() as interrupt:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="fastsync-demo-") as folder,
                _isolated_environment(Path(folder)),
                _running_server(server_class) as url,
                foreseen_only(Phase("showing the demonstration", has_read=True)),
            ):
                return _run_steps(url, Path(folder))
        except Interrupted:
            return interrupt.exit_code or 1


def _server_class() -> Callable[..., Any]:
    try:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"fastsync demo needs the extra fastsync[demo], which is moto; install it with: {TO_INSTALL} ({error})"
        ) from None
    server_class: Callable[..., Any] = ThreadedMotoServer
    return server_class


@contextmanager
def _isolated_environment(folder: Path) -> Iterator[None]:
    """Hide accounts, configuration, endpoints and proxies of AWS from the emulator and from every step."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="demo",
        AWS_SECRET_ACCESS_KEY="demo",
        AWS_CONFIG_FILE=str(folder / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "no-credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _running_server(server_class: Callable[..., Any]) -> Iterator[str]:
    """Run the emulator in threads of this process, on a free port; yield its URL."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_class(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _run_steps(url: str, folder: Path) -> int:
    orders = [make_order(number) for number in range(ORDERS)]
    _fill_tables(url, {MASTER: orders, **{name: list(make_copy(orders, name, plan)) for name, plan in PLANS.items()}})
    _print_line(f"Three tables on an emulator at {url}: the master {MASTER} with {ORDERS:,} items, and two slaves.")
    for name, plan in PLANS.items():
        _print_line(
            f"  {name}: {plan.missing} items are missing, {plan.differing} differ, {plan.extra} are extra;"
            f"\n    {plan.respelled} more are only spelled differently (sets in another order, 1.5 as 1.50),"
            " which is no difference"
        )
    for step in STEPS:
        code = _run_step(step, url, folder)
        if code != step.exit_code:
            _print_line(f"\nThe demo failed: that run ended with exit code {code}, not {step.exit_code}.")
            return 1
    _print_line("\nThe demo is over: every run ended as it has to. The tables were in memory and are gone.")
    return 0


def make_order(number: int) -> Item:
    """Make up one order, the same for the same number."""
    chance = random.Random(f"{SEED} {number}")
    made: Item = {
        "customer": {"S": f"C{chance.randrange(ORDERS // 4):05d}"},
        "order": {"N": str(100_000 + number)},
        "placed": {"N": str(FIRST_PLACED + number * 2_621)},
        "status": {"S": chance.choice(("placed", "paid", "packed", "shipped", "delivered", "returned"))},
        "total": {"N": f"{chance.randint(1, 900)}.{chance.randint(1, 9)}"},
        "tags": {"SS": chance.sample(("gift", "express", "fragile", "b2b", "vat-free", "repeat"), 3)},
        "discounts": {"NS": [str(percent) for percent in chance.sample(range(1, 40), 2)]},
        "address": {"M": _make_address(chance)},
        "lines": {"L": [_make_line(chance) for _ in range(chance.randint(1, 2))]},
        "label": {"B": b64encode(chance.randbytes(24)).decode()},
    }
    return {**made, "note": {"S": "leave it at the door"}} if chance.random() < 0.3 else made


def make_copy(orders: Sequence[Item], slave: str, plan: SlavePlan) -> Iterator[Item]:
    """Yield a slave's items: the master's, with the differences of the plan."""
    chance = random.Random(f"{SEED} {slave}")
    picked = iter(chance.sample(range(len(orders)), plan.missing + plan.differing + plan.respelled))
    missing, differing, respelled = (
        set(islice(picked, count)) for count in (plan.missing, plan.differing, plan.respelled)
    )
    for number, item in enumerate(orders):
        if number in differing:
            yield {**item, **chance.choice(CHANGES)}
        elif number in respelled:
            yield respell_order(item)
        elif number not in missing:
            yield item
    yield from (make_order(number) for number in range(len(orders), len(orders) + plan.extra))


CHANGES: tuple[Item, ...] = (
    {"status": {"S": "lost"}},
    {"total": {"N": "0"}, "status": {"S": "refunded"}},
    {"tags": {"SS": ["express", "late"]}},
    {"lines": {"L": []}},
    {"carrier": {"S": "unknown to the master"}},
)
"""Attributes that an item of a slave has instead of the master's, or besides them, to differ."""


def respell_order(item: Item) -> Item:
    """Return an equal order, written in another way: attributes and sets in another order, numbers with zeros."""
    other = dict(reversed(item.items()))
    other["tags"] = {"SS": item["tags"]["SS"][::-1]}
    other["discounts"] = {"NS": [f"{text}.0" for text in reversed(item["discounts"]["NS"])]}
    other["total"] = {"N": f"{item['total']['N']}0"}
    return other


def _make_line(chance: random.Random) -> Item:
    article, count = f"A-{chance.randrange(2_000):04d}", chance.randint(1, 9)
    return {"M": {"article": {"S": article}, "count": {"N": str(count)}}}


def _make_address(chance: random.Random) -> Item:
    street = chance.choice(("Harbour Street", "Mill Lane", "Rue des Écoles", "Lindenallee", "5th Avenue"))
    city = chance.choice(("Lisbon", "Gdańsk", "Lyon", "Zürich", "Portland"))
    return {"street": {"S": f"{chance.randint(1, 200)} {street}"}, "city": {"S": city}}


def _fill_tables(url: str, tables: Mapping[str, Sequence[Item]]) -> None:
    with ThreadPoolExecutor(len(tables)) as pool:
        list(pool.map(lambda name: _create_table(TableRef.parse(name, url), tables[name]), tables))


def _create_table(ref: TableRef, items: Sequence[Item]) -> None:
    """Create one table and write its items."""
    transport = Transport(ref, Endpoint(str(ref.endpoint_url)), lambda: Credentials("demo", "demo"), Retrying())
    schema = {
        "TableName": ref.name,
        "KeySchema": [
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "order", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "order", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    try:
        transport.post("CreateTable", json.dumps(schema).encode(), json.loads)
        for start in range(0, len(items), BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
            transport.post("BatchWriteItem", json.dumps({"RequestItems": {ref.name: puts}}).encode(), json.loads)
    finally:
        transport.close()


def _run_step(step: Step, url: str, folder: Path) -> int:
    """Run one step as a process of its own, show its command and output, and return its exit code."""
    flags = [str(folder / flag) if flag == REPORT else flag for flag in step.flags]
    tables = ["--master", MASTER, "--slave", WEST, "--slave", EUROPE]
    arguments = [*tables, *flags, "--parallel", "2", "--endpoint-url", url]
    _print_line(f"\n{step.purpose}\n\n$ fastsync {shlex.join(arguments)}")
    command = [sys.executable, "-m", "fastsync", *arguments]
    # stderr goes where stdout goes: a bar on a terminal, plain lines elsewhere
    with subprocess.Popen(command, stderr=subprocess.STDOUT) as process:
        try:
            code = process.wait()
        except Interrupted:
            _stop_process(process)
            raise
    _print_line(f"$ echo $?\n{code}")
    if REPORT in step.flags and code == step.exit_code:
        _print_excerpt(folder / REPORT)
    return code


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    """End a step that is running: the first signal lets it finish its page, the second ends it at once."""
    for _ in range(2):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return
    process.kill()


def _print_excerpt(report: Path) -> None:
    lines = report.read_text(encoding="utf-8").splitlines()
    _print_line("\n".join((f"$ head -n 3 {report}", *lines[:3], f"$ tail -n 2 {report}", *lines[-2:])))


def _print_line(text: str) -> None:
    print(text, flush=True)
