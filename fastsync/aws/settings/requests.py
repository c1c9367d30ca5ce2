"""Ask for a table's time to live, its point-in-time recovery and its tags.

Every function raises RequestFailed where the service rejects the request, or goes on failing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import DecodeError

from fastsync.aws.answers import Success, refuse_error
from fastsync.aws.transport import Transport
from fastsync.model.table import TableRef

NOT_TOLD = frozenset({"AccessDeniedException", "UnknownOperationException"})
"""Error names of requests that are not allowed, or that a compatible server does not know."""
MOST_PAGES = 20
"""Pages of tags; a table has 50 tags at most (developer guide, quotas), which is one page of up to 10 or more."""


class _TimeToLive(Success, kw_only=True):
    TimeToLiveDescription: dict[str, Any]


class _Backups(Success, kw_only=True):
    ContinuousBackupsDescription: dict[str, Any]


class _Tag(msgspec.Struct):
    Key: str
    Value: str


class _Tags(Success, kw_only=True):
    Tags: list[_Tag]
    NextToken: str | None = None


_decode_time_to_live = msgspec.json.Decoder(_TimeToLive).decode
_decode_backups = msgspec.json.Decoder(_Backups).decode
_decode_tags = msgspec.json.Decoder(_Tags).decode


def ask_time_to_live(ref: TableRef, transport: Transport) -> Mapping[str, Any]:
    """Return the TimeToLiveDescription of a table."""

    def read(body: bytes) -> Mapping[str, Any]:
        answer = _decode_time_to_live(body)
        refuse_error(answer)
        return answer.TimeToLiveDescription

    return transport.post("DescribeTimeToLive", _name_table(ref), read).value


def ask_continuous_backups(ref: TableRef, transport: Transport) -> Mapping[str, Any]:
    """Return the ContinuousBackupsDescription of a table."""

    def read(body: bytes) -> Mapping[str, Any]:
        answer = _decode_backups(body)
        refuse_error(answer)
        return answer.ContinuousBackupsDescription

    return transport.post("DescribeContinuousBackups", _name_table(ref), read).value


def ask_tags(arn: str, transport: Transport) -> Mapping[str, str]:
    """Return the tags of a table by its ARN, from all pages."""
    tags: dict[str, str] = {}
    asked = {"ResourceArn": arn}
    for _ in range(MOST_PAGES):
        answer = transport.post("ListTagsOfResource", msgspec.json.encode(asked), _read_tags).value
        tags.update((tag.Key, tag.Value) for tag in answer.Tags)
        if not answer.NextToken:
            break
        asked["NextToken"] = answer.NextToken
    return tags


def _read_tags(body: bytes) -> _Tags:
    answer = _decode_tags(body)
    refuse_error(answer)
    if len({tag.Key for tag in answer.Tags}) < len(answer.Tags):
        raise DecodeError("a tag is told twice")
    return answer


def _name_table(ref: TableRef) -> bytes:
    return msgspec.json.encode({"TableName": ref.name})
