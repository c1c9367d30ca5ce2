"""Conditional writes: what their requests hold, and what their answers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.errors import RequestFailed
from fastsync.model import capacity

_text = msgspec.json.encode


class WriteAnswer(NamedTuple):
    """The result of a conditional write: `done`, or `current` is the slave's item, which did not meet the condition.

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

    @cached_property
    def encoded(self) -> bytes:
        """What the body of a write holds beside its table and its item or key."""
        rest = {
            "ConditionExpression": self.expression,
            "ExpressionAttributeNames": self.names,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": "TOTAL",
        }
        if self.values:
            rest["ExpressionAttributeValues"] = self.values
        return _text(rest)[1:-1]


class Write(NamedTuple):
    """A conditional write of one item: its value is a whole item, or the key of one that it deletes (DynamoDB JSON)."""

    value: bytes
    condition: Condition
    deletes: bool = False

    @property
    def operation(self) -> str:
        """The operation that carries it out."""
        return "DeleteItem" if self.deletes else "PutItem"

    def encode_for(self, table: bytes) -> bytes:
        """Return the body of its request; `table` is the table's name in JSON."""
        what = b"Key" if self.deletes else b"Item"
        return b'{"TableName":%b,"%b":%b,%b}' % (table, what, self.value, self.condition.encoded)

    def read_failed(self, error: RequestFailed) -> tuple[WriteAnswer, float]:
        """Return the result where the condition did not hold, and the units that it cost, by `_failed_units`."""
        current = msgspec.json.decode(error.body, type=_Failed).Item or None
        sized = current if self.deletes else Raw(self.value)
        return WriteAnswer(False, current, error.attempts), _failed_units(sized, current)


class _Failed(msgspec.Struct, gc=False):
    Item: Raw = Raw()


def _failed_units(sized: Raw | None, current: Raw | None) -> float:
    """Estimate the units of a failed condition, which the service charges but does not report.

    A put costs as much as its item (`sized`) where the key exists, a delete as much as the current item, and both cost
    one unit where there is none (developer guide, "Provisioned throughput").
    """
    if sized is None or current is None:
        return 1.0
    return capacity.count_write_units(capacity.measure_item(msgspec.json.decode(sized)))
