"""How tables are reached: endpoints, profiles, ARNs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import obtained
from tests.e2e import canonical
from tests.e2e.cases import N, item
from tests.servers import KEYS, Server, Servers
from tests.tables import call, create_table, put_items, read_all, run_fastsync, unique

ITEMS = [item(f"{number}", v=N(number)) for number in range(30)]
FILES = ["--report", "--stats"]
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


def test_endpoint_of_the_environment(server: Server) -> None:
    """AWS_ENDPOINT_URL_DYNAMODB takes the place of the flag."""
    master, slave = _filled(server), unique()
    target = create_table(server, "us-west-2", slave)
    endpoint = {"AWS_ENDPOINT_URL_DYNAMODB": server.url}
    ran = run_fastsync("--master", master, "--slave", target, "--write-missing", env=endpoint)
    assert ran.exit_code == 0, ran.stderr
    assert canonical.items(read_all(server, "us-west-2", slave)) == canonical.items(ITEMS)


@pytest.mark.parametrize("flags", ["--endpoint-url", "--slave-endpoint-url"])
def test_two_endpoints(flags: str, servers: Servers) -> None:
    """Master and slave may be at different endpoints, also where tables have the same name."""
    here, there = obtained(servers, "dynamodb-local"), obtained(servers, "dynoxide")
    name = unique()
    table = create_table(here, "us-east-1", name)
    put_items(here, "us-east-1", name, ITEMS)
    create_table(there, "us-east-1", name)
    put_items(there, "us-east-1", name, [*ITEMS[10:], item("left")])
    arguments = ["--master", table, "--slave", table, "--slave-endpoint-url", there.url]
    arguments += ["--write-missing", "--delete-extra"]
    if flags == "--endpoint-url":
        ran = run_fastsync(*arguments, server=here)
    else:
        ran = run_fastsync(*arguments, "--stats", "-", env={"AWS_ENDPOINT_URL_DYNAMODB": here.url})
    assert ran.exit_code == 0, ran.stderr
    assert ran.stats["slaves"][table]["written"] == 10
    assert canonical.items(read_all(there, "us-east-1", name)) == canonical.items(ITEMS)


def test_same_name_in_two_regions(servers: Servers) -> None:
    """Two regions are two tables, also where they have one name."""
    server = obtained(servers, "dynamodb-local")
    name = unique()
    master = create_table(server, "us-east-1", name)
    put_items(server, "us-east-1", name, ITEMS)
    slave = create_table(server, "us-west-2", name)
    ran = run_fastsync("--master", master, "--slave", slave, "--write-missing", server=server)
    assert ran.exit_code == 0, ran.stderr
    assert canonical.items(read_all(server, "us-west-2", name)) == canonical.items(ITEMS)


def test_arns(moto: Server) -> None:
    """A table may be given as its ARN; reports and statistics name it as it was given."""
    names = unique(), unique()
    arns = []
    for region, name in zip(("us-east-1", "us-west-2"), names, strict=True):
        create_table(moto, region, name)
        arns.append(call(moto, region, "DescribeTable", {"TableName": name})["Table"]["TableArn"])
    put_items(moto, "us-east-1", names[0], ITEMS)
    put_items(moto, "us-west-2", names[1], [*ITEMS[:20], item("left")])
    flags = ["--write-missing", "--write-differing", "--delete-extra", "--parallel", "2"]
    ran = run_fastsync("--master", arns[0], "--slave", arns[1], *flags, server=moto)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stats["master"]["table"] == arns[0]
    assert list(ran.stats["slaves"]) == [arns[1]]
    assert {line["slave"] for line in ran.differences} == {arns[1]}
    assert canonical.items(read_all(moto, "us-west-2", names[1])) == canonical.items(ITEMS)


def test_profiles(servers: Servers, tmp_path: Path) -> None:
    """Master and slave have the credentials of their own profiles, the slave the master's where it has none."""
    server = obtained(servers, "dynamodb-local")  # it keeps the tables of each access key apart
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[tables]\naws_access_key_id = {KEYS['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = secret\n"
        "[others]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = secret\n"
    )
    files = {**NO_KEYS, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    master, slave = _filled(server), create_table(server, "us-west-2", unique())
    tables = ["--master", master, "--slave", slave]
    for flags, exit_code in [
        (["--profile", "tables"], 1),
        (["--profile", "tables", "--slave-profile", "tables"], 1),
        (["--profile", "others"], 3),
        (["--profile", "tables", "--slave-profile", "others"], 3),
        (["--profile", "others", "--slave-profile", "tables"], 3),
        ([], 3),
    ]:
        ran = run_fastsync(*tables, *flags, server=server, env=files)
        assert ran.exit_code == exit_code, (flags, ran.stderr)
    ran = run_fastsync(*tables, server=server, env={**files, "AWS_PROFILE": "tables"})
    assert ran.exit_code == 1, ran.stderr


def _filled(server: Server) -> str:
    name = unique()
    table = create_table(server, "us-east-1", name)
    put_items(server, "us-east-1", name, ITEMS)
    return table
