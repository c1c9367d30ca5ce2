"""What is read of a table page by page: a segment, or what is under a partition key."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec import Raw


class Scan(NamedTuple):
    """The slice of a table that is read: segment `number` of `total`, and whether only keys are wanted.

    `checked`: the keys of all items are read with each page, and have to be distinct. `partition`: the items under this
    partition key (DynamoDB JSON) are read instead, by Query, which returns them in the order of the sort key.
    """

    number: int
    total: int
    keys_only: bool = False
    checked: bool = False
    partition: bytes | None = None


def match_partition(partition: bytes) -> str:
    """Return the part of a Query's body that says whose items are wanted; the key's name has the alias #p."""
    value = next(iter(msgspec.json.decode(partition, type=dict[str, Raw]).values()))
    return f'"KeyConditionExpression":"#p=:p","ExpressionAttributeValues":{{":p":{bytes(value).decode()}}}'
