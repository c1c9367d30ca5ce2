"""Describe a table: its keys, its capacity, and the attribute by which its items expire."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import DecodeError

from fastsync.aws.answers import Success, check_names, refuse_error
from fastsync.aws.transport import Transport
from fastsync.errors import NoSuchTable, RequestFailed, TableError
from fastsync.model.table import KeySchema as Schema
from fastsync.model.table import Replication, Table, TableRef
from fastsync.model.throughput import Capacity, Throughput
from fastsync.model.wording import quote

NOT_FOUND = "ResourceNotFoundException"
NAMES_PER_ANSWER = 100
"""Names in one answer to ListTables (API reference)."""
MOST_LISTED = 1_000
"""Names that are looked through for one that is like a misspelt one."""
EXPIRING = ("ENABLED", "DISABLING")
"""While it is being disabled items may still be deleted (API reference, TimeToLiveDescription)."""


UNREADABLE = {
    "CREATING": "try again when it is ACTIVE",
    "DELETING": "it is about to be gone",
    "ARCHIVING": "restore it from the backup that the service makes of it",
    "ARCHIVED": "restore it from the backup that the service made of it",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "make its KMS key available again",
}
"""States of a table whose items cannot be read, or not for long, and what to do (API reference, TableDescription).

While it is UPDATING a table can be read.
"""


class KeyElement(msgspec.Struct):
    """One attribute of a key."""

    AttributeName: str
    KeyType: Literal["HASH", "RANGE"]


class AttributeDefinition(msgspec.Struct):
    """The type of an attribute that is a key of the table or of an index."""

    AttributeName: str
    AttributeType: Literal["S", "N", "B"]


class ProvisionedThroughput(msgspec.Struct):
    """Provisioned units, 0 where there are none."""

    ReadCapacityUnits: float | None = None
    WriteCapacityUnits: float | None = None


class OnDemandThroughput(msgspec.Struct):
    """Maxima of an on-demand table, -1 where there are none."""

    MaxReadRequestUnits: float | None = None
    MaxWriteRequestUnits: float | None = None


class WarmThroughput(msgspec.Struct):
    """The throughput that the table can serve immediately."""

    ReadUnitsPerSecond: float | None = None
    WriteUnitsPerSecond: float | None = None


class BillingModeSummary(msgspec.Struct):
    """How the table is billed."""

    BillingMode: str | None = None


class ReplicaDescription(msgspec.Struct):
    """One replica of a global table."""

    RegionName: str | None = None
    ReplicaArn: str | None = None


class TableDescription(msgspec.Struct):
    """The fields of DescribeTable that are used here."""

    TableName: str
    KeySchema: list[KeyElement]
    AttributeDefinitions: list[AttributeDefinition]
    TableStatus: str | None = None
    TableId: str | None = None
    TableArn: str | None = None
    CreationDateTime: int | float | str | None = None
    ItemCount: int = 0
    TableSizeBytes: int = 0
    ProvisionedThroughput: ProvisionedThroughput | None = None
    OnDemandThroughput: OnDemandThroughput | None = None
    WarmThroughput: WarmThroughput | None = None
    BillingModeSummary: BillingModeSummary | None = None
    Replicas: list[ReplicaDescription] | None = None
    GlobalTableVersion: str | None = None
    MultiRegionConsistency: str | None = None

    def keys(self) -> Schema:
        """Return the key schema; raise DecodeError where there is none."""
        names = [each.AttributeName for each in self.KeySchema]
        kinds = [each.KeyType for each in self.KeySchema]
        types = {each.AttributeName: each.AttributeType for each in self.AttributeDefinitions}
        if kinds not in (["HASH"], ["HASH", "RANGE"]) or not types.keys() >= set(names):
            raise DecodeError("the description of a table without a whole key schema")
        key = [part for name in names for part in (name, types[name])]
        return Schema(*key)

    def identity(self) -> tuple[str, ...]:
        """Return what distinguishes this table from any other; raise DecodeError where nothing does.

        DynamoDB and some emulators give every table an id. Other tables are distinguished by ARN and creation time.
        """
        if self.TableId:
            return (self.TableId,)
        if not self.TableArn or self.CreationDateTime is None:
            raise DecodeError("the description of a table without TableId, or TableArn and CreationDateTime")
        return self.TableArn, str(self.CreationDateTime)


class TimeToLiveDescription(msgspec.Struct):
    """The attribute by which a table's items expire."""

    TimeToLiveStatus: str
    AttributeName: str | None = None


class _Described(Success, kw_only=True):
    Table: TableDescription


class _TimeToLive(Success, kw_only=True):
    TimeToLiveDescription: TimeToLiveDescription


class _Listed(Success, kw_only=True):
    TableNames: list[str]
    LastEvaluatedTableName: str | None = None


