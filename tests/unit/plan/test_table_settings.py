"""What settings a description has, and which of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fastsync.cli.settings import check_setting, format_table
from fastsync.errors import ConfigError
from fastsync.plan.settings.compare import Verdict, compare_settings, find_differing
from fastsync.plan.settings.values import UNKNOWN, describe_values, read_recovery, read_tags, read_time_to_live

PLAIN: Mapping[str, Any] = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "line", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "line", "AttributeType": "N"},
    ],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
PROVISIONED = {
    "BillingModeSummary": {"BillingMode": "PROVISIONED"},
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6, "NumberOfDecreasesToday": 1},
}
INDEX: Mapping[str, Any] = {
    "IndexName": "by-line",
    "KeySchema": [{"AttributeName": "line", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]},
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
}


def differing(
    master: Mapping[str, Any], slave: Mapping[str, Any], regions: tuple[str, str] = ("r1", "r2")
) -> list[str]:
    """Compare two descriptions, each a change of PLAIN."""
    of_master, of_slave = ({**PLAIN, **told} for told in (master, slave))
    return find_differing(describe_values(of_master, regions[0]), describe_values(of_slave, regions[1]))


def indexed(**changes: Any) -> dict[str, Any]:
    """Describe a table with a global index."""
    return {"GlobalSecondaryIndexes": [{**INDEX, **changes}]}


EQUAL: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "nothing": ({}, {}),
    "defaults": (
        {},
        {
            "TableClassSummary": {"TableClass": "STANDARD"},
            "DeletionProtectionEnabled": False,
            "SSEDescription": {"Status": "DISABLED"},
            "StreamSpecification": {"StreamEnabled": False},
            "GlobalSecondaryIndexes": [],
            "LocalSecondaryIndexes": None,
            "Replicas": [],
        },
    ),
    "provisioned by default": (PROVISIONED, {**PROVISIONED, "BillingModeSummary": None}),
    "order of lists": (
        {},
        {name: list(reversed(PLAIN[name])) for name in ("KeySchema", "AttributeDefinitions")},
    ),
    "order of an index": (
        indexed(),
        indexed(
            KeySchema=list(reversed(INDEX["KeySchema"])),
            Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"]},
        ),
    ),
    "state of an index": (indexed(), indexed(IndexStatus="CREATING", IndexArn="x", ItemCount=7)),
    "capacity of an index on demand": (indexed(), indexed(ProvisionedThroughput={"ReadCapacityUnits": 0})),
    "labels and keys": (
        {
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "LatestStreamLabel": "one",
            "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "one"},
            "WarmThroughput": {"ReadUnitsPerSecond": 1},
        },
        {
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "SSEDescription": {"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": "two"},
        },
    ),
    "maxima": ({"OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}}, {}),
    "replicas of each other": (
        {"Replicas": [{"RegionName": "r2"}]},
        {"Replicas": [{"ReplicaArn": "arn:aws:dynamodb:r1:1:table/t"}, {"RegionName": "r2"}]},
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_what_is_no_difference(case: str) -> None:
    """Defaults, orders, labels and states are no differences, whichever side has them."""
    one, other = EQUAL[case]
    assert differing(one, other) == []
    assert differing(other, one, ("r2", "r1")) == []


DIFFERENT: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], list[str]]] = {
    "key": ({}, {"KeySchema": PLAIN["KeySchema"][:1]}, ["key-schema"]),
    "type": (
        {},
        {"AttributeDefinitions": [PLAIN["AttributeDefinitions"][0], {"AttributeName": "line", "AttributeType": "S"}]},
        ["attribute-definitions"],
    ),
    "billing": ({}, PROVISIONED, ["billing-mode"]),
    "capacity": (
        PROVISIONED,
        {**PROVISIONED, "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}},
        ["capacity"],
    ),
    "maxima": ({}, {"OnDemandThroughput": {"MaxReadRequestUnits": 100}}, ["capacity"]),
    "class": ({}, {"TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}}, ["table-class"]),
    "index": ({}, indexed(), ["global-index:by-line"]),
    "local index": ({}, {"LocalSecondaryIndexes": [INDEX]}, ["local-index:by-line"]),
    "projection": (indexed(), indexed(Projection={"ProjectionType": "ALL"}), ["global-index:by-line"]),
    "keys of an index": (indexed(), indexed(KeySchema=INDEX["KeySchema"][:1]), ["global-index:by-line"]),
    "capacity of an index": (
        indexed(),
        indexed(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 6}),
        ["global-index:by-line"],
    ),
    "stream": ({}, {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}, ["stream"]),
    "protection": ({}, {"DeletionProtectionEnabled": True}, ["deletion-protection"]),
    "encryption": ({}, {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS"}}, ["encryption"]),
    "replicas": ({}, {"Replicas": [{"RegionName": "r3"}]}, ["replicas"]),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_is_a_difference(case: str) -> None:
    """Each setting that differs is named, whichever side lacks it."""
    one, other, names = DIFFERENT[case]
    assert differing(one, other) == names
    assert differing(other, one) == names


def test_settings_of_other_requests() -> None:
    """What only other requests tell is read with its defaults; tags of AWS itself are left out."""
    assert read_time_to_live({"TimeToLiveStatus": "ENABLED", "AttributeName": "t"}) == "t"
    assert read_time_to_live({"TimeToLiveStatus": "DISABLED", "AttributeName": "t"}) is None
    assert read_recovery({"ContinuousBackupsStatus": "ENABLED"}) == {"enabled": False}
    on = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}
    assert read_recovery(on) == {"enabled": True, "days": 35}
    assert read_tags({"b": "2", "aws:cloudformation:stack-name": "x", "a": "1"}) == {"a": "1", "b": "2"}


def test_rows_and_verdicts() -> None:
    """A setting differs if any slave's does, is unknown where one is not known, and can be ignored by a pattern."""
    master = {"stream": "NEW_IMAGE", "tags": UNKNOWN, "ttl": "t", "global-index:a": {}, "local-index:a": {}}
    slaves: dict[str, dict[str, Any]] = {
        "one": {"stream": "NEW_IMAGE", "tags": {}, "ttl": UNKNOWN},
        "two": {"stream": None, "tags": {}, "ttl": "t"},
    }
    rows = compare_settings(master, slaves, ["global-index:*", "local-index:a"])
    assert {row.name: row.verdict for row in rows} == {
        "stream": Verdict.DIFFERS,
        "ttl": Verdict.UNKNOWN,
        "tags": Verdict.UNKNOWN,
    }
    assert [row.name for row in rows] == ["stream", "ttl", "tags"]


