"""fastsync settings, on servers that tell more or less of a table, and on one that answers by a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.functional import faults
from tests.functional.proxy import Exchange, Fault, Proxy, Reply
from tests.servers import Server
from tests.tables import Ran, call, create_table, run_fastsync, unique

EAST, WEST = "us-east-1", "us-west-2"


class Tables:
    """A master and slaves on a server behind a proxy."""

    def __init__(self, proxy: Proxy, server: Server, slaves: int = 1):
        self.proxy = proxy
        self.server = server
        self.master = create_table(server, EAST, unique("settings"))
        self.slaves = [create_table(server, WEST, unique("settings")) for _ in range(slaves)]

    @property
    def slave(self) -> str:
        """The first slave."""
        return self.slaves[0]

    def run(self, *flags: str, env: Mapping[str, str | None] | None = None) -> Ran:
        """Run the command."""
        slaves = [word for slave in self.slaves for word in ("-s", slave)]
        given = ("settings", "-m", self.master, *slaves, "--endpoint-url", self.proxy.url, *flags)
        return run_fastsync(*given, "--max-retries", "1", "--retry-delay-base", "1", env=env)

    def verdicts(self, *flags: str, code: int) -> dict[str, str]:
        """Run the command, which has to end with this exit code; give the verdicts that are not `same`."""
        ran = self.run("--json", *flags)
        assert ran.exit_code == code, ran.stderr
        document = json.loads(ran.stdout)
        verdicts = {row["name"]: row["verdict"] for row in document["settings"]}
        assert document["equal"] is ("differs" not in verdicts.values())
        return {name: verdict for name, verdict in verdicts.items() if verdict != "same"}

    def change(self, table: str, operation: str, **body: Any) -> None:
        """Change a table."""
        region, _, name = table.partition(":")
        call(self.server, region, operation, {"TableName": name, **body})


@pytest.fixture
def make_tables(proxy: Proxy, dynoxide: Server) -> Callable[..., Tables]:
    """Give a function that makes tables on the fast server."""
    return lambda slaves=1: Tables(proxy, dynoxide, slaves)


@pytest.fixture(params=["dynamodb-local", "moto"])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Tables on servers that tell most settings."""
    server: Server = request.getfixturevalue("servers")[request.param]
    with Proxy(server.url) as proxy:
        yield Tables(proxy, server)


def describing(**more: Any) -> Fault:
    """Describe a table with other settings than the server."""

    def describe(exchange: Exchange) -> Reply:
        return faults.answer({"Table": {**exchange.forward().json["Table"], **more}})

    return describe


def only(tables: Tables, table: str) -> dict[str, Any]:
    """Give what restricts a rule to a table."""
    return {"table": table.partition(":")[2]}


def test_equal_tables(tables: Tables) -> None:
    """Tables that are set up alike are equal; what an emulator does not know is unknown, and no difference."""
    unknown = {} if tables.server.name == "moto" else {"point-in-time-recovery": "unknown", "tags": "unknown"}
    assert tables.verdicts(code=0) == unknown
    ran = tables.run()
    assert (ran.exit_code, "none differs" in ran.stderr) == (0, True)
    assert [line.split()[0] for line in ran.stdout.splitlines()][:3] == [
        "setting",
        "key-schema",
        "attribute-definitions",
    ]
    for name in unknown:
        assert f"{name} is unknown: {tables.slave}: " in ran.stderr


def test_what_a_copy_lacks(tables: Tables) -> None:
    """A stream, TTL, deletion protection and an index that only the master has are told by their names."""
    tables.change(tables.master, "UpdateTimeToLive", TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    index = {
        "IndexName": "by-g",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    tables.change(
        tables.master,
        "UpdateTable",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "g")],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        DeletionProtectionEnabled=True,
    )
    differing = {"attribute-definitions", "global-index:by-g", "stream", "ttl", "deletion-protection"}
    found = {name for name, verdict in tables.verdicts(code=1).items() if verdict == "differs"}
    if tables.server.name == "moto":  # which forgets some of an update of several things
        differing, found = ({each for each in names if each != "deletion-protection"} for names in (differing, found))
    assert found == differing
    ignored = [word for name in (*differing, "deletion-protection") for word in ("--ignore-setting", name)]
    assert set(tables.verdicts(*ignored, code=0).values()) <= {"unknown"}
    assert "global-index:by-g" not in tables.verdicts("--ignore-setting", "global-index:*", code=1)


