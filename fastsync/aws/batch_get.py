"""Look up keys by BatchGetItem, many requests in flight, until every key has an answer.

The only owner of retries of unprocessed keys: they go back into the queue, the batch shrinks, and the thread that got
them back waits. A look-up fails after `max_retries` rounds in which the table has answered no request of any process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec import Raw

from fastsync.aws.client import BatchAnswer, Client
from fastsync.aws.in_flight import MOST, InFlightLimit
from fastsync.aws.retries import Standstill, draw_pause
from fastsync.errors import KeysUnanswered, RequestFailed
from fastsync.model.digest import digest_items
from fastsync.model.keys import Key, KeyReader, encode_key
from fastsync.model.page import Page
from fastsync.model.settings import MAX_BATCH_KEYS

FEWEST = 10
"""Keys in a request below which only large answers make it smaller."""
LARGE = 1 << 19
"""Bytes of an answer that may have been cut for its size. The service ends one at 16 MB, or at 1 MB from one partition
(API reference, BatchGetItem); the item that was left out may have had 400 KB."""
IN_FLIGHT = MOST
"""Threads that one table may need at once."""


class BatchSize:
    """The number of keys per request: halved when keys come back, grown by a tenth of the limit when none do.

    It is not halved below `FEWEST`, since smaller requests do not help a throttled table, unless answers are so large
    that they hold fewer items.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._step = max(1, limit // 10)
        self.current = limit

    def adapt(self, unprocessed: int, answer_bytes: int = 0) -> None:
        """Adapt to one answer: to its number of unprocessed keys, and to its size in bytes."""
        if not unprocessed:
            self.current = min(self._limit, self.current + self._step)
            return
        fewest = FEWEST
        if answer_bytes >= LARGE:
            fewest = 1
        if self.current > fewest:
            self.current = max(fewest, self.current // 2)


class Answers:
    """The answers to one set of keys, as they arrive.

    All but `wait_by_key`, `wait_for_partners` and `arrived` is for the reader, under its lock. `again` looks the keys
    up once more, with each answer checked item by item; None where this is done already.
    """

    def __init__(
        self,
        keys: Iterable[Key],
        reader: KeyReader,
        consistent: bool,
        keys_only: bool,
        again: Callable[[Sequence[Key]], Answers] | None = None,
    ):
        self.consistent = consistent
        self.keys_only = keys_only
        self.checked = again is None
        self._again = again
        self._wanted = dict.fromkeys(keys)
        self._keys = list(self._wanted)
        self._asked = 0
        self._reader = reader
        self._found: list[Raw] = []
        self._known: dict[Key, Raw] = {}
        self._unanswered = len(self._keys)
        self._error: BaseException | None = None
        self._done = threading.Event()
        if not self._keys:
            self._done.set()

    def wait_by_key(self) -> dict[Key, Raw]:
        """Wait until every key is answered; keys of items that do not exist are not in the result.

        Raises RequestFailed or KeysUnanswered.
        """
        found = self._wait()
        if len(self._known) == len(found):  # every answer was checked, each against its own question
            return self._known
        by_key = self._by_key(found)
        if by_key is None:
            return self._once_more()
        return by_key

    def wait_for_partners(self, page: Page) -> list[Raw | None]:
        """Wait as `wait_by_key` does; return what was found for each item of the page whose keys were looked up.

        Where the bytes of both agree their keys are not read, which would cost as much as finding both items.
        """
        found = self._wait()
        theirs = dict(zip(digest_items(found), found, strict=True))
        partners = list(map(theirs.get, page.fingerprints))
        others = self._by_key([theirs[each] for each in theirs.keys() - page.fingerprints])
        used = 0
        if others:
            for place in [place for place, partner in enumerate(partners) if partner is None]:
                partners[place] = others.get(page.key_at(place))
                used += partners[place] is not None
        # two items have one key: both in the same bytes, in different ones, or one of them in the bytes of the page
        if others is None or used < len(others) or len(theirs) < len(found):
            by_key = self._once_more()
            return [by_key.get(key) for key in page.keys]
        return partners

    def _wait(self) -> Sequence[Raw]:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._found

    def _by_key(self, items: Collection[Raw]) -> dict[Key, Raw] | None:
        """Return items by key; None where a key is missing, was not asked for, or comes twice."""
        try:
            found = dict(zip(self._reader.read_keys(items), items, strict=True))
        except msgspec.DecodeError:
            return None
        if len(found) < len(items) or not found.keys() <= self._wanted.keys():
            return None
        return found

    def _once_more(self) -> dict[Key, Raw]:
        """Look the keys up once more, with every answer checked: items that nobody asked for would pass for extras."""
        if self._again is None:
            raise RequestFailed(f"{self._reader.whose}: BatchGetItem answered with items that were not asked for")
        return self._again(list(self._wanted)).wait_by_key()

    @property
    def arrived(self) -> bool:
        """Return whether all answers are there, so that nobody has to wait."""
        return self._done.is_set()

    @property
    def pending(self) -> int:
        """How many keys are still to be asked for."""
        return len(self._keys) - self._asked

    def take_keys(self, most: int) -> Sequence[Key]:
        """Return the next keys to ask for, `most` at most."""
        taken = self._keys[self._asked : self._asked + most]
        self._asked += len(taken)
        return taken

    def add_answer(self, asked: int, answer: BatchAnswer) -> None:
        """Take in the answer to a request for `asked` keys."""
        self._found += answer.items
        self._known.update(answer.by_key or {})
        if self._error is None:
            self._keys.extend(answer.unprocessed)
            self._unanswered -= asked - len(answer.unprocessed)
            if not self._unanswered:
                self._done.set()

    def set_error(self, error: BaseException) -> None:
        """Fail with the error of a request that failed for good."""
        self._error = self._error or error
        self._asked = len(self._keys)
        self._done.set()


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
