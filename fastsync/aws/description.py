"""Description: what a table is, what it has, and by what its items expire, as the service tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastsync.aws.transport import Transport
from fastsync.errors import RequestFailed, TableError
from fastsync.limits import Capacity, Throughput
from fastsync.table import KeySchema, Table, TableRef

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def describe(ref: TableRef, transport: Transport) -> Table:
    """Ask what a table is; raise TableError where it cannot be had, RequestFailed where no answer came."""
    try:
        answer = transport.post(
            "DescribeTable", msgspec.json.encode({"TableName": ref.name}), _decode_description
        ).value
    except RequestFailed as error:
        raise TableError(str(error)) from None
    told: Mapping[str, Any] = answer["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in told["AttributeDefinitions"]}
    by_kind = {each["KeyType"]: each["AttributeName"] for each in told["KeySchema"]}
    sort = by_kind.get("RANGE")
    schema = KeySchema(by_kind["HASH"], types[by_kind["HASH"]], sort, types[sort] if sort else None)
    # real DynamoDB and some emulators give every table an id; the others are told apart by their time of creation
    identity = (told["TableId"],) if told.get("TableId") else (told["TableArn"], str(told["CreationDateTime"]))
    size = int(told.get("ItemCount", 0)), int(told.get("TableSizeBytes", 0))
    return Table(ref, schema, identity, *size, capacity=Capacity(_throughput(told, "Read"), _throughput(told, "Write")))


def _throughput(told: Mapping[str, Any], kind: str) -> Throughput:
    """Read what a description says of reads or writes; 0 and -1 stand for nothing (API model, OnDemandThroughput)."""
    provisioned = _part(told, "ProvisionedThroughput").get(f"{kind}CapacityUnits")
    maximum = _part(told, "OnDemandThroughput").get(f"Max{kind}RequestUnits")
    warm = _part(told, "WarmThroughput").get(f"{kind}UnitsPerSecond")
    if _part(told, "BillingModeSummary").get("BillingMode") == "PAY_PER_REQUEST":
        provisioned = None
    return Throughput(*(float(units) if units and units > 0 else None for units in (provisioned, maximum, warm)))


def time_to_live(ref: TableRef, transport: Transport) -> str | None:
    """Ask by which attribute a table's items expire, None where they do not; raise TableError where that fails."""
    try:
        told = transport.post("DescribeTimeToLive", msgspec.json.encode({"TableName": ref.name}), _decode).value
    except RequestFailed as error:
        raise TableError(f"{error}; --ignore-expired has to know it") from None
    described: Mapping[str, str] = told.get("TimeToLiveDescription", {})
    # while it is being disabled items may still be deleted (API reference, TimeToLiveDescription)
    return described.get("AttributeName") if described.get("TimeToLiveStatus") in ("ENABLED", "DISABLING") else None


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = told.get(name) or {}
    return found


def _decode_description(body: bytes) -> Any:
    answer = _decode(body)
    if "Table" not in answer:
        raise msgspec.DecodeError("the answer holds no Table")
    return answer
