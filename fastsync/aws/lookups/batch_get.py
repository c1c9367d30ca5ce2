"""Look up keys by BatchGetItem, many requests in flight, until every key has an answer.

The only owner of retries of unprocessed keys: they go back into the queue, the batch shrinks, and the thread that got
them back waits. A look-up fails after `max_retries` rounds in which the table has answered no request of any process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from fastsync.aws.client import BatchAnswer, Client
from fastsync.aws.lookups.batch_size import BatchSize
from fastsync.aws.lookups.coming_answers import Answers
from fastsync.aws.lookups.in_flight import MOST, InFlightLimit
from fastsync.aws.retries import Standstill, draw_pause
from fastsync.errors import KeysUnanswered
from fastsync.model.keys import Key, encode_key
from fastsync.model.settings import MAX_BATCH_KEYS

IN_FLIGHT = MOST
"""Threads that one table may need at once."""


@dataclass
class _Rounds:
    """Rounds of one thread in a row that brought nothing, and those in which the table answered no request at all."""

    standstill: Standstill
    in_vain: int = 0


class BatchReader:
    """Look up keys of one table, many requests at a time, on threads of `pool`: at most IN_FLIGHT of them.

    Raises ValueError where `limit`, the keys of one request, is not from 1 to the service's 100.
    """

    def __init__(self, client: Client, pool: Executor, limit: int):
        if not 1 <= limit <= MAX_BATCH_KEYS:
            raise ValueError(f"a BatchGetItem takes 1 to {MAX_BATCH_KEYS} keys, not {limit}")
        self.client = client
        self._pool = pool
        self._size = BatchSize(limit)
        self._in_flight = InFlightLimit()
        self._lock = threading.Lock()
        self._queue: deque[Answers] = deque()
        self._employed = 0
        self._at_work = 0

    def look_up(
        self, keys: Iterable[Key], consistent: bool = False, keys_only: bool = False, checked: bool = False
    ) -> Answers:
        """Start looking up keys (each once, any number) and return the answers to come; consistent ones go first.

        The items of consistent answers, and of `checked` ones, are checked one by one as they arrive.
        """
        again = None
        if not (consistent or checked):
            again = partial(self.look_up, consistent=consistent, keys_only=keys_only, checked=True)
        answers = Answers(keys, self.client.keys, consistent=consistent, keys_only=keys_only, again=again)
        with self._lock:
            if consistent:
                self._queue.appendleft(answers)
            else:
                self._queue.append(answers)
            self._start_threads()
        return answers

    @property
    def is_hungry(self) -> bool:
        """Return whether more requests could be in flight than there are keys for."""
        with self._lock:
            return self._requests_waiting() < self._in_flight.limit

    def close(self) -> None:
        """Send no more requests; outstanding answers never arrive."""
        with self._lock:
            self._queue.clear()

    def _start_threads(self) -> None:
        """Have more threads of the pool work; they may start only later."""
        for _ in range(min(self._in_flight.limit - self._employed, self._requests_waiting())):
            self._employed += 1
            self._pool.submit(self._serve_queue)

    def _requests_waiting(self) -> int:
        size = self.client.keys_at_once(self._size.current, False)
        return -(-sum(answers.pending for answers in self._queue) // size)

    def _serve_queue(self) -> None:
        rounds = _Rounds(Standstill(self.client.reads))
        with self._lock:
            self._at_work += 1
        while (batch := self._take_batch()) is not None:
            answers, keys = batch
            try:
                self._request_batch(answers, keys, rounds)
            except BaseException as error:
                with self._lock:
                    answers.set_error(error)

    def _take_batch(self) -> tuple[Answers, Sequence[Key]] | None:
        """Return keys from the head of the queue; None where there are none, or where too many threads are at work."""
        with self._lock:
            while self._queue and not self._queue[0].pending:
                self._queue.popleft()
            if not self._queue or self._at_work > self._in_flight.limit:
                self._employed -= 1
                self._at_work -= 1
                return None
            answers = self._queue[0]
            keys = answers.take_keys(self.client.keys_at_once(self._size.current, answers.consistent))
            self._start_threads()
            return answers, keys

    def _request_batch(self, answers: Answers, keys: Sequence[Key], rounds: _Rounds) -> None:
        began = time.monotonic()
        answer = self.client.batch_get(keys, answers.consistent, answers.keys_only, answers.checked)
        seconds = time.monotonic() - began
        with self._lock:
            self._learn_from(len(keys), answer, seconds)
            answers.add_answer(len(keys), answer)
            if answers.pending and answers not in self._queue:
                self._queue.appendleft(answers)
        if not answer.unprocessed:
            rounds.in_vain = 0
            return
        if len(answer.unprocessed) < len(keys):
            rounds.in_vain = 0
        else:
            rounds.in_vain += 1
            self._check_progress(rounds.standstill.count(), answer.unprocessed)
        transport = self.client.transport
        transport.sleep(draw_pause(rounds.in_vain + 1, transport.retrying))

    def _learn_from(self, asked: int, answer: BatchAnswer, seconds: float) -> None:
        if answer.unprocessed:
            self._in_flight.on_throttle()
        elif 2 * asked >= self._size.current:  # a few keys are answered quickly whatever else is in flight
            self._in_flight.on_answer(seconds)
        self._size.adapt(len(answer.unprocessed), answer.size)

    def _check_progress(self, rounds: int, unprocessed: Sequence[Key]) -> None:
        """Raise KeysUnanswered after too many rounds in which the table answered no thread or process of the run."""
        if rounds > self.client.transport.retrying.max_retries:
            raise KeysUnanswered(
                f"{self.client.side}: BatchGetItem returned {len(unprocessed)} keys as unprocessed "
                f"{rounds} times without any progress, the first of them {encode_key(unprocessed[0]).decode()}; "
                "the table is throttled: run again with less --parallel, or when it is quieter"
            )
