"""Sessions of boto3 and botocore that a program has made: whose keys sign what, and how they are renewed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials

from fastsync import Synchronizer, TableError, TableRef
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.processes import wait_for
from tests.functional.proxy import Proxy
from tests.functional.tables_behind_proxy import World, item

ITEMS = [item(f"{n:02}", n=n) for n in range(20)]
SMALL_PAGES: dict[str, Any] = {"retry_delay_base": 1, "scan_limit": 2, "strategy": "lookup"}
SECRET = "not-to-be-told-to-anybody"
SHORT = 100
"""Seconds of keys that have to be renewed at once, and can be used until then."""


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Tables that differ."""
    return make_world(ITEMS, [])


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no other credentials than those of sessions."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


def open_session(key: str) -> boto3.Session:
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=SECRET)


def signers(proxy: Proxy, *operations: str) -> list[str]:
    """Give the access keys of requests in the order of their first use."""
    signed = [each.headers["authorization"] for each in proxy.requests if each.operation in operations]
    return list(dict.fromkeys(each.partition("Credential=")[2].partition("/")[0] for each in signed))


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_each_side_signs_with_its_own_session(made: World, executor: Any, tmp_path: Path) -> None:
    """`session` signs what is asked of the master, `slave_session` what is asked of the slaves."""
    result = Synchronizer(
        str(made.master),
        [str(made.slave)],
        session=open_session("MASTERKEY"),
        slave_session=open_session("SLAVEKEY"),
        endpoint_url=made.proxy.url,
        executor=executor,
        write_missing=True,
        no_recheck=True,
        checkpoint=tmp_path / "checkpoint",
        **SMALL_PAGES,
    ).run()
    assert (result.exit_code, result.errors) == (0, [])
    assert signers(made.proxy, "Scan") == ["MASTERKEY"]
    assert signers(made.proxy, "BatchGetItem", "PutItem") == ["SLAVEKEY"]


def test_a_session_of_botocore_serves_all(made: World) -> None:
    """One session signs for both sides; nothing is set in it, and it is still its owner's."""
    session = botocore.session.Session()
    session.set_credentials("BOTHKEY", SECRET)
    before = session.get_config_variable("region"), session.get_config_variable("max_attempts")
    tables = (str(made.master), [str(made.slave)])
    result = Synchronizer(*tables, session=session, endpoint_url=made.proxy.url, executor="inline").run()
    assert (result.exit_code, result.errors) == (1, [])
    assert signers(made.proxy, "DescribeTable", "Scan", "BatchGetItem") == ["BOTHKEY"]
    assert (session.get_config_variable("region"), session.get_config_variable("max_attempts")) == before


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_table_has_a_session_of_its_own(made: World, executor: Any) -> None:
    """A TableRef may bring its session along, to worker processes too."""
    slave = TableRef.parse(str(made.slave), session=open_session("OWNKEY"))
    result = Synchronizer(
        str(made.master),
        [slave],
        session=open_session("MASTERKEY"),
        endpoint_url=made.proxy.url,
        executor=executor,
        no_recheck=True,
    ).run()
    assert (result.exit_code, result.errors) == (1, [])
    assert signers(made.proxy, "BatchGetItem") == ["OWNKEY"]


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_session_renews_its_credentials(made: World, executor: Any) -> None:
    """Credentials that end are renewed by their session, and reach whoever signs."""
    numbers = count(1)
    fetched: list[str] = []

    def fetch() -> dict[str, str]:
        key = f"KEY{next(numbers)}"
        fetched.append(key)
        ends = datetime.now(timezone.utc) + timedelta(seconds=SHORT if len(fetched) < 3 else 3600)
        return {"access_key": key, "secret_key": SECRET, "token": "token", "expiry_time": ends.isoformat()}

    session = botocore.session.Session()
    session._credentials = RefreshableCredentials.create_from_metadata(fetch(), fetch, "test")
    made.proxy.add(faults.before(lambda: wait_for(lambda: len(fetched) > 2, 30)), "BatchGetItem", nth=[1])
    tables = (str(made.master), [str(made.slave)])
    result = Synchronizer(
        *tables,
        session=boto3.Session(botocore_session=session),
        endpoint_url=made.proxy.url,
        executor=executor,
        **SMALL_PAGES,
    ).run()
    assert (result.exit_code, result.errors) == (1, [])
    assert set(signers(made.proxy, "DescribeTable", "Scan", "BatchGetItem")) == {"KEY2", "KEY3"}
    assert signers(made.proxy, "BatchGetItem")[-1] == "KEY3"


def test_a_session_without_credentials(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a TableError which says what to do."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    tables = (str(made.master), [str(made.slave)])
    with pytest.raises(TableError, match="the session that was given; make it with keys or with a profile"):
        Synchronizer(*tables, session=boto3.Session(), endpoint_url=made.proxy.url, executor="inline").run()
    assert made.proxy.requests == []
