"""Tables that cannot be compared: exit code 3 and a sentence that says why; one bad slave does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.e2e.cases import item
from tests.servers import Server, free_port
from tests.tables import Keys, Ran, call, create_table, put_items, read_all, run_fastsync, unique

EAST, WEST = "us-east-1", "us-west-2"
ITEMS = [item("a"), item("b")]


def test_missing_master(server: Server) -> None:
    """A master that does not exist is told by its name."""
    slave = create_table(server, WEST, unique())
    _refused(run_fastsync("--master", "us-east-1:nowhere", "--slave", slave, server=server), "us-east-1:nowhere")


def test_missing_slave(server: Server) -> None:
    """A slave that does not exist is never taken for an empty table."""
    master = _filled(server, EAST)
    _refused(run_fastsync("-m", master, "-s", "us-west-2:nowhere", "--write-missing", server=server), "nowhere")


SCHEMAS: Sequence[tuple[Keys, Keys]] = [
    ([("id", "S")], [("Id", "S")]),
    ([("id", "S")], [("id", "N")]),
    ([("id", "B")], [("id", "S")]),
    ([("id", "S")], [("id", "S"), ("sort", "S")]),
    ([("id", "S"), ("sort", "S")], [("id", "S")]),
    ([("id", "S"), ("sort", "S")], [("sort", "S"), ("id", "S")]),
    ([("id", "S"), ("sort", "N")], [("id", "S"), ("sort", "B")]),
]


@pytest.mark.parametrize(("master_keys", "slave_keys"), SCHEMAS, ids=str)
def test_schemas(master_keys: Keys, slave_keys: Keys, server: Server) -> None:
    """Key schemas have to agree in names, order and types."""
    master = create_table(server, EAST, unique(), master_keys)
    slave = create_table(server, WEST, unique(), slave_keys)
    _refused(run_fastsync("--master", master, "--slave", slave, server=server), slave, master, "key")


def test_same_table(server: Server) -> None:
    """A table is not its own slave."""
    table = _filled(server, EAST)
    _refused(run_fastsync("--master", table, "--slave", table, "--delete-extra", server=server), table)


def test_same_table_by_arn(moto: Server) -> None:
    """A table is not its own slave when it is named by its ARN either."""
    table = _filled(moto, EAST)
    arn = _arn(moto, EAST, table)
    _refused(run_fastsync("--master", table, "--slave", arn, server=moto), arn, "same")
    _refused(run_fastsync("--master", arn, "--slave", table, server=moto), arn, "same")


def test_same_table_by_endpoint(server: Server) -> None:
    """A table is not its own slave when its endpoint is spelled differently."""
    table = _filled(server, EAST)
    for other in (server.url.replace("127.0.0.1", "localhost"), f"{server.url}/"):
        ran = run_fastsync("--master", table, "--slave", table, "--slave-endpoint-url", other, server=server)
        _refused(ran, table, "same")


def test_slave_twice(server: Server) -> None:
    """A slave is given once."""
    master, slave = _filled(server, EAST), create_table(server, WEST, unique())
    _refused(run_fastsync("-m", master, "-s", slave, "-s", slave, "--write-missing", server=server), slave)


def test_slave_twice_by_arn(moto: Server) -> None:
    """A slave is given once, however it is spelled."""
    master, slave = _filled(moto, EAST), create_table(moto, WEST, unique())
    arn = _arn(moto, WEST, slave)
    _refused(run_fastsync("-m", master, "-s", slave, "-s", arn, "--write-missing", server=moto), arn)


@pytest.mark.parametrize("flags", [[], ["--max-retries", "0"]], ids=["patient", "impatient"])
def test_endpoint_out_of_reach(flags: Sequence[str]) -> None:
    """An endpoint that nobody listens on is told, with its address, in seconds rather than minutes."""
    url = f"http://127.0.0.1:{free_port()}"
    ran = run_fastsync("-m", "us-east-1:a", "-s", "us-west-2:b", "--endpoint-url", url, *flags, timeout=20)
    _refused(ran, url)


def test_slave_endpoint_out_of_reach(dynoxide: Server) -> None:
    """A slave's endpoint that nobody listens on is told."""
    url = f"http://127.0.0.1:{free_port()}"
    master = _filled(dynoxide, EAST)
    ran = run_fastsync("-m", master, "-s", "us-west-2:b", "--slave-endpoint-url", url, server=dynoxide)
    _refused(ran, url, "us-west-2:b")


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        {"AWS_SECRET_ACCESS_KEY": None},
    ],
    ids=["none", "half"],
)
def test_no_credentials(environment: Mapping[str, str | None], dynoxide: Server) -> None:
    """Where no credentials are found the sentence says so."""
    master, slave = _filled(dynoxide, EAST), create_table(dynoxide, WEST, unique())
    _refused(run_fastsync("-m", master, "-s", slave, server=dynoxide, env=environment), "credentials")


def test_profile_without_credentials(dynoxide: Server, tmp_path: Path) -> None:
    """A profile that holds no credentials is told by its name."""
    config = tmp_path / "config"
    config.write_text("[profile empty]\nregion = us-east-1\n")
    master, slave = _filled(dynoxide, EAST), create_table(dynoxide, WEST, unique())
    keys = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_CONFIG_FILE": str(config)}
    _refused(run_fastsync("-m", master, "-s", slave, "--profile", "empty", server=dynoxide, env=keys), "empty")


BAD = ["us-west-2:nowhere", "schema"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_one_bad_slave(bad: str, first: bool, server: Server) -> None:
    """A slave that cannot be compared does not stop the others: they are repaired, and the exit code is 4."""
    name = unique()
    master, good = _filled(server, EAST), create_table(server, WEST, name)
    if bad == "schema":
        bad = create_table(server, WEST, unique(), [("other", "N")])
    slaves = [bad, good] if first else [good, bad]
    ran = run_fastsync("-m", master, "-s", slaves[0], "-s", slaves[1], "--write-missing", server=server)
    assert ran.exit_code == 4, ran.stderr
    assert ran.stats["complete"] is False
    assert len(ran.stats["errors"]) == 1
    assert bad in ran.stats["errors"][0]
    assert bad in ran.stderr
    assert ran.stats["master"]["scanned"] == 2
    assert set(ran.stats["slaves"]) == {good, bad}
    assert ran.stats["slaves"][good]["written"] == 2
    assert ran.stats["slaves"][bad]["same"] == ran.stats["slaves"][bad]["missing"] == 0
    assert ran.end == {"complete": False, "differences": 2}
    assert len(read_all(server, WEST, name)) == 2


def test_only_bad_slaves(server: Server) -> None:
    """Where no slave can be compared the exit code is 3, and every slave's reason is told."""
    ran = run_fastsync("-m", _filled(server, EAST), "-s", "us-west-2:nope", "-s", "us-west-2:never", server=server)
    _refused(ran, "us-west-2:nope", "us-west-2:never")


def _filled(server: Server, region: str) -> str:
    name = unique()
    table = create_table(server, region, name)
    put_items(server, region, name, ITEMS)
    return table


def _arn(server: Server, region: str, table: str) -> str:
    described = call(server, region, "DescribeTable", {"TableName": table.partition(":")[2]})
    return str(described["Table"]["TableArn"])


def _refused(ran: Ran, *mentioned: str) -> None:
    assert ran.exit_code == 3, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.startswith("fastsync: ")
    assert ran.stderr.count("\n") == 1
    for text in mentioned:
        assert text in ran.stderr
    assert ran.differences == []