@pytest.mark.parametrize("name", ["stream", "global-index:*", "global-index:by date", "local-index:x", "tags"])
def test_names_of_settings(name: str) -> None:
    """All names of settings can be ignored."""
    check_setting(name)


@pytest.mark.parametrize("name", ["stram", "", "global-index", "global-index:", "local-index:", "*", "index:a", "TTL"])
def test_unknown_settings_are_refused(name: str) -> None:
    """A name that no setting has is refused, with the one that was probably meant or all that there are."""
    with pytest.raises(ConfigError, match="--ignore-setting: there is no setting"):
        check_setting(name)


def test_a_table_fits_a_narrow_terminal() -> None:
    """Values are wrapped where the terminal is narrow; names and verdicts stay whole, and nothing steers a terminal."""
    tags = {"tags": {"a": "x" * 60, "\x1b[31m": "y"}}
    rows = compare_settings({**tags, "global-index:by-line": None}, {"us-west-2:orders": {}})
    lines = format_table(rows, "us-east-1:orders", ["us-west-2:orders"], width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["setting", "verdict", "us-east-1:orders", "us-west-2:orders"]
    assert "\x1b" not in "".join(lines)
    assert len(format_table(rows, "us-east-1:orders", ["us-west-2:orders"]).splitlines()) == len(rows) + 1
