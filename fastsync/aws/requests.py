"""Requests on their way: what one is, how often it was tried, and how many are sent on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import msgspec

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.budget import Charge
from fastsync.aws.connections import Connections, Reply
from fastsync.aws.failures import Fault
from fastsync.aws.network.pipeline import Numbered
from fastsync.aws.retries import Tries
from fastsync.errors import IncompleteError
from fastsync.model.wording import describe_exception

RENEWALS = 3
"""How often one request is sent again with other credentials, after those of the last try had expired."""
MOST_IN_FLIGHT = 64
"""Requests of one table that are in flight at once: of writes at 10 ms that is 6,400 a second."""
NOBODY = Credentials("", "")
"""What a request is signed with that was not sent yet."""

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A decoded answer, and how many tries it took."""

    value: T
    attempts: int


@dataclass(frozen=True)
class Request(Generic[T]):
    """One request: for `decode` and `charge` see Transport.post."""

    operation: str
    body: bytes
    decode: Callable[[bytes], T]
    charge: Charge


@dataclass
class Sending(Generic[T]):
    """A request on its way, and how often it was tried; `credentials` are those of the last try."""

    request: Request[T]
    tries: Tries
    renewals: int = RENEWALS
    credentials: Credentials = NOBODY


class Sender(Protocol):
    """What sends single requests: the transport of a table. `served` are operations that were answered once."""

    connections: Connections
    served: set[str]

    def sign(self, sending: Sending[T]) -> bytes:
        """Return a request as it is sent; raise IncompleteError where it cannot be signed."""

    def send_on(self, sending: Sending[T], reply: Reply | Fault | None = None) -> Answer[T]:
        """Go on after a try and its reply, if there was one, until the request is answered."""


class Sendings(Generic[T, U]):
    """The requests of one `post_all`: see there."""

    def __init__(
        self,
        transport: Sender,
        sendings: Sequence[Sending[T]],
        pool: Executor,
        take: Callable[[int, Answer[T] | IncompleteError], U],
    ):
        self._transport = transport
        self._sendings = sendings
        self._pool = pool
        self._take = take
        self._left = iter(enumerate(sendings))
        self._taken: dict[int, U] = {}
        self._refusal: IncompleteError | None = None

    def send_all(self) -> list[U]:
        """Send all requests, and return what was made of what became of each."""
        later: dict[int, Future[U]] = {}
        if self._sendings and self._sendings[0].request.operation not in self._transport.served:
            number, first = next(self._left)  # alone: where it is refused, all others would be
            self._taken[number] = self._send_later(number, partial(self._transport.send_on, first))
        if not any(sending.request.charge.budget.rate for sending in self._sendings):
            most = min(len(self._sendings), MOST_IN_FLIGHT)
            for number, reply in self._transport.connections.exchange_all(self._sign_all(), most, self._pool):
                sending = self._sendings[number]
                answer = _read_success(sending, reply)
                if answer is None:
                    later[number] = self._submit(number, partial(self._transport.send_on, sending, reply))
                else:
                    self._taken[number] = self._take_safely(number, answer)
        for number, sending in self._left:
            later[number] = self._submit(number, partial(self._send_unless_refused, sending))
        self._taken.update((number, coming.result()) for number, coming in later.items())
        return [self._taken[number] for number in range(len(self._sendings))]

    def _sign_all(self) -> Iterator[Numbered]:
        """Yield requests ready to be sent, and take note of those that cannot be."""
        for number, sending in self._left:
            sending.request.charge.reserve()
            try:
                signed = self._sign_unless_refused(sending)
            except IncompleteError as error:
                self._taken[number] = self._take_safely(number, error)
            else:
                yield number, signed

    def _sign_unless_refused(self, sending: Sending[T]) -> bytes:
        if self._refusal is not None:
            raise self._refusal
        return self._transport.sign(sending)

    def _submit(self, number: int, send: Callable[[], Answer[T]]) -> Future[U]:
        return self._pool.submit(self._send_later, number, send)

    def _send_later(self, number: int, send: Callable[[], Answer[T]]) -> U:
        answer: Answer[T] | IncompleteError
        try:
            answer = send()
        except IncompleteError as error:
            answer = error
        except Exception as error:
            answer = IncompleteError(describe_exception(error))
        if isinstance(answer, IncompleteError) and answer.refused:
            self._refusal = answer
        return self._take_safely(number, answer)

    def _take_safely(self, number: int, answer: Answer[T] | IncompleteError) -> U:
        """Return what is made of an answer; where that fails, its request has failed, and all others count."""
        try:
            return self._take(number, answer)
        except Exception as error:
            failure = f"an answer that nothing can be made of: {describe_exception(error)}"
            return self._take(number, IncompleteError(failure))

    def _send_unless_refused(self, sending: Sending[T]) -> Answer[T]:
        if self._refusal is not None:
            raise self._refusal
        return self._transport.send_on(sending)


def _read_success(sending: Sending[T], reply: Reply | Fault) -> Answer[T] | None:
    """Return the decoded answer to a first try, None where it is anything but a good one."""
    if not isinstance(reply, Fault) and reply.status == 200:
        with suppress(Fault):
            return Answer(decode_reply(sending, reply), 1)
    return None


def decode_reply(sending: Sending[T], reply: Reply) -> T:
    """Return the answer of a reply with status 200; raise Fault where it cannot be true."""
    try:
        return sending.request.decode(reply.body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Fault(f"an answer that cannot be true: {error}") from None
