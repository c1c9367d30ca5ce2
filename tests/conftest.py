"""What all tests share: the servers of the run, and an environment in which no real credentials are found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from fastsync.demo.archive import Unobtainable
from tests.fetch import dynoxide_runs_here
from tests.servers import Server, Servers, environment

ON_SERVERS = ("dynamodb-local", "dynoxide")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All servers by name, each started when it is first asked for."""
    with Servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="session", params=ON_SERVERS)
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """Each server in turn; a test that uses this runs on all of them."""
    return obtained(servers, request.param)


@pytest.fixture(scope="session")
def dynoxide(servers: Servers) -> Server:
    """The fast server, for tests that need many items or one server only."""
    return obtained(servers, "dynoxide" if dynoxide_runs_here() else "dynamodb-local")


@pytest.fixture(scope="session")
def moto(servers: Servers) -> Server:
    """The server that has roles and MFA too."""
    return servers["moto"]


@pytest.fixture(scope="session", autouse=True)
def credentials() -> Iterator[None]:
    """Give this process made-up credentials, so that the library finds no others."""
    with pytest.MonkeyPatch.context() as patch:
        wanted = environment()
        for name in [name for name in os.environ if name.startswith("AWS_") and name not in wanted]:
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        yield


def obtained(servers: Servers, name: str) -> Server:
    """Give a server by its name; skip where it is not made for this platform."""
    if name == "dynoxide" and not dynoxide_runs_here():
        pytest.skip(f"dynoxide is pinned for Linux on x86-64, and this is {sys.platform}")
    try:
        return servers[name]
    except Unobtainable as error:
        pytest.fail(str(error), pytrace=False)
