"""The answers to a look-up as they come in, and what was found for which key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec
from msgspec import Raw

from fastsync.aws.client import BatchAnswer
from fastsync.errors import RequestFailed
from fastsync.model.digest import digest_items
from fastsync.model.keys import Key, KeyReader
from fastsync.model.page import Page


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
