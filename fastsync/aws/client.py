"""Client: DynamoDB's calls on one table, one request a call; items stay the raw bytes that came over the wire.

Decoding a page of 400 B items without parsing them costs 0.4 µs an item, and their keys 0.5 µs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.aws.failures import CONDITION_FAILED
from fastsync.aws.transport import Transport
from fastsync.config import Reading
from fastsync.errors import RequestFailed, TableError
from fastsync.keys import Key, KeyReader, write_all
from fastsync.table import KeySchema, Side, Table, TableRef

_text = msgspec.json.encode


class Page(NamedTuple):
    """One Scan response: keys and raw items in step, and the key to go on from, b"" at the end of the segment.

    `size` is that of the answer in bytes.
    """

    keys: Sequence[Key]
    items: Sequence[Raw]
    next_key: bytes
    size: int = 0


class BatchAnswer(NamedTuple):
    """One BatchGetItem response: the items found by key, and the keys that came back unprocessed."""

    items: dict[Key, Raw]
    unprocessed: Sequence[Key]


class WriteAnswer(NamedTuple):
    """What a conditional write came to: `done`, else `current` is the slave's item that failed the condition.

    `attempts` above 1 means that an earlier try may have succeeded without an answer.
    """

    done: bool
    current: Raw | None
    attempts: int


@dataclass(frozen=True)
class Condition:
    """A ConditionExpression with its names and raw values."""

    expression: str
    names: Mapping[str, str]
    values: Mapping[str, Raw] = field(default_factory=dict)


class Scan(NamedTuple):
    """Which slice of a table is scanned: segment `number` of `total`; whether only keys are wanted."""

    number: int
    total: int
    keys_only: bool = False


class _Units(msgspec.Struct, gc=False):
    CapacityUnits: float = 0.0


class _ScanItems(msgspec.Struct, gc=False):
    Items: list[Raw]
    Count: int
    LastEvaluatedKey: Raw = Raw()
    ConsumedCapacity: _Units | None = None


class _BatchItems(msgspec.Struct, gc=False):
    Responses: dict[str, list[Raw]]
    ConsumedCapacity: list[_Units] | None = None


class _Written(msgspec.Struct, gc=False):
    ConsumedCapacity: _Units | None = None


class _Failed(msgspec.Struct, gc=False):
    Item: Raw = Raw()


class Client:
    """Call DynamoDB for one table. Safe for threads. Every call may raise RequestFailed."""

    def __init__(self, side: Side, transport: Transport, reading: Reading):
        self.side = side
        self.transport = transport
        self.keys = KeyReader(side.table.keys)
        self._name = _text(side.table.ref.name).decode()
        self._limit = reading.scan_limit
        self._consistent = reading.consistent
        self._decode_scan, self._decode_batch, self._decode_batch_written = _decoders(self.keys.type)
        self._read_units: list[float] = []
        self._write_units: list[float] = []

    def scan_page(self, scan: Scan, start: bytes) -> Page:
        """Read one page of a segment, from `start` (exclusive) where that is not b""."""
        body = [f'{{"TableName":{self._name},"ReturnConsumedCapacity":"TOTAL"']
        if scan.total > 1:
            body.append(f'"Segment":{scan.number},"TotalSegments":{scan.total}')
        if self._limit is not None:
            body.append(f'"Limit":{self._limit}')
        if self._consistent:
            body.append('"ConsistentRead":true')
        if scan.keys_only:
            body.append(self._projection)
        if start:
            body.append(f'"ExclusiveStartKey":{start.decode()}')
        answer = self.transport.post("Scan", f"{','.join(body)}}}".encode(), self._decode_scan)
        items, keys, size = answer.value
        self._spend(self._read_units, [items.ConsumedCapacity])
        return Page(self.keys.settled(keys.Items), items.Items, _next_key(items.LastEvaluatedKey), size)

    def batch_get(self, keys: Sequence[Key], consistent: bool, keys_only: bool = False) -> BatchAnswer:
        """Look up at most 100 keys, each once.

        An item that comes back under a key that was not asked for is a failure: it would pass for missing, or extra.
        """
        options = ',"ConsistentRead":true' if consistent or self._consistent else ""
        options += f",{self._projection}" if keys_only else ""
        head = f'{{"RequestItems":{{{self._name}:{{"Keys":'
        tail = f'{options}}}}},"ReturnConsumedCapacity":"TOTAL"}}'
        body = b"".join((head.encode(), write_all(keys), tail.encode()))
        found, their = self.transport.post("BatchGetItem", body, self._decode_batch).value
        self._spend(self._read_units, found.ConsumedCapacity or ())
        items: dict[Key, Raw] = {}
        for table, raw in found.Responses.items():
            items.update(zip(self.keys.settled(their.Responses[table]), raw, strict=True))
        if sum(map(items.__contains__, keys)) != len(items):
            raise RequestFailed(f"{self.side}: BatchGetItem answered with items that were not asked for")
        back = self.keys.settled([key for rest in their.UnprocessedKeys.values() for key in rest.Keys])
        if back and not set(back).issubset(keys):
            raise RequestFailed(f"{self.side}: BatchGetItem left keys unprocessed that were not asked for")
        return BatchAnswer(items, list(dict.fromkeys(back)))

    def put(self, item: bytes, condition: Condition) -> WriteAnswer:
        """Write one whole item (DynamoDB JSON) on a condition."""
        return self._write("PutItem", "Item", item, condition)

    def delete(self, key: bytes, condition: Condition) -> WriteAnswer:
        """Delete one item by its key (DynamoDB JSON) on a condition."""
        return self._write("DeleteItem", "Key", key, condition)

    def batch_write(self, items: Sequence[bytes]) -> Sequence[Key]:
        """Write at most 25 whole items (DynamoDB JSON), unconditionally; give the keys that came back unprocessed."""
        puts = [{"PutRequest": {"Item": Raw(item)}} for item in items]
        body = _text({"RequestItems": {self.side.table.ref.name: puts}, "ReturnConsumedCapacity": "TOTAL"})
        written = self.transport.post("BatchWriteItem", body, self._decode_batch_written).value
        self._spend(self._write_units, written.ConsumedCapacity or ())
        back = [each.PutRequest.Item for rest in written.UnprocessedItems.values() for each in rest]
        return self.keys.settled(back)

    def take_units(self) -> tuple[float, float]:
        """Give the read and write units consumed since this was last asked."""
        return _drain(self._read_units), _drain(self._write_units)

    @property
    def _projection(self) -> str:
        # every name under an alias: some are reserved words or hold dots (developer guide, Naming rules)
        names = {f"#k{place}": name for place, name in enumerate(self.side.table.keys.names)}
        return f'"ProjectionExpression":"{",".join(names)}","ExpressionAttributeNames":{_text(names).decode()}'

    def _write(self, operation: str, what: str, value: bytes, condition: Condition) -> WriteAnswer:
        body = {
            "TableName": self.side.table.ref.name,
            what: Raw(value),
            "ConditionExpression": condition.expression,
            "ExpressionAttributeNames": condition.names,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": "TOTAL",
        }
        if condition.values:
            body["ExpressionAttributeValues"] = condition.values
        try:
            written, attempts = self.transport.post(operation, _text(body), _decode_written)
        except RequestFailed as error:
            if error.code != CONDITION_FAILED:
                raise
            return WriteAnswer(False, msgspec.json.decode(error.body, type=_Failed).Item or None, error.attempts)
        self._spend(self._write_units, [written.ConsumedCapacity])
        return WriteAnswer(True, None, attempts)

    @staticmethod
    def _spend(meter: list[float], consumed: Iterable[_Units | None]) -> None:
        meter.extend(units.CapacityUnits for units in consumed if units is not None)


def describe(ref: TableRef, transport: Transport) -> Table:
    """Ask what a table is; raise TableError where it cannot be had, RequestFailed where no answer came."""
    try:
        answer = transport.post("DescribeTable", _text({"TableName": ref.name}), _decode_description).value
    except RequestFailed as error:
        raise TableError(str(error)) from None
    told: Mapping[str, Any] = answer["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in told["AttributeDefinitions"]}
    by_kind = {each["KeyType"]: each["AttributeName"] for each in told["KeySchema"]}
    sort = by_kind.get("RANGE")
    schema = KeySchema(by_kind["HASH"], types[by_kind["HASH"]], sort, types[sort] if sort else None)
    # real DynamoDB and some emulators give every table an id; the others are told apart by their time of creation
    identity = (told["TableId"],) if told.get("TableId") else (told["TableArn"], str(told["CreationDateTime"]))
    return Table(ref, schema, identity, int(told.get("ItemCount", 0)), int(told.get("TableSizeBytes", 0)))


def time_to_live(ref: TableRef, transport: Transport) -> str | None:
    """Ask by which attribute a table's items expire, None where they do not; raise TableError where that fails."""
    try:
        told = transport.post("DescribeTimeToLive", _text({"TableName": ref.name}), json.loads).value
    except RequestFailed as error:
        raise TableError(f"{error}; --ignore-expired has to know it") from None
    described: Mapping[str, str] = told.get("TimeToLiveDescription", {})
    # while it is being disabled items may still be deleted (API reference, TimeToLiveDescription)
    return described.get("AttributeName") if described.get("TimeToLiveStatus") in ("ENABLED", "DISABLING") else None


