"""What can go wrong between fastsync and DynamoDB, each as a fault for a rule of the proxy."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

from tests.functional.proxy import Cut, Exchange, Fault, Reply

Keys = list[dict[str, Any]]


def error(
    name: str,
    status: int = 400,
    message: str = "made up by the proxy",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Fault:
    """Answer with an exception of the service, without asking the server."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": message, **more}
    return lambda _: Reply(status, json.dumps(body).encode(), headers=headers or {})


def answer(body: dict[str, Any]) -> Reply:
    """Make a success of a parsed body."""
    return Reply(200, json.dumps(body).encode())


def throttled(reason: str, wait: float = 0.0) -> Fault:
    """Throttle for a reason, and ask to wait so many seconds."""
    why = [{"reason": reason, "resource": "arn:aws:dynamodb:us-east-1:1:table/t"}]
    asked = {"x-amz-retry-after": f"{wait * 1000:.0f}"} if wait else {}
    return error("ProvisionedThroughputExceededException", headers=asked, ThrottlingReasons=why)


THROTTLED = throttled("TableReadProvisionedThroughputExceeded")
HOT_PARTITION = throttled("TableReadKeyRangeThroughputExceeded")
THROTTLING = error("ThrottlingException", throttlingReasons=[{"reason": "TableReadMaxOnDemandThroughputExceeded"}])
REQUEST_LIMIT = error("RequestLimitExceeded")
INTERNAL = error("InternalServerError", 500)
UNAVAILABLE = error("ServiceUnavailable", 503)
DENIED = error("AccessDeniedException", message="User: x is not authorized to perform this")
EXPIRED = error("ExpiredTokenException", message="The security token included in the request is expired")
INVALID = error("ValidationException", message="the proxy does not like this item")


def gateway(_: Exchange) -> Reply:
    """Answer as a load balancer does, in HTML."""
    return Reply(503, b"<html><body>503 Service Temporarily Unavailable</body></html>")


def cut(_: Exchange) -> Reply:
    """End the connection without having asked the server."""
    raise Cut


def lost(exchange: Exchange) -> Reply:
    """Let the server do what is asked, and end the connection instead of answering."""
    exchange.forward()
    raise Cut


def executed_but_failed(exchange: Exchange) -> Reply:
    """Let the server do what is asked, and answer with a 500."""
    exchange.forward()
    return INTERNAL(exchange)


def cut_body(exchange: Exchange) -> Reply:
    """End the connection in the middle of the body."""
    reply = exchange.forward()
    return Reply(reply.status, reply.body[: len(reply.body) // 2], len(reply.body), zlib.crc32(reply.body))


def short_body(exchange: Exchange) -> Reply:
    """Send half a body with a length that fits, so that only the CRC32 tells."""
    reply = exchange.forward()
    return Reply(reply.status, reply.body[: len(reply.body) // 2], None, zlib.crc32(reply.body))


def bad_crc(exchange: Exchange) -> Reply:
    """Send a whole body with a wrong CRC32."""
    reply = exchange.forward()
    return Reply(reply.status, reply.body, None, zlib.crc32(reply.body) ^ 1)


def changed_byte(exchange: Exchange) -> Reply:
    """Change one letter of an attribute on the way, so that only the CRC32 tells."""
    reply = exchange.forward()
    return Reply(reply.status, reply.body.replace(b"payload", b"paYload"), None, zlib.crc32(reply.body))


def empty_object(_: Exchange) -> Reply:
    """Answer {} with status 200: a body without Items, Count or Responses."""
    return Reply(200, b"{}")


def empty_body(_: Exchange) -> Reply:
    """Answer nothing with status 200."""
    return Reply(200, b"")


def without(*names: str) -> Fault:
    """Leave fields out of the answer, with a CRC32 that fits."""

    def fault(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        left = {name: value for name, value in reply.json.items() if name not in names}
        return Reply(reply.status, json.dumps(left).encode())

    return fault


def delayed(seconds: float) -> Fault:
    """Take so long before asking the server."""

    def fault(exchange: Exchange) -> Reply:
        time.sleep(seconds)
        return exchange.forward()

    return fault


def before(hook: Callable[[], object]) -> Fault:
    """Do something right before the server is asked."""

    def fault(exchange: Exchange) -> Reply:
        hook()
        return exchange.forward()

    return fault


def after(hook: Callable[[], object]) -> Fault:
    """Do something right after the server has answered and before the answer goes out."""

    def fault(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        hook()
        return reply

    return fault


def unprocessed(held_back: Callable[[Keys], Keys], spell: Callable[[Keys], Keys] = lambda keys: keys) -> Fault:
    """Hold keys of a BatchGetItem back, and give them back as unprocessed in a spelling of one's own."""

    def fault(exchange: Exchange) -> Reply:
        ((table, asked),) = exchange.body["RequestItems"].items()
        back = held_back(asked["Keys"])
        rest = [key for key in asked["Keys"] if key not in back]
        answer: dict[str, Any] = {"Responses": {table: []}, "ConsumedCapacity": []}
        if rest:
            exchange.body = {**exchange.body, "RequestItems": {table: {**asked, "Keys": rest}}}
            reply = exchange.forward()
            if reply.status != 200:
                return reply
            answer = reply.json
        answer["UnprocessedKeys"] = {table: {**asked, "Keys": spell(back)}} if back else {}
        return Reply(200, json.dumps(answer).encode())

    return fault


def first_half(keys: Keys) -> Keys:
    """Hold back the first half of the keys, of one key none."""
    return keys[: len(keys) // 2]


def all_but_one(keys: Keys) -> Keys:
    """Hold back every key but the last."""
    return keys[:-1]


def every_key(keys: Keys) -> Keys:
    """Hold back all keys, though the answer is a success."""
    return keys


def every_other(keys: Keys) -> Keys:
    """Hold back every second key."""
    return keys[::2][: len(keys) - 1]


def backwards(keys: Keys) -> Keys:
    """Give keys and their attributes back in another order."""
    return [dict(reversed(key.items())) for key in reversed(keys)]


def long_numbers(keys: Keys) -> Keys:
    """Write numbers in another spelling of the same value."""
    return [{name: _long(value) for name, value in key.items()} for key in keys]


def _long(value: dict[str, str]) -> dict[str, str]:
    return {"N": f"{value['N']}.00"} if "N" in value else value


class Changing:
    """Hold back another subset of the keys each time, with a memory that makes every key come through in the end."""

    def __init__(self, holds: int):
        self._holds = holds
        self._held: dict[str, int] = {}

    def __call__(self, keys: Keys) -> Keys:
        """Choose the keys held back: each of them `holds` times at most, never the same half twice, and never all.

        Were a key held back that is asked for alone, batches of one key would bring nothing while keys are new.
        """
        if len(keys) == 1:
            return []
        back: Keys = []
        for place, key in enumerate(keys):
            times = self._held.get(str(key), 0)
            if times < self._holds and (place + times) % 2 == 0:
                self._held[str(key)] = times + 1
                back.append(key)
        return back


def in_turn(faults: Sequence[Fault]) -> Fault:
    """Strike with one fault after the other, round and round."""
    turns = cycle(faults)

    def fault(exchange: Exchange) -> Reply:
        return next(turns)(exchange)

    return fault
