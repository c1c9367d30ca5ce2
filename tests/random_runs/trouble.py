"""What happens to a request beside being answered: throttled, failed, cut off before or after its effect, delayed."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WRITES = frozenset(("PutItem", "DeleteItem", "BatchWriteItem"))
FEW_TRIES = frozenset(("DescribeTable", "DescribeTimeToLive"))
"""What a run asks at its start, and tries a few times only."""


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out; `sent` is the part of the body that goes over the wire."""

    status: int
    body: bytes
    sent: int | None = None
    crc: int | None = None

    def bytes(self, packed: bytes | None = None) -> bytes:
        """Give the answer as bytes, with `packed` in the place of the body where that is given."""
        body = self.body if packed is None else packed
        crc = zlib.crc32(body) if self.crc is None else self.crc
        encoding = "" if packed is None else "Content-Encoding: gzip\r\n"
        head = (
            f"HTTP/1.1 {self.status} Whatever\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"x-amz-crc32: {crc}\r\n{encoding}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body[: self.sent]


@dataclass(frozen=True)
class Trouble:
    """What befalls one request.

    `instead` is answered without any effect (None with `cut`: nothing is). `cut`: the connection ends before the
    request takes effect, `effect` says whether it does so all the same. `after` replaces the answer of a request that
    has taken effect; None with `lost`: nothing is answered.
    """

    wait: float = 0.0
    instead: Reply | None = None
    cut: bool = False
    effect: bool = True
    lost: bool = False
    after: str | None = None


NONE = Trouble()


def error(name: str, status: int = 400, **more: Any) -> Reply:
    """Make an exception of the service."""
    told = {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": "made up by the scripted server", **more}
    return Reply(status, json.dumps(told).encode())


def throttle(reason: str) -> Reply:
    """Make an answer of a table that is at a limit."""
    why = [{"reason": reason, "resource": "arn:aws:dynamodb:us-east-1:1:table/t"}]
    return error("ProvisionedThroughputExceededException", ThrottlingReasons=why)


BEFORE = (
    throttle("TableReadProvisionedThroughputExceeded"),
    throttle("TableWriteKeyRangeThroughputExceeded"),
    error("ThrottlingException", throttlingReasons=[{"reason": "TableReadMaxOnDemandThroughputExceeded"}]),
    error("RequestLimitExceeded"),
    error("InternalServerError", 500),
    Reply(503, b"<html><body>503 Service Temporarily Unavailable</body></html>"),
    Reply(200, b""),
)
FAILED = error("InternalServerError", 500)


@dataclass(frozen=True)
class Weather:
    """How often requests are in trouble (`rate`), and how long writes take to take effect (from, to, in seconds)."""

    rate: float = 0.0
    slow: tuple[float, float] | None = None
    unprocessed: float = 0.0
    without_units: float = 0.0
    stale: float = 0.0

    def befalls(self, operation: str, chance: random.Random) -> Trouble:
        """Draw what befalls a request."""
        wait = self._wait(operation, chance)
        if chance.random() >= self.rate:
            return Trouble(wait)
        kind = chance.choice(("before", "before", "cut", "lost", "failed", "half", "short", "delay"))
        if operation in FEW_TRIES:
            kind = "delay"
        match kind:
            case "before":
                return Trouble(instead=chance.choice(BEFORE))
            case "cut":  # a request that has left may take effect later, whatever becomes of the connection
                return Trouble(wait, cut=True, effect=chance.random() < 0.5)
            case "lost":
                return Trouble(wait, lost=True)
            case "failed" | "half" | "short":
                return Trouble(wait, after=kind)
            case _:
                return Trouble(wait + chance.random() * 0.02)

    def _wait(self, operation: str, chance: random.Random) -> float:
        if self.slow is None or operation not in WRITES:
            return 0.0
        return chance.uniform(*self.slow)


def spoilt(reply: Reply, how: str | None) -> Reply:
    """Spoil an answer on its way: a failure told in its place, cut off, or shorter than its CRC32 says."""
    half = len(reply.body) // 2
    match how:
        case "failed":
            return FAILED
        case "half":
            return Reply(reply.status, reply.body, half, zlib.crc32(reply.body))
        case "short":
            return Reply(reply.status, reply.body[:half], None, zlib.crc32(reply.body))
        case _:
            return reply


def shown(body: Mapping[str, Any]) -> str:
    """Give the beginning of a request for the log of a run that went wrong."""
    return json.dumps(body, ensure_ascii=False)[:400]
