"""Send one signed request over an open connection, and retry it with full jitter.

Cost of one call with 100 items: about 0.3 ms of CPU, see perf/micro. The only owner of retries of single requests;
`retries` decides how many there are, and the pauses between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.signing import Signer
from fastsync.aws.budget import Budget, Charge, CostModel, PrivateCell
from fastsync.aws.connections import Connections, Reply
from fastsync.aws.failures import (
    CONDITION_FAILED,
    Fault,
    Throttled,
    clock_offset,
    describe_error,
    is_refusal,
    raise_if_retryable,
)
from fastsync.aws.network.target import make_target
from fastsync.aws.requests import Answer, Request, Sending, Sendings, decode_reply
from fastsync.aws.retries import Tries
from fastsync.errors import EXPIRED, IncompleteError, RequestFailed
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, TableRef

RENEWAL_LOOK, RENEWAL_LOOKS = 0.2, 100
"""Seconds between two checks for renewed credentials, and how many: a machine that slept wakes with expired ones."""

T = TypeVar("T")
U = TypeVar("U")


class _Renewed(Exception):
    """The request was signed with expired credentials, and new ones have arrived."""


class Transport:
    """Send requests for one table. Safe for threads: each request in flight has a connection of its own.

    `credentials` returns those that are valid now. `ask_renewal` is called with renewable ones that have expired before
    their time.
    """

    def __init__(
        self,
        ref: TableRef,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials],
        retrying: Retrying,
        sleep: Callable[[float], object] = time.sleep,
        *,
        ask_renewal: Callable[[Credentials], object] = lambda _: None,
    ):
        self.retrying = retrying
        self.sleep = sleep
        self._ref = ref
        target = make_target(endpoint.url)
        self._line = target.line
        self._signer = Signer(target, endpoint.signed_region or ref.region)
        self._credentials = credentials
        self._ask_renewal = ask_renewal
        self.connections = Connections(endpoint)
        self._free = CostModel(Budget(PrivateCell(), sleep=sleep)).charge_for(None)
        self.served: set[str] = set()
        self.throttles: list[float] = []
        self.retries: list[float] = []

    def post(
        self, operation: str, body: bytes, decode: Callable[[bytes], T], charge: Charge | None = None
    ) -> Answer[T]:
        """Send one request until it is answered; raise RequestFailed where it is rejected or the tries are used up.

        `decode` raises msgspec.DecodeError on an answer that cannot be true, which is then a fault like any other. Each
        try reserves the `charge`, and refunds it where the service has not served the request. The caller corrects it
        by the answer, and notes the answer on the budget.
        """
        return self.send(Request(operation, body, decode, charge or self._free))

    def send(self, request: Request[T]) -> Answer[T]:
        """Send one request as `post` does."""
        return self.send_on(self._begin(request))

    def post_all(
        self,
        requests: Sequence[Request[T]],
        pool: Executor,
        take: Callable[[int, Answer[T] | IncompleteError], U],
    ) -> list[U]:
        """Send requests as `post` does, `MOST_IN_FLIGHT` at a time; return what `take` makes of what became of each.

        `take` gets the number of a request with its answer, or with the error that it failed with, at once. Here first
        tries are sent and good answers read; all that may have to wait is left to threads of `pool`: further tries, and
        all requests where capacity units are limited. Once a request is refused as all others would be, none is sent.
        """
        return Sendings(self, [self._begin(request) for request in requests], pool, take).send_all()

    def close(self) -> None:
        """Close all open connections."""
        self.connections.close()

    def _begin(self, request: Request[T]) -> Sending[T]:
        return Sending(request, Tries(self.retrying, request.charge.budget))

    def send_on(self, sending: Sending[T], reply: Reply | Fault | None = None) -> Answer[T]:
        """Go on after a try and its reply, if there was one, until the request is answered."""
        while True:
            try:
                if reply is None:
                    sending.request.charge.reserve()
                    reply = self.connections.exchange(self.sign(sending))
                return self._read_reply(sending, reply)
            except (_Renewed, Throttled, Fault, IncompleteError) as failure:
                self._take_failure(sending, failure)
                reply = None

    def sign(self, sending: Sending[T]) -> bytes:
        """Return a request as it is sent."""
        operation, body = sending.request.operation, sending.request.body
        sending.credentials = self._credentials()
        headers = self._signer.sign(f"DynamoDB_20120810.{operation}", body, sending.credentials)
        return self.connections.make_request(self._line, body, headers)

    def _take_failure(self, sending: Sending[T], failure: _Renewed | Throttled | Fault | IncompleteError) -> None:
        """Count a try that has failed, and wait as long as is due; raise what the request has failed with for good."""
        if isinstance(failure, _Renewed):
            sending.renewals -= 1
            sending.request.charge.refund()
        elif isinstance(failure, IncompleteError):
            if not (isinstance(failure, RequestFailed) and failure.code == CONDITION_FAILED):
                sending.request.charge.refund()
            raise failure
        else:
            self._wait_after(sending.request.operation, failure, sending.tries, sending.request.charge)

    def _wait_after(self, operation: str, failure: Throttled | Fault, tries: Tries, charge: Charge) -> None:
        """Wait before the next try; where the whole table is throttled, every process of the run waits."""
        if isinstance(failure, Throttled):
            self.throttles.append(1)
        if isinstance(failure, Throttled) or failure.unsent:
            charge.refund()
        pause = tries.next_pause(failure)
        if pause is None:
            message = f"{self._ref}: {operation} failed {tries.failed_count} times, the last time with {failure}"
            raise RequestFailed(message, attempts=tries.failed_count)
        self.retries.append(1)
        if isinstance(failure, Throttled) and failure.widely:
            charge.budget.pause(pause)
        else:
            self.sleep(pause)

    def _read_reply(self, sending: Sending[T], reply: Reply | Fault) -> Answer[T]:
        """Return the decoded answer to one try; raise what the try has failed with."""
        attempts = sending.tries.failed_count + 1
        if isinstance(reply, Fault):
            raise reply
        if reply.status == 200:
            answer = decode_reply(sending, reply)
            self.served.add(sending.request.operation)
            return Answer(answer, attempts)
        credentials = sending.credentials
        code, message = raise_if_retryable(reply.status, reply.body, _retry_after(reply.headers), credentials.hide)
        if code in EXPIRED and sending.renewals > 0 and self._wait_for_renewal(credentials):
            raise _Renewed
        ahead = clock_offset(reply.headers.get(b"date", b"").decode(errors="replace"), time.time())
        rejection = describe_error(code or f"HTTP {reply.status}", message, ahead)
        text = f"{self._ref}: {sending.request.operation} was rejected with {rejection}"
        raise RequestFailed(text, code, refused=is_refusal(code), body=reply.body, attempts=attempts)

    def _wait_for_renewal(self, expired: Credentials) -> bool:
        """Return whether there are other credentials by now; ask for renewable ones, and wait for them."""
        if expired.renewable and self._credentials() == expired:
            self._ask_renewal(expired)
        if expired.renewable:
            for _ in range(RENEWAL_LOOKS):
                if self._credentials() != expired:
                    return True
                self.sleep(RENEWAL_LOOK)
        return self._credentials() != expired


def _retry_after(headers: Mapping[bytes, bytes]) -> float:
    """Return the seconds that the service asks to wait, 0 where it does not; the header is in milliseconds."""
    with suppress(ValueError):
        return int(headers.get(b"x-amz-retry-after", b"0")) / 1000
    return 0.0
