"""Credentials: the parent owns the refreshable sources; workers use what the parent last sent them.

Credentials that end are renewed on a thread beside the run, ten minutes before: nothing waits for the renewal, and
nothing is ever signed with what has expired.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import quote, quote_plus

from fastsync.errors import CredentialsEnded

RENEW_BEFORE = 600.0
"""Seconds before their end from which on credentials are renewed; botocore too insists on it from there on."""
END_BEFORE = 60.0
"""Seconds before their end at which a run stops whose credentials cannot be renewed: time to finish pages at hand."""
SHORTEST_SECRET = 16
"""Characters; the secret keys of the service have 40."""
TRY_EVERY = 15.0
"""Seconds between two attempts to renew credentials."""


@dataclass(frozen=True)
class Credentials:
    """One set of keys; neither secret nor token is ever shown. `renewable`: others are to follow in time.

    `number` counts how often those of the account have been renewed.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    renewable: bool = False
    number: int = 0

    def hide(self, text: str) -> str:
        """Return a text without the secrets: a refused signature is answered with the headers that were signed."""
        return hide_secrets(text, self.secret_key, self.token)


def hide_secrets(text: str, *secrets: str | None) -> str:
    """Return a text in which *** stands for every secret, in each spelling that JSON and URLs have for it.

    Short ones stay: those of real accounts are long, and one letter, as is usual with local servers, is everywhere.
    """
    for secret in secrets:
        if secret is not None and len(secret) >= SHORTEST_SECRET:
            spelled = json.dumps(secret)[1:-1]
            for form in (secret, spelled, spelled.replace("/", "\\/"), quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, "***")
    return text


class Source(Protocol):
    """Where credentials come from; `sources.py` has those of botocore."""

    def fetch(self) -> Credentials:
        """Return credentials, new ones where the old ones are about to end; raise TableError."""

    def renew(self) -> Credentials:
        """Give other credentials, though the old ones may not seem to be about to end; raise TableError."""

    def ends_within(self, seconds: float) -> bool:
        """Return whether what was last fetched ends within so many seconds."""


class Account:
    """The credentials of one login as they are valid now. Safe for threads once the first ones were fetched.

    `renewing` is held while credentials are renewed, so that those who share it do so one after the other.
    """

    def __init__(
        self, name: str, source: Source, renewing: threading.Lock, clock: Callable[[], float] = time.monotonic
    ):
        self._name = name
        self._source = source
        self._renewing = renewing
        self._clock = clock
        self._held: Credentials | None = None
        self._next_try = 0.0
        self._reason: str | None = None
        self._expired: int | None = None

    @property
    def held(self) -> Credentials:
        """The credentials that were fetched last; the first ones are waited for. Raises TableError."""
        if self._held is None:
            self._held = self._source.fetch()
        return self._held

    def renew_if_due(self) -> Credentials:
        """Return credentials that are valid now, and see to it that they are renewed in time.

        Raises TableError where there are none, and CredentialsEnded where they are about to end for good.
        """
        held = self.held
        expired = self._expired == held.number
        if expired or self._source.ends_within(RENEW_BEFORE):
            if self._clock() >= self._next_try and self._renewing.acquire(blocking=False):
                self._next_try = self._clock() + TRY_EVERY
                threading.Thread(target=self._fetch_again, args=(held, expired), daemon=True).start()
            if self._reason is not None and (expired or self._source.ends_within(END_BEFORE)):
                raise CredentialsEnded(f"the credentials of {self._name} end, and there are no others: {self._reason}")
        return held

    def expire(self, number: int) -> None:
        """Have credentials renewed at once that the service calls expired, unless that was done meanwhile."""
        if self._held is not None and number == self._held.number and self._expired != number:
            self._expired, self._reason, self._next_try = number, None, 0.0

    def _fetch_again(self, held: Credentials, expired: bool) -> None:
        try:
            found = self._source.renew() if expired else self._source.fetch()
            renewed = replace(found, number=held.number) != held
            if renewed:
                self._held = replace(found, number=held.number + 1)
            extended = renewed if expired else not self._source.ends_within(RENEW_BEFORE)
            self._reason = None if extended else "they were not extended"
        except Exception as error:  # also a bug's: it must not print from a thread, and the run has to know
            self._reason = str(error)
        finally:
            self._renewing.release()
