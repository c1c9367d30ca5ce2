"""Every key answered: look-ups by BatchGetItem in flight together, under a batch size that adapts.

The only owner of retries of unprocessed keys: they go back into the queue, the batch shrinks and the thread that got
them back waits. Rounds without any progress, in this thread or beside it, are bounded by `max_retries`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress

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
        self._client = client
        self._pool = pool
        self._size = BatchSize(limit)
        self._standstill = Standstill()

    @property
    def client(self) -> Client:
        """The table's client."""
        return self._client

    def read(self, keys: Iterable[Key], consistent: bool = False, keys_only: bool = False) -> Answers:
        """Start looking up keys (each once, in any number) and give the answers to come."""
        answers = Answers(deque(dict.fromkeys(keys)))
        requests = -(-len(answers.pending) // self._size.current)
        for _ in range(min(IN_FLIGHT, requests)):
            answers.threads.append(self._pool.submit(self._drain, answers, consistent, keys_only))
        return answers

    def _drain(self, answers: Answers, consistent: bool, keys_only: bool) -> None:
        left_over = barren = 0
        try:
            with self._standstill.thread():
                while chunk := self._take(answers.pending):
                    found, unprocessed = self._client.batch_get(chunk, consistent, keys_only)
                    answers.found.update(found)
                    answers.pending.extend(unprocessed)
                    self._size.adapt(len(unprocessed))
                    progress = len(unprocessed) < len(chunk)
                    self._standstill.note(progress)
                    if not unprocessed:
                        left_over = barren = 0
                        continue
                    left_over, barren = left_over + 1, 0 if progress else barren + 1
                    self._check(barren, unprocessed)
                    transport = self._client.transport
                    transport.sleep(backoff(left_over, transport.retrying.base))
        except BaseException:
            answers.pending.clear()
            raise

    def _take(self, pending: deque[Key]) -> Sequence[Key]:
        chunk: list[Key] = []
        with suppress(IndexError):  # other threads take from the same queue
            while len(chunk) < self._size.current:
                chunk.append(pending.popleft())
        return chunk

    def _check(self, barren: int, unprocessed: Sequence[Key]) -> None:
        """Raise KeysUnanswered where neither this thread nor those beside it get anything answered any more."""
        patience = self._client.transport.retrying.max_retries
        if barren > patience and self._standstill.lasts(patience):
            raise KeysUnanswered(
                f"{self._client.side}: BatchGetItem returned {len(unprocessed)} keys as unprocessed "
                f"{barren} times without any progress, the first of them {write(unprocessed[0]).decode()}; "
                "the table is throttled: run again with less --parallel, or when it is quieter"
            )


class Standstill:
    """Answers in a row that brought no key, over all threads that read one table."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._barren = 0

    @contextmanager
    def thread(self) -> Iterator[None]:
        """Count one more thread meanwhile."""
        with self._lock:
            self._threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1

    def note(self, progress: bool) -> None:
        """Take in one answer."""
        with self._lock:
            self._barren = 0 if progress else self._barren + 1

    def lasts(self, rounds: int) -> bool:
        """Say whether every thread together has had more than so many rounds in vain."""
        with self._lock:
            return self._barren > rounds * self._threads