_decode_described = msgspec.json.Decoder(_Described).decode
_decode_listed = msgspec.json.Decoder(_Listed).decode
_decode_time_to_live = msgspec.json.Decoder(_TimeToLive).decode


def describe_table(ref: TableRef, transport: Transport) -> Table:
    """Return a table as the service describes it; raise NoSuchTable, or TableError where that fails otherwise."""
    body = msgspec.json.encode({"TableName": ref.name})
    try:
        found, description = transport.post("DescribeTable", body, partial(_read_description, name=ref.name)).value
    except RequestFailed as error:
        if error.code == NOT_FOUND:
            raise refuse_missing(ref, "check its name, region and account") from None
        raise TableError(str(error)) from None
    if found.TableStatus in UNREADABLE:
        raise TableError(f"{ref} cannot be read: it is {found.TableStatus} ({UNREADABLE[found.TableStatus]})")
    return Table(
        ref,
        keys=found.keys(),
        identity=found.identity(),
        item_count=found.ItemCount,
        size_bytes=found.TableSizeBytes,
        capacity=_read_capacity(found),
        replication=_read_replication(found),
        description=description,
    )


def refuse_missing(ref: TableRef, advice: str) -> NoSuchTable:
    """Return the error for a table that is not there, with what to do about it."""
    return NoSuchTable(f"{ref}: no such table; {advice} (DescribeTable was rejected with {NOT_FOUND})")


def list_names(transport: Transport, most: float = MOST_LISTED) -> list[str]:
    """Return the names of the tables of an account and region, about `most` at most; raise RequestFailed."""
    names: list[str] = []
    starts: list[str] = []
    while len(names) < most and len(starts) * NAMES_PER_ANSWER < most:
        body = msgspec.json.encode({"ExclusiveStartTableName": starts[-1]} if starts else {})
        found = transport.post("ListTables", body, _read_names).value
        names += found.TableNames
        start = found.LastEvaluatedTableName
        if not start:
            break
        if start in starts:
            raise RequestFailed(f"ListTables was led back to the table {quote(start)}, so it would never end")
        starts.append(start)
    return names


def find_ttl_attribute(ref: TableRef, transport: Transport) -> str | None:
    """Return the attribute by which a table's items expire, None where they do not; raise TableError on failure."""
    body = msgspec.json.encode({"TableName": ref.name})
    try:
        return transport.post("DescribeTimeToLive", body, _read_ttl_attribute).value
    except RequestFailed as error:
        raise TableError(f"{error}; --ignore-expired has to know it") from None


def _read_capacity(found: TableDescription) -> Capacity:
    billing = found.BillingModeSummary or BillingModeSummary()
    provisioned = found.ProvisionedThroughput
    if provisioned is None or billing.BillingMode == "PAY_PER_REQUEST":
        provisioned = ProvisionedThroughput()
    maximum = found.OnDemandThroughput or OnDemandThroughput()
    warm = found.WarmThroughput or WarmThroughput()
    return Capacity(
        _parse_throughput(provisioned.ReadCapacityUnits, maximum.MaxReadRequestUnits, warm.ReadUnitsPerSecond),
        _parse_throughput(provisioned.WriteCapacityUnits, maximum.MaxWriteRequestUnits, warm.WriteUnitsPerSecond),
    )


def _read_replication(found: TableDescription) -> Replication:
    replicas = tuple((each.RegionName, each.ReplicaArn) for each in found.Replicas or ())
    return Replication(found.TableArn, replicas, found.GlobalTableVersion, found.MultiRegionConsistency)


def _parse_throughput(*units: float | None) -> Throughput:
    """Return the throughput of reads or writes. 0 and -1 mean that there is none (API model, OnDemandThroughput)."""
    return Throughput(*(_positive(each) for each in units))


def _positive(units: float | None) -> float | None:
    if units is None or units <= 0:
        return None
    return units


def _read_description(body: bytes, name: str) -> tuple[TableDescription, dict[str, Any]]:
    """Return the description of a table by its name or ARN, read and as it came.

    Raises DecodeError where it cannot be true.
    """
    answer = _decode_described(body)
    refuse_error(answer)
    check_names((answer.Table.TableName,), name)
    answer.Table.keys()
    answer.Table.identity()
    return answer.Table, msgspec.json.decode(body)["Table"]


def _read_names(body: bytes) -> _Listed:
    answer = _decode_listed(body)
    refuse_error(answer)
    return answer


def _read_ttl_attribute(body: bytes) -> str | None:
    """Return the attribute by which items expire, None where they do not; raise DecodeError where it cannot be true."""
    answer = _decode_time_to_live(body)
    refuse_error(answer)
    found = answer.TimeToLiveDescription
    if found.TimeToLiveStatus not in EXPIRING:
        return None
    if not found.AttributeName:
        raise DecodeError("time to live is enabled, but no attribute is named")
    return found.AttributeName