_decode_written = msgspec.json.Decoder(_Written).decode


def _decode_description(body: bytes) -> Any:
    answer = json.loads(body)
    if "Table" not in answer:
        raise msgspec.DecodeError("the answer holds no Table")
    return answer


def _decoders(key: Any) -> tuple[Any, Any, Any]:
    """Make the decoders of Scan, BatchGetItem and BatchWriteItem answers for one type of key."""
    keys = GenericAlias(list, (key,))
    scanned = _struct("ScanKeys", Items=keys)
    back = GenericAlias(dict, (str, _struct("Back", Keys=keys)))
    found = _struct("BatchKeys", Responses=GenericAlias(dict, (str, keys)), UnprocessedKeys=(back, {}))
    put = _struct("Put", PutRequest=_struct("PutRequest", Item=key))
    # without UnprocessedItems an answer is not whole: nothing would be known of its items
    left = GenericAlias(dict, (str, GenericAlias(list, (put,))))
    consumed = (list[_Units] | None, None)
    written = _struct("BatchWritten", UnprocessedItems=left, ConsumedCapacity=consumed)
    return _whole(_ScanItems, scanned), _two_way(_BatchItems, found), msgspec.json.Decoder[Any](written).decode


def _struct(name: str, **parts: Any) -> Any:
    return msgspec.defstruct(
        name, [(part, *kind) if isinstance(kind, tuple) else (part, kind) for part, kind in parts.items()], gc=False
    )


def _two_way(items: type, keys: type) -> Any:
    """Decode one body twice, for raw items and for their keys: each pass skips what the other takes."""
    first, second = (msgspec.json.Decoder[Any](kind).decode for kind in (items, keys))
    return lambda body: (first(body), second(body))


def _whole(items: type, keys: type) -> Any:
    """Decode a Scan answer, and take one whose Items and Count disagree for an answer that is not whole."""
    decode = _two_way(items, keys)

    def decode_whole(body: bytes) -> Any:
        found, read = decode(body)
        if found.Count != len(found.Items):
            raise msgspec.DecodeError("a Scan answer whose Count is not the number of its Items")
        return found, read, len(body)

    return decode_whole


def _next_key(raw: Raw) -> bytes:
    return b"" if raw in (Raw(), Raw(b"null")) else bytes(raw)


def _drain(meter: list[float]) -> float:
    count = len(meter)
    total = sum(meter[:count])
    del meter[:count]
    return total
