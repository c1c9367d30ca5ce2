"""Describe a table: its keys, its capacity, and the attribute by which its items expire."""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec
from msgspec import DecodeError

from fastsync.aws.answers import Success, check_names, refuse_error
from fastsync.aws.transport import Transport
from fastsync.errors import RequestFailed, TableError
from fastsync.model.table import KeySchema as Schema
from fastsync.model.table import Table, TableRef
from fastsync.model.throughput import Capacity, Throughput

EXPIRING = ("ENABLED", "DISABLING")
"""While it is being disabled items may still be deleted (API reference, TimeToLiveDescription)."""


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
    """What the table takes at once."""

    ReadUnitsPerSecond: float | None = None
    WriteUnitsPerSecond: float | None = None


class BillingModeSummary(msgspec.Struct):
    """How the table is billed."""

    BillingMode: str | None = None


class TableDescription(msgspec.Struct):
    """What DescribeTable tells of a table, as far as it is of interest here."""

    TableName: str
    KeySchema: list[KeyElement]
    AttributeDefinitions: list[AttributeDefinition]
    TableId: str | None = None
    TableArn: str | None = None
    CreationDateTime: int | float | str | None = None
    ItemCount: int = 0
    TableSizeBytes: int = 0
    ProvisionedThroughput: ProvisionedThroughput | None = None
    OnDemandThroughput: OnDemandThroughput | None = None
    WarmThroughput: WarmThroughput | None = None
    BillingModeSummary: BillingModeSummary | None = None

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
        """Return what tells this table from any other; raise DecodeError where nothing does.

        DynamoDB and some emulators give every table an id. The others are told apart by their time of creation.
        """
        if self.TableId:
            return (self.TableId,)
        if not self.TableArn or self.CreationDateTime is None:
            raise DecodeError("the description of a table without TableId, or TableArn and CreationDateTime")
        return self.TableArn, str(self.CreationDateTime)


class TimeToLiveDescription(msgspec.Struct):
    """By which attribute a table's items expire."""

    TimeToLiveStatus: str
    AttributeName: str | None = None


class _Described(Success, kw_only=True):
    Table: TableDescription


class _TimeToLive(Success, kw_only=True):
    TimeToLiveDescription: TimeToLiveDescription


_decode_described = msgspec.json.Decoder(_Described).decode
_decode_time_to_live = msgspec.json.Decoder(_TimeToLive).decode


def describe_table(ref: TableRef, transport: Transport) -> Table:
    """Ask what a table is; raise TableError where it cannot be had."""
    body = msgspec.json.encode({"TableName": ref.name})
    try:
        told = transport.post("DescribeTable", body, partial(_described, name=ref.name)).value
    except RequestFailed as error:
        raise TableError(str(error)) from None
    return Table(ref, told.keys(), told.identity(), told.ItemCount, told.TableSizeBytes, capacity=_capacity(told))


def find_ttl_attribute(ref: TableRef, transport: Transport) -> str | None:
    """Ask by which attribute a table's items expire, None where they do not; raise TableError where that fails."""
    body = msgspec.json.encode({"TableName": ref.name})
    try:
        return transport.post("DescribeTimeToLive", body, _time_to_live).value
    except RequestFailed as error:
        raise TableError(f"{error}; --ignore-expired has to know it") from None


def _capacity(told: TableDescription) -> Capacity:
    provisioned = told.ProvisionedThroughput or ProvisionedThroughput()
    if told.BillingModeSummary is not None and told.BillingModeSummary.BillingMode == "PAY_PER_REQUEST":
        provisioned = ProvisionedThroughput()
    maximum = told.OnDemandThroughput or OnDemandThroughput()
    warm = told.WarmThroughput or WarmThroughput()
    return Capacity(
        _parse_throughput(provisioned.ReadCapacityUnits, maximum.MaxReadRequestUnits, warm.ReadUnitsPerSecond),
        _parse_throughput(provisioned.WriteCapacityUnits, maximum.MaxWriteRequestUnits, warm.WriteUnitsPerSecond),
    )


def _parse_throughput(*units: float | None) -> Throughput:
    """Take what a description says of reads or writes; 0 and -1 stand for nothing (API model, OnDemandThroughput)."""
    return Throughput(*(each if each is not None and each > 0 else None for each in units))


def _described(body: bytes, name: str) -> TableDescription:
    """Read the answer of DescribeTable about a table's name or ARN; raise DecodeError where it cannot be true."""
    answer = _decode_described(body)
    refuse_error(answer)
    check_names((answer.Table.TableName,), name)
    answer.Table.keys()
    answer.Table.identity()
    return answer.Table


def _time_to_live(body: bytes) -> str | None:
    """Read the attribute by which items expire, None where they do not; raise DecodeError where it cannot be true."""
    answer = _decode_time_to_live(body)
    refuse_error(answer)
    told = answer.TimeToLiveDescription
    if told.TimeToLiveStatus not in EXPIRING:
        return None
    if not told.AttributeName:
        raise DecodeError("time to live is enabled, but no attribute is named")
    return told.AttributeName
