"""Transport: one signed POST on a kept connection; CRC and length checked, retried with full jitter.

Cost of one call with 100 items: about 0.3 ms of CPU, see perf/micro. The only owner of retries of single requests:
faults and throttling are counted apart, each up to `max_retries` in a row.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from fastsync.aws.credentials import Credentials
from fastsync.aws.failures import EXPIRED, Fault, Throttled, advice, refused, sort_out
from fastsync.aws.signing import Signer
from fastsync.config import Retrying
from fastsync.errors import RequestFailed
from fastsync.table import Endpoint, TableRef

TIMEOUT = 30.0
"""Seconds that connecting, and each wait for bytes, may take; a page of 1 MB takes well under one."""
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


class Connections:
    """Kept connections to one endpoint: taken for one exchange, given back when it went well."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._tls = _tls_context(endpoint)

    def exchange(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Post once and give status and whole body; raise Fault where the connection, length or CRC fails."""
        connection = self._take()
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Fault(f"{type(error).__name__}: {error} (at {self._endpoint.url})") from None
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        expected = response.getheader("x-amz-crc32")
        if expected is not None and expected != str(zlib.crc32(answer)):
            raise Fault("an answer whose CRC32 is wrong")
        return response.status, answer

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection:
        with suppress(IndexError):
            return self._idle.pop()
        return self._open()

    def _open(self) -> http.client.HTTPConnection:
        address = urlsplit(self._endpoint.url)
        host, port = str(address.hostname), address.port
        through = urlsplit(self._endpoint.proxy) if self._endpoint.proxy else None
        first = (str(through.hostname), through.port) if through else (host, port)
        if self._tls is None:
            connection = http.client.HTTPConnection(*first, timeout=TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(*first, timeout=TIMEOUT, context=self._tls)
        if through:
            connection.set_tunnel(host, port)
        return connection


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    if not endpoint.url.startswith("https"):
        return None
    return ssl.create_default_context(cafile=endpoint.ca_bundle)
