"""Every key answered: look-ups by BatchGetItem in flight together, under a batch size that adapts.

The only owner of retries of unprocessed keys: they go back into the queue, the batch shrinks and the thread that got
them back waits. Rounds without any progress, in this thread or beside it, are bounded by `max_retries`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.transport import backoff
from fastsync.errors import KeysUnanswered
from fastsync.keys import Key, write

IN_FLIGHT = 24
"""Look-ups of one table under way at once in a worker: at 40 ms a round trip that is 60,000 keys a second."""


class BatchSize:
    """The number of keys per request: halved when keys come back, grown by a tenth of the limit when none do."""

    def __init__(self, limit: int):
        self._limit = limit
        self._step = max(1, limit // 10)
        self.current = limit

    def adapt(self, unprocessed: int) -> None:
        """Learn from one answer how many keys came back unprocessed."""
        if unprocessed:
            self.current = max(1, self.current // 2)
        else:
            self.current = min(self._limit, self.current + self._step)


class Answers:
    """The answers to one set of keys, on their way."""

    def __init__(self, pending: deque[Key]):
        self.pending = pending
        self.found: dict[Key, Raw] = {}
        self.threads: list[Future[None]] = []

    def result(self) -> dict[Key, Raw]:
        """Wait until every key is answered; keys of items that do not exist are not in the result.

        Raises RequestFailed or KeysUnanswered.
        """
        for thread in self.threads:
            thread.result()
        return self.found


class BatchReader:
    """Look up keys of one table, `IN_FLIGHT` requests at a time, on threads of `pool`."""

    def __init__(self, client: Client, pool: Executor, limit: int):
        self.client = client
        self.size = BatchSize(limit)
        self._pool = pool
        self.answered = 0

    def read(self, keys: Iterable[Key], consistent: bool = False, keys_only: bool = False) -> Answers:
        """Start looking up keys (each once, in any number) and give the answers to come."""
        answers = Answers(deque(dict.fromkeys(keys)))
        requests = -(-len(answers.pending) // self.size.current)
        for _ in range(min(IN_FLIGHT, requests)):
            answers.threads.append(self._pool.submit(self._drain, answers, consistent, keys_only))
        return answers

    def _drain(self, answers: Answers, consistent: bool, keys_only: bool) -> None:
        try:
            patience = _Patience(self)
            while chunk := self._take(answers.pending):
                found, unprocessed = self.client.batch_get(chunk, consistent, keys_only)
                answers.found.update(found)
                answers.pending.extend(unprocessed)
                self.size.adapt(len(unprocessed))
                self.answered += len(chunk) - len(unprocessed)
                patience.after(unprocessed)
        except BaseException:
            answers.pending.clear()
            raise

    def _take(self, pending: deque[Key]) -> Sequence[Key]:
        chunk: list[Key] = []
        with suppress(IndexError):  # other threads take from the same queue
            while len(chunk) < self.size.current:
                chunk.append(pending.popleft())
        return chunk


class _Patience:
    """Wait longer with every answer that left keys over, and give up after too many without progress anywhere."""

    def __init__(self, reader: BatchReader):
        self._reader = reader
        self._seen = reader.answered
        self._left_over = 0
        self._stalled = 0

    def after(self, unprocessed: Sequence[Key]) -> None:
        """Sleep after an answer with keys left over; raise KeysUnanswered where nothing moves any more."""
        if not unprocessed:
            self._left_over = 0
            return
        transport, answered = self._reader.client.transport, self._reader.answered
        self._left_over += 1
        self._stalled = 0 if answered != self._seen else self._stalled + 1
        self._seen = answered
        if self._stalled > transport.retrying.max_retries:
            raise KeysUnanswered(
                f"{self._reader.client.side}: BatchGetItem returned {len(unprocessed)} keys as unprocessed "
                f"{self._stalled} times without any progress, the first of them {write(unprocessed[0]).decode()}; "
                "the table is throttled: run again with less --parallel, or when it is quieter"
            )
        transport.sleep(backoff(self._left_over, transport.retrying.base))
