"""A real Spark of many processes for all tests, tables on DynamoDB Local, and a proxy in front of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import obtained
from tests.functional import tables_behind_proxy
from tests.functional.proxy import Proxy
from tests.servers import Server, Servers
from tests.tables import ROOT

MASTER_URL = "local-cluster[2,1,1024]"
"""A driver, a Spark master, two workers and two executors with a core each: as many processes as on a cluster."""
QUIET = {"spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}


@pytest.fixture(scope="session", autouse=True)
def executors_environment() -> Iterator[None]:
    """Have executors run this Python, and find these sources."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spark_environment().items():
            patch.setenv(name, value)
        yield


def spark_environment() -> dict[str, str]:
    """Give what the executors of a local cluster need to be told."""
    return {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "SPARK_LOCAL_IP": "127.0.0.1"}


@pytest.fixture(scope="session")
def context(executors_environment: None) -> Iterator[Any]:
    """The Spark context that runs in this process take for theirs."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415

    before = signal.getsignal(signal.SIGINT)
    running = SparkContext(conf=SparkConf().setMaster(MASTER_URL).setAppName("tests").setAll(list(QUIET.items())))
    signal.signal(signal.SIGINT, before)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def local(servers: Servers) -> Server:
    """DynamoDB Local."""
    return obtained(servers, "dynamodb-local")


@pytest.fixture
def proxy(local: Server) -> Iterator[Proxy]:
    """A proxy without rules in front of it."""
    with Proxy(local.url) as running:
        yield running


@pytest.fixture
def make_world(proxy: Proxy, local: Server) -> Callable[..., tables_behind_proxy.World]:
    """Give a function that creates tables of their own for this test: master's items, each slave's items."""
    return lambda master, *slaves, **more: tables_behind_proxy.make(proxy, local, master, *slaves, **more)


def executors() -> Sequence[int]:
    """Give the ids of all executor processes of this machine."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words and os.getpid() in ancestors(entry):
                found.append(int(entry.name))
    return found


def ancestors(process: Path) -> Sequence[int]:
    """Give the ids of a process's parent and of all parents above."""
    above = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return [above, *ancestors(Path(f"/proc/{above}"))] if above > 1 else [above]