def test_tags_and_recovery(moto: Server) -> None:
    """Tags and point-in-time recovery are compared where the server tells them."""
    with Proxy(moto.url) as proxy:
        tables = Tables(proxy, moto)
        recovery = {"PointInTimeRecoveryEnabled": True}
        tables.change(tables.master, "UpdateContinuousBackups", PointInTimeRecoverySpecification=recovery)
        arn = f"arn:aws:dynamodb:{EAST}:123456789012:table/{tables.master.partition(':')[2]}"
        call(moto, EAST, "TagResource", {"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "sales"}]})
        assert tables.verdicts(code=1) == {"point-in-time-recovery": "differs", "tags": "differs"}
        assert "team=sales" in tables.run().stdout


def test_another_key_is_a_difference(make_tables: Callable[..., Tables]) -> None:
    """Tables whose items cannot be compared are compared all the same."""
    tables = make_tables()
    region, _, name = tables.slave.partition(":")
    call(tables.server, region, "DeleteTable", {"TableName": name})
    create_table(tables.server, region, name, (("id", "S"), ("line", "N")))
    found = tables.verdicts("--ignore-setting", "point-in-time-recovery", code=1)
    assert found == {"key-schema": "differs", "attribute-definitions": "differs"}


def test_what_may_not_be_read_is_unknown(make_tables: Callable[..., Tables]) -> None:
    """A request that is denied makes its setting unknown, which is told and is no difference."""
    tables = make_tables()
    for operation in ("DescribeTimeToLive", "ListTagsOfResource"):
        tables.proxy.add(faults.DENIED, operation)
    assert tables.verdicts(code=0) == dict.fromkeys(("ttl", "point-in-time-recovery", "tags"), "unknown")
    ran = tables.run()
    assert f"ttl is unknown: {tables.slave}: DescribeTimeToLive was rejected with AccessDenied" in ran.stderr


def test_a_failure_is_no_denial(make_tables: Callable[..., Tables]) -> None:
    """A request that goes on failing makes the comparison incomplete (4); all that was read is compared."""
    tables = make_tables()
    tables.proxy.add(faults.THROTTLED, "DescribeTimeToLive")
    assert tables.verdicts(code=4)["ttl"] == "unknown"
    assert tables.verdicts("--ignore-setting", "ttl", code=0) == {"point-in-time-recovery": "unknown"}


def test_ignored_settings_are_not_asked_for(make_tables: Callable[..., Tables]) -> None:
    """No request is sent for a setting that is ignored."""
    tables = make_tables()
    names = ("ttl", "point-in-time-recovery", "tags")
    assert tables.verdicts(*(word for name in names for word in ("--ignore-setting", name)), code=0) == {}
    assert {operation for operation, _ in tables.proxy.summary()} == {"DescribeTable"}


def test_tables_that_cannot_be_read(make_tables: Callable[..., Tables]) -> None:
    """A slave that cannot be read does not stop the others (4); without the master, or any slave, it is 3."""
    tables = make_tables(2)
    first, second = tables.slaves
    rule = tables.proxy.add(faults.DENIED, "DescribeTable", **only(tables, second))
    ran = tables.run("--json")
    assert ran.exit_code == 4
    assert all(list(row["slaves"]) == [first] for row in json.loads(ran.stdout)["settings"])
    assert f"{second}: DescribeTable was rejected" in ran.stderr
    rule.where = lambda asked: asked.table != tables.master.partition(":")[2]
    rule.table = None
    assert (tables.run().exit_code, tables.run().stdout) == (3, "")
    rule.where = lambda asked: asked.table == tables.master.partition(":")[2]
    assert tables.run().exit_code == 3


TOLD: Mapping[str, Any] = {
    "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:aws:kms:x"},
    "Replicas": [{"RegionName": EAST}, {"RegionName": "eu-west-1"}],
    "OnDemandThroughput": {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": -1},
}


def test_what_only_the_service_tells(make_tables: Callable[..., Tables]) -> None:
    """Class, encryption, replicas and on-demand maxima are compared as the service describes them."""
    tables = make_tables()
    tables.proxy.add(describing(**TOLD), "DescribeTable", **only(tables, tables.master))
    unknown = {"point-in-time-recovery": "unknown"}
    names = ("table-class", "encryption", "replicas", "capacity")
    assert tables.verdicts(code=1) == {**dict.fromkeys(names, "differs"), **unknown}
    tables.proxy.add(describing(**TOLD), "DescribeTable", **only(tables, tables.slave))
    assert tables.verdicts(code=1) == {"replicas": "differs", **unknown}


def test_a_run_tells_what_it_has_seen(make_tables: Callable[..., Tables]) -> None:
    """A run says in a line of its summary how many settings differ, and asks for nothing more to know it."""
    tables = make_tables(2)
    tables.proxy.add(describing(DeletionProtectionEnabled=True, **TOLD), "DescribeTable", **only(tables, tables.master))
    flags = ("-m", tables.master, "-s", tables.slaves[0], "-s", tables.slaves[1])
    ran = run_fastsync(*flags, server=Server("proxy", tables.proxy.url, False))
    (line,) = (line for line in ran.stderr.splitlines() if "fastsync settings" in line)
    for slave in tables.slaves:
        assert f"5 settings on {slave}" in line
    assert {operation for operation, _ in tables.proxy.summary()} <= {"DescribeTable", "Scan", "BatchGetItem"}


def test_wrong_arguments(make_tables: Callable[..., Tables]) -> None:
    """Unknown settings and flags of other commands are refused before anything is asked."""
    tables = make_tables()
    for wrong in (("--ignore-setting", "stram"), ("--write-missing",), ("--segments", "3")):
        ran = tables.run(*wrong)
        assert (ran.exit_code, ran.stdout) == (2, "")
    assert tables.proxy.requests == []
