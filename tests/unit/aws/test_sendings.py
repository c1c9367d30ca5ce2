"""Many requests on one thread: what becomes of one is known, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from fastsync.aws.budget import Budget, CostModel, PrivateCell
from fastsync.aws.connections import Reply
from fastsync.aws.failures import Fault
from fastsync.aws.network.pipeline import Numbered
from fastsync.aws.requests import MOST_IN_FLIGHT, Answer, Request, Sending, Sendings
from fastsync.aws.retries import Tries
from fastsync.errors import IncompleteError
from fastsync.model.settings import Retrying

BAD = 1
CHARGE = CostModel(Budget(PrivateCell())).charge_for(None)


class Server:
    """Answers each request with its own number; those in `failing` fail when they are sent on, after a first fault."""

    def __init__(self, failing: tuple[int, ...] = ()):
        self.connections = self
        self.served = {"PutItem"}
        self._failing = failing

    def sign(self, sending: Sending[int]) -> bytes:
        """Return the body."""
        return sending.request.body

    def send_on(self, sending: Sending[int], reply: Reply | Fault | None = None) -> Answer[int]:
        """Fail as nobody foresaw."""
        raise RuntimeError(f"a bug at {sending.request.body.decode()} after {reply}")

    def exchange_all(self, requests: Iterator[Numbered], most: int, _: Executor) -> Iterator[tuple[int, Reply | Fault]]:
        """Answer all requests."""
        assert most <= MOST_IN_FLIGHT
        for number, body in requests:
            yield number, Fault("lost") if number in self._failing else Reply(200, {}, body)


def send(count: int, server: Server) -> list[str]:
    """Send so many requests, and say what became of each; the answer of one cannot be taken."""

    def take(number: int, answer: Answer[int] | IncompleteError) -> str:
        if isinstance(answer, IncompleteError):
            return str(answer)
        if answer.value == BAD:
            raise KeyError("no such thing")
        return f"{answer.value} done"

    requests = [Request("PutItem", b"%d" % number, int, CHARGE) for number in range(count)]
    with ThreadPoolExecutor(4) as pool:
        sendings = [Sending(each, Tries(Retrying(0), CHARGE.budget)) for each in requests]
        return Sendings(server, sendings, pool, take).send_all()  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 1, 2, MOST_IN_FLIGHT, MOST_IN_FLIGHT + 1, 1000 * MOST_IN_FLIGHT])
def test_an_answer_that_cannot_be_taken(count: int) -> None:
    """Where nothing can be made of one answer, that write has failed, and all others count."""
    found = send(count, Server())
    assert found[BAD : BAD + 1] == ["an answer that nothing can be made of: KeyError: 'no such thing'"][: count > BAD]
    assert [each for number, each in enumerate(found) if number != BAD] == [
        f"{number} done" for number in range(count) if number != BAD
    ]


def test_a_bug_on_the_way() -> None:
    """Where a request fails in a way that nobody foresaw, it alone has failed."""
    found = send(5, Server(failing=(3,)))
    assert found[3].startswith("RuntimeError: a bug at 3 after")
    assert [found[number] for number in (0, 2, 4)] == ["0 done", "2 done", "4 done"]
