"""Say on stderr that a run waits, where nothing has come of any table for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastsync.model.addresses import hide_users
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import AnyTerms, Terms
from fastsync.model.table import Side
from fastsync.output.log import Log

PATIENCE = 10.0
"""Seconds after which a person wants to know what a run waits for."""


class SilenceNotice:
    """Write a line once no page has come for `patience` seconds; another one only after the next page.

    Nothing is written where units a second are limited, since pages may take that long then. --recheck-delay is no
    silence.
    """

    def __init__(self, log: Log, patience: float = PATIENCE):
        self._log = log
        self._patience = patience
        self._ended = threading.Event()
        self._sides: tuple[Side, ...] = ()
        self._last = time.monotonic()
        self._told = False
        self._is_paused = False

    def begin(self, terms: AnyTerms) -> None:
        """Begin to look at the clock."""
        if any(side.pace.reads or side.pace.writes for side in terms.tables):
            return
        if isinstance(terms, Terms):
            self._patience += terms.judging.delay
        self._sides = terms.tables
        self._last = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def page(self, done: PageDone) -> None:
        """Note that a page has come."""
        self._last = time.monotonic()
        self._told = False

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time while somebody is asked."""
        self._is_paused = True
        try:
            yield
        finally:
            self._last = time.monotonic()
            self._is_paused = False

    def _watch(self) -> None:
        while not self._ended.wait(self._patience / 4):
            silent = time.monotonic() - self._last
            if silent >= self._patience and not self._told and not self._is_paused:
                self._told = True
                self._log.info(f"no page has come for {silent:.0f} s: waiting for an answer of {self._list_tables()}")

    def _list_tables(self) -> str:
        return " or ".join(f"{side} at {hide_users(side.endpoint.url)}" for side in self._sides)
