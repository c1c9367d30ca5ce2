"""Answers with status 200: check that they hold what the service always sends. Others are faults, which are retried.

Always present are (API reference of each operation, unless another source is named):

- Scan, Query: Items, Count.
- BatchGetItem: UnprocessedKeys, and in Responses the list of the table, unless all keys come back unprocessed
  (ScyllaDB's test_batch.py, which runs on the service too).
- PutItem, DeleteItem: an object.
- BatchWriteItem: UnprocessedItems.
- DescribeTable: Table with TableName, KeySchema, AttributeDefinitions, and TableId, or TableArn and CreationDateTime.
- DescribeTimeToLive: TimeToLiveDescription with TimeToLiveStatus, and AttributeName where it is enabled.
- AssumeRole of STS: Credentials with AccessKeyId, SecretAccessKey, SessionToken and Expiration.

The service reports ConsumedCapacity on request, and ScannedCount with a Scan. Some compatible servers leave them out,
so neither is required, but they must be consistent where they are present. `__type` comes with errors only.
`describe` checks DescribeTable and DescribeTimeToLive, `auth.roles` AssumeRole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec
from msgspec import UNSET, DecodeError, Raw, UnsetType

from fastsync.model.keys import Key, KeyReader

SAMPLED = 256
"""The key of one item in this number is always read."""


class Units(msgspec.Struct, gc=False):
    """The ConsumedCapacity of one table."""

    CapacityUnits: float = 0.0
    TableName: str | None = None


class Success(msgspec.Struct, gc=False, kw_only=True):
    """Every answer with status 200: it holds no error."""

    error: Raw | UnsetType = msgspec.field(default=UNSET, name="__type")


class ScanAnswer(Success, gc=False, kw_only=True):
    """One page of a scan."""

    Items: list[Raw]
    Count: int
    ScannedCount: int | None = None
    LastEvaluatedKey: Raw = Raw()
    ConsumedCapacity: Units | None = None


class Written(Success, gc=False, kw_only=True):
    """The answer to one write."""

    ConsumedCapacity: Units | None = None


class _BatchFound(Success, gc=False, kw_only=True):
    Responses: dict[str, list[Raw]]
    ConsumedCapacity: list[Units] | None = None


class _BatchWritten(Success, gc=False, kw_only=True):
    ConsumedCapacity: list[Units] | None = None


BatchWritten = tuple[Sequence[Units] | None, Sequence[Key]]
"""The units consumed by a batch of puts, where the server reports them, and the keys that are left unprocessed."""

_decode_scan = msgspec.json.Decoder(ScanAnswer).decode
_decode_written = msgspec.json.Decoder(Written).decode
_decode_key = msgspec.json.Decoder(dict[str, dict[str, str]]).decode


class AnswerReader:
    """Read the answers of one table. Every method raises DecodeError on an answer that cannot be true.

    `name` is the table's name in requests: its name or its ARN.
    """

    def __init__(self, name: str, keys: KeyReader):
        self._name = name
        self._keys = keys

    def scan(self, body: bytes) -> ScanAnswer:
        """Read a page of a scan or of a Query.

        Only the keys of some items are read, since reading all of them costs as much as the whole page.
        """
        answer = _decode_scan(body)
        refuse_error(answer)
        self._check_units(answer.ConsumedCapacity)
        items = answer.Items
        # where a page ends by its size, dynoxide's ScannedCount includes the item that did not fit
        scanned = answer.ScannedCount
        if answer.Count != len(items) or (scanned is not None and scanned < answer.Count):
            raise DecodeError("Count is not the number of Items, or above ScannedCount")
        if items:
            self._keys.read_keys((*items[::SAMPLED], items[len(items) // 2], items[-1]))
        return answer

    def next_key(self, answer: ScanAnswer, start: bytes) -> bytes:
        """Return the key to continue from, b"" at the end of the segment; null and {} are the end, too.

        `start` is the key that the page was requested from, b"" at the beginning of the segment.
        """
        raw = bytes(answer.LastEvaluatedKey)
        if raw in (b"", b"null"):
            return b""
        key = _decode_key(raw)
        if not key:
            return b""
        if {name: list(value) for name, value in key.items()} != self._keys.form:
            raise DecodeError("LastEvaluatedKey does not hold exactly the key of the table")
        if start and self._keys.read_key(raw) == self._keys.read_key(start):
            raise DecodeError("LastEvaluatedKey is the ExclusiveStartKey, so the scan does not move on")
        return raw

    def distinct_keys(self, items: Sequence[Raw]) -> Sequence[Key]:
        """Return the keys of all items; raise DecodeError where two are equal."""
        keys = self._keys.read_keys(items)
        if len(set(keys)) < len(keys):
            raise DecodeError("a key is there twice")
        return keys

    def keys_of_partition(self, items: Sequence[Raw], partition: bytes) -> Sequence[Key]:
        """Return the keys of all items of a Query; raise DecodeError where one has another partition key."""
        keys = self.distinct_keys(items)
        wanted = self._keys.read_partition(partition)
        if any(key.hash != wanted for key in keys):
            raise DecodeError("an item has another partition key than was asked for")
        return keys

    def batch_found(
        self, body: bytes, asked: Sequence[Key], checked: bool
    ) -> tuple[list[Raw], dict[Key, Raw] | None, list[Key], list[Units] | None]:
        """Return the items, the same by their keys, the unprocessed keys and the consumed units of a look-up.

        `checked`: read the keys of all items; otherwise nobody knows them.
        """
        answer = _found_decoder(self._keys.type)(body)
        refuse_error(answer)
        self._check_units(*(answer.ConsumedCapacity or ()))
        check_names(answer.Responses, self._name)
        check_names(answer.UnprocessedKeys, self._name)
        back = self._check_unprocessed([key for rest in answer.UnprocessedKeys.values() for key in rest.Keys], asked)
        if len(back) < len(asked) and not answer.Responses:
            raise DecodeError("keys are answered, but Responses does not hold the table")
        items = [item for found in answer.Responses.values() for item in found]
        if len(items) + len(back) > len(asked):
            raise DecodeError("more items and unprocessed keys than were asked for")
        by_key = None
        if checked:
            by_key = dict(zip(self._keys.read_keys(items), items, strict=True))
            if len(by_key) < len(items):
                raise DecodeError("a key is there twice")
            if not (by_key.keys() <= set(asked) and by_key.keys().isdisjoint(back)):
                raise DecodeError("items that were not asked for, or are unprocessed")
        return items, by_key, back, answer.ConsumedCapacity

    def batch_written(self, body: bytes, asked: Sequence[bytes]) -> BatchWritten:
        """Return what became of a batch of puts of the items `asked` (DynamoDB JSON)."""
        answer = _written_decoder(self._keys.type)(body)
        refuse_error(answer)
        self._check_units(*(answer.ConsumedCapacity or ()))
        check_names(answer.UnprocessedItems, self._name)
        left = [put.PutRequest.Item for rest in answer.UnprocessedItems.values() for put in rest]
        if not left:
            return answer.ConsumedCapacity, ()
        return answer.ConsumedCapacity, self._check_unprocessed(left, [self._keys.read_key(item) for item in asked])

    def written(self, body: bytes) -> Units | None:
        """Return the units consumed by one write, None where the server reports none."""
        answer = _decode_written(body)
        refuse_error(answer)
        self._check_units(answer.ConsumedCapacity)
        return answer.ConsumedCapacity

    def _check_unprocessed(self, keys: Sequence[Key], asked: Collection[Key]) -> list[Key]:
        if not keys:
            return []
        back = list(self._keys.canonical(keys))
        if len(set(back)) < len(back) or not set(back) <= set(asked):
            raise DecodeError("unprocessed keys that were not asked for, or are there twice")
        return back

    def _check_units(self, *consumed: Units | None) -> None:
        for each in consumed:
            if each is not None and each.TableName is not None:
                check_names((each.TableName,), self._name)


def refuse_error(answer: Success) -> None:
    """Raise DecodeError where an answer at 200 holds an error."""
    if answer.error is not UNSET:
        raise DecodeError(f"an error with status 200: {bytes(answer.error)[:100].decode(errors='replace')}")


def check_names(named: Iterable[str], asked: str) -> None:
    """Raise DecodeError where another table is named. The service may answer with the ARN of a table asked by name."""
    for name in named:
        if name != asked and _bare_name(name) != _bare_name(asked):
            raise DecodeError(f"the answer is about the table {name[:300]!r}, not {asked!r}")


def _bare_name(name: str) -> str:
    if not name.startswith("arn:"):
        return name
    return name.rpartition(":table/")[2].partition("/")[0]


@lru_cache
def _found_decoder(key: Any) -> Any:
    """Make the decoder of BatchGetItem answers for one type of key; it takes some milliseconds, and not all need it."""
    keys = _make_struct("Keys", Keys=GenericAlias(list, (key,)))
    found = _make_struct("Found", _BatchFound, UnprocessedKeys=GenericAlias(dict, (str, keys)))
    return msgspec.json.Decoder[Any](found).decode


@lru_cache
def _written_decoder(key: Any) -> Any:
    """Make the decoder of BatchWriteItem answers for one type of key."""
    put = _make_struct("Put", PutRequest=_make_struct("PutRequest", Item=key))
    puts = GenericAlias(dict, (str, GenericAlias(list, (put,))))
    written = _make_struct("BatchWritten", _BatchWritten, UnprocessedItems=puts)
    return msgspec.json.Decoder[Any](written).decode


def _make_struct(name: str, *bases: Any, **fields: Any) -> Any:
    return msgspec.defstruct(name, list(fields.items()), bases=bases or None, gc=False, kw_only=True)
