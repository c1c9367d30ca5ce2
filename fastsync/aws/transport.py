"""Transport: one signed POST on a kept connection, retried with full jitter.

Cost of one call with 100 items: about 0.3 ms of CPU, see perf/micro. The only owner of retries of single requests:
faults and throttling are counted apart, each up to `max_retries` in a row.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from fastsync.aws.connections import Connections
from fastsync.aws.credentials import Credentials
from fastsync.aws.failures import EXPIRED, Fault, Throttled, advice, refused, sort_out
from fastsync.aws.signing import Signer
from fastsync.config import Retrying
from fastsync.errors import RequestFailed
from fastsync.table import Endpoint, TableRef

BACKOFF_CAP = 20.0
"""Seconds; no pause between two tries is longer."""

T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """A decoded answer, and after how many tries it came."""

    value: T
    attempts: int


def backoff(tries: int, base: float) -> float:
    """Draw the pause in seconds after `tries` failures in a row: full jitter under a capped exponential."""
    return random.uniform(0, min(BACKOFF_CAP, base * 2.0 ** min(tries - 1, 30)))


class Transport:
    """Send requests for one table. Safe for threads: each request in flight has a connection of its own."""

    def __init__(
        self,
        ref: TableRef,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials],
        retrying: Retrying,
        sleep: Callable[[float], object] = time.sleep,
    ):
        address = urlsplit(endpoint.url)
        self.retrying = retrying
        self.sleep = sleep
        self._ref = ref
        self._path = address.path or "/"
        self._signer = Signer(address.netloc.rpartition("@")[2], self._path, ref.region)
        self._credentials = credentials
        self._connections = Connections(endpoint)

    def post(self, operation: str, body: bytes, decode: Callable[[bytes], T]) -> Answer[T]:
        """Send one request until it is answered; raise RequestFailed where it is rejected or the tries are used up.

        `decode` raises msgspec.DecodeError on an answer that is not whole, which is then a fault like any other.
        """
        faults = throttles = 0
        while True:
            try:
                return Answer(decode(self._once(operation, body, faults + throttles + 1)), faults + throttles + 1)
            except Throttled as error:
                throttles, tries, reason = throttles + 1, throttles + 1, str(error)
            except (Fault, msgspec.DecodeError) as error:
                faults, tries, reason = faults + 1, faults + 1, str(error)
            if tries > self.retrying.max_retries:
                message = f"{self._ref}: {operation} failed {tries} times, the last time with {reason}"
                raise RequestFailed(message, attempts=faults + throttles)
            self.sleep(backoff(tries, self.retrying.base))

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()

    def _once(self, operation: str, body: bytes, attempts: int) -> bytes:
        credentials = self._credentials()
        headers = self._signer.headers(f"DynamoDB_20120810.{operation}", body, credentials)
        status, answer = self._connections.exchange(self._path, body, headers)
        if status == 200:
            return answer
        code, message = sort_out(status, _hidden(answer, credentials))
        if code in EXPIRED and self._credentials() != credentials:
            raise Fault(f"{code}: {message}")
        text = f"{self._ref}: {operation} was rejected with {advice(code or f'HTTP {status}', message)}"
        raise RequestFailed(text, code, refused(code), answer, attempts)


def _hidden(answer: bytes, credentials: Credentials) -> bytes:
    """Take the session token out of an error: a refused signature is answered with the headers that were signed."""
    for secret in filter(None, (credentials.token, credentials.secret_key)):
        spelled = json.dumps(secret)[1:-1]
        for form in (spelled, spelled.replace("/", "\\/")):
            answer = answer.replace(form.encode(), b"***")
    return answer
