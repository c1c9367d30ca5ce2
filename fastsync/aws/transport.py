"""Send one signed request over an open connection, and retry it with full jitter.

Cost of one call with 100 items: about 0.3 ms of CPU, see perf/micro. The only owner of retries of single requests;
`retries` decides how many there are, and the pauses between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.signing import Signer
from fastsync.aws.budget import Budget, Charge, CostModel, PrivateCell
from fastsync.aws.connections import Connections
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
from fastsync.aws.retries import Tries
from fastsync.errors import EXPIRED, IncompleteError, RequestFailed
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, TableRef

RENEWAL_LOOK, RENEWAL_LOOKS = 0.2, 100
"""Seconds between two checks for renewed credentials, and how many: a machine that slept wakes with expired ones."""

RENEWALS = 3
"""How often one request is sent again with other credentials, after those of the last try had expired."""

T = TypeVar("T")


class _Renewed(Exception):
    """The request was signed with expired credentials, and new ones have arrived."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A decoded answer, and how many tries it took."""

    value: T
    attempts: int


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
        self._connections = Connections(endpoint)
        self._free = CostModel(Budget(PrivateCell(), sleep=sleep)).charge_for(None)
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
        charge = charge or self._free
        tries = Tries(self.retrying, charge.budget)
        renewals = RENEWALS
        while True:
            charge.reserve()
            try:
                return Answer(
                    self._try_once(operation, body, decode, tries.failed_count + 1, renewals > 0),
                    tries.failed_count + 1,
                )
            except _Renewed:
                renewals -= 1
                charge.refund()
            except (Throttled, Fault) as failure:
                self._wait_after(operation, failure, tries, charge)
            except IncompleteError as error:
                if not (isinstance(error, RequestFailed) and error.code == CONDITION_FAILED):
                    charge.refund()
                raise

    def close(self) -> None:
        """Close all open connections."""
        self._connections.close()

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

    def _try_once(self, operation: str, body: bytes, decode: Callable[[bytes], T], attempts: int, may_renew: bool) -> T:
        credentials = self._credentials()
        headers = self._signer.sign(f"DynamoDB_20120810.{operation}", body, credentials)
        reply = self._connections.post(self._line, body, headers)
        if reply.status == 200:
            try:
                return decode(reply.body)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise Fault(f"an answer that cannot be true: {error}") from None
        code, message = raise_if_retryable(reply.status, reply.body, _retry_after(reply.headers), credentials.hide)
        if code in EXPIRED and may_renew and self._wait_for_renewal(credentials):
            raise _Renewed
        ahead = clock_offset(reply.headers.get(b"date", b"").decode(errors="replace"), time.time())
        rejection = describe_error(code or f"HTTP {reply.status}", message, ahead)
        text = f"{self._ref}: {operation} was rejected with {rejection}"
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
