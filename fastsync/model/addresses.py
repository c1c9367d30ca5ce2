"""Addresses: of endpoints and proxies, and how they are shown: never with a user and a password."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WORD = re.compile(r"\S+")


class Proxy(NamedTuple):
    """The address of a proxy; `user` is user and password as they are sent, None where there are none."""

    scheme: str
    host: str
    port: int
    user: str | None = None


def holds_user(address: str) -> bool:
    """Return whether an address holds a user or a password, be it otherwise right or not."""
    return "@" in address


def hide_users(text: str) -> str:
    """Return a text in which no address holds a user or a password any more."""
    return _WORD.sub(lambda found: _hide_user(found[0]), text) if "@" in text else text


def _hide_user(word: str) -> str:
    """Return a word without the user and password before its last @; it takes time in proportion to its length."""
    user, _, place = word.rpartition("@")
    before, scheme, _ = user.partition("://")
    if scheme:
        return f"{before}://{place}"
    return place if ":" in user else word


def parse_proxy(address: str) -> Proxy:
    """Read the address of a proxy; raise ValueError, in a sentence that does not repeat it, where it is none.

    Everything before the last @ is user and password, whatever characters they hold; %XX stands for any of them.
    """
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() :] if scheme else address
    user, _, place = rest.rpartition("@")
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise ValueError("the address of the proxy is not of the form http://host:port")
    name, separator, password = user.partition(":")
    secret = f"{unquote(name)}{separator or ':'}{unquote(password)}" if user else None
    return Proxy(scheme[0][:-3].lower() if scheme else "http", host, port or 80, secret)


def check_address(flag: str, url: str | None) -> None:
    """Raise ConfigError where what was given is no address that can be connected to, or holds a user or a password.

    What may be a password is not repeated.
    """
    if url is None:
        return
    if holds_user(url):
        raise ConfigError(f"{flag} takes an address without user and password: requests are signed instead")
    if (reason := _not_an_address(url)) is not None:
        raise ConfigError(f"{flag} takes an address such as http://localhost:8000, {reason}")


def _not_an_address(url: str) -> str | None:
    """Return what is wrong with an address, None where nothing is."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "and the one given has a port that is not a number from 1 to 65535, or a host that is none"
    return None if right else f"not {quote(url)}"
