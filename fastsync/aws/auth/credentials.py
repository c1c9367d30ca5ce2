"""Credentials: the parent owns their sources; workers use those that the parent last sent them.

Credentials that end are renewed ten minutes earlier, on a thread beside the run: nothing waits for the renewal, and
nothing is ever signed with expired ones.
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
"""Seconds before their end at which credentials are renewed; botocore, too, insists on it from then on."""
END_BEFORE = 60.0
"""Seconds before the end of credentials at which a run stops that cannot renew them: time to finish open pages."""
SHORTEST_SECRET = 16
"""Characters; the secret keys of the service have 40."""
TRY_EVERY = 15.0
"""Seconds between two attempts to renew credentials."""


@dataclass(frozen=True)
class Credentials:
    """One set of keys; neither secret nor token is ever shown. `renewable`: others will follow in time.

    `number` counts how often the account's credentials have been renewed. `account` is the number of the AWS account
    where that is known.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    renewable: bool = False
    number: int = 0
    account: str | None = None

    def hide(self, text: str) -> str:
        """Return a text without the secrets: the answer to a wrong signature repeats the signed headers."""
        return hide_secrets(text, self.secret_key, self.token)


def hide_secrets(text: str, *secrets: str | None) -> str:
    """Return a text in which *** stands for every secret, however JSON and URLs escape it.

    Short secrets stay: those of real accounts are long, and a single letter, as local servers take it, is everywhere.
    """
    for secret in secrets:
        if secret is None or len(secret) < SHORTEST_SECRET:
            continue
        in_json = json.dumps(secret)[1:-1]
        for form in (secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***")
    return text


def find_key_fault(access_key: object, secret_key: object, token: object) -> str | None:
    """Return why keys cannot be used to sign requests, without repeating them; None where they can.

    Line breaks come from files with line ends of another system, other control characters from damaged ones.
    """
    parts = {"access key": access_key, "secret key": secret_key, "session token": token}
    for what, value in parts.items():
        if token is None and what == "session token":
            continue
        fault = _find_text_fault(value, is_token=what == "session token")
        if fault is not None:
            return f"the {what} {fault}"
    return None


def _find_text_fault(value: object, is_token: bool) -> str | None:
    """Return what is wrong with one part of the keys.

    A token is sent in a header of its own, where a tab is lawful (RFC 9110, 5.5); it may be empty.
    """
    if not isinstance(value, str):
        return "is no text"
    if not value and not is_token:
        return "is empty"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds bytes that are no UTF-8"
    if "\n" in value or "\r" in value:
        return "holds a line break"
    if any(_is_control(character) and not (is_token and character == "\t") for character in value):
        return "holds a control character"
    return None


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


class Source(Protocol):
    """Where credentials come from; `sources.BotocoreSource` is one."""

    def fetch(self) -> Credentials:
        """Return credentials, new ones where the old ones are about to end; raise TableError."""

    def renew(self) -> Credentials:
        """Return other credentials, even where the old ones seem to be valid; raise TableError."""

    def ends_within(self, seconds: float) -> bool:
        """Return whether the credentials that were fetched last end within so many seconds."""


class Account:
    """The credentials of one login as they are valid now. Safe for threads once the first ones were fetched.

    `renewing` is locked while credentials are renewed, so that accounts that share it are renewed one after the other.
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
        """The credentials that were fetched last; the first access fetches them. Raises TableError."""
        if self._held is None:
            self._held = self._source.fetch()
        return self._held

    def renew_if_due(self) -> Credentials:
        """Return credentials that are valid now, and start their renewal where it is due.

        Raises TableError where there are none, and CredentialsEnded where they are about to end for good.
        """
        held = self.held
        expired = self._expired == held.number
        if not expired and not self._source.ends_within(RENEW_BEFORE):
            return held
        if self._clock() >= self._next_try and self._renewing.acquire(blocking=False):
            self._next_try = self._clock() + TRY_EVERY
            threading.Thread(target=self._fetch_again, args=(held, expired), daemon=True).start()
        if self._reason is not None and (expired or self._source.ends_within(END_BEFORE)):
            raise CredentialsEnded(f"the credentials of {self._name} end, and there are no others: {self._reason}")
        return held

    def expire(self, number: int) -> None:
        """Renew the credentials of this number at once, where they are still in use; the service calls them expired."""
        if self._held is not None and number == self._held.number and self._expired != number:
            self._expired, self._reason, self._next_try = number, None, 0.0

    def _fetch_again(self, held: Credentials, expired: bool) -> None:
        try:
            if expired:
                extended = self._take(held, self._source.renew())
            else:
                self._take(held, self._source.fetch())
                extended = not self._source.ends_within(RENEW_BEFORE)
            self._reason = None
            if not extended:
                self._reason = "they were not extended"
        except Exception as error:  # also that of a bug: a thread must not print it, and the run has to know
            self._reason = str(error)
        finally:
            self._renewing.release()

    def _take(self, held: Credentials, found: Credentials) -> bool:
        """Use credentials from here on where they differ from those that are held; return whether they do."""
        if replace(found, number=held.number) == held:
            return False
        self._held = replace(found, number=held.number + 1)
        return True
