"""Worlds for functional tests: tables on a real server behind a proxy of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.functional import tables_behind_proxy
from tests.functional.proxy import Proxy
from tests.servers import Server

MakeWorld = Callable[..., tables_behind_proxy.World]


@pytest.fixture
def proxy(dynoxide: Server) -> Iterator[Proxy]:
    """A proxy without rules in front of the fast server."""
    with Proxy(dynoxide.url) as running:
        yield running


@pytest.fixture
def make_world(proxy: Proxy, dynoxide: Server) -> MakeWorld:
    """Give a function that creates tables of their own for this test: master's items, each slave's items."""
    return lambda master, *slaves, **more: tables_behind_proxy.make(proxy, dynoxide, master, *slaves, **more)
