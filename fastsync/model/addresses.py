"""Addresses of endpoints and proxies. They are never shown with a user and a password."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WORD = re.compile(r"\S+")
PROXY_PORTS = {"http": 80, "https": 443}
"""The port of a proxy whose address names none, by its scheme."""


class Proxy(NamedTuple):
    """The address of a proxy; `user` is user and password as they are sent, "name:password", None where it has none."""

    scheme: str
    host: str
    port: int
    user: str | None = None


def holds_user(address: str) -> bool:
    """Return whether a text holds a user or a password, even where it is no valid address."""
    return "@" in address


def hide_users(text: str) -> str:
    """Return a text in which no address holds a user or a password any more."""
    if "@" not in text:
        return text
    return _WORD.sub(lambda found: _hide_user(found[0]), text)


def _hide_user(word: str) -> str:
    """Return a word without the user and password before its last @, in time that grows with its length alone."""
    user, _, host = word.rpartition("@")
    before, scheme, _ = user.partition("://")
    if scheme:
        return f"{before}://{host}"
    if ":" in user:
        return host
    return word


def parse_proxy(address: str) -> Proxy:
    """Parse the address of a proxy; raise ValueError, with a message that does not repeat it, where it is malformed.

    Everything before the last @ is user and password, whatever characters they hold; %XX stands for any of them.
    """
    scheme, rest = _split_scheme(address)
    user, _, place = rest.rpartition("@")
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise ValueError("the address of the proxy is not of the form http://host:port")
    if scheme not in PROXY_PORTS:
        raise ValueError(f"a proxy is spoken to over http or https, not {scheme}")
    return Proxy(scheme, host, port or PROXY_PORTS[scheme], _decode_user(user))


def _split_scheme(address: str) -> tuple[str, str]:
    """Return an address's scheme, http where it names none, and what follows it. `//host:port` names none, either."""
    found = _SCHEME.match(address)
    if found is None:
        return "http", address.removeprefix("//")
    return found[1].lower(), address[found.end() :]


def _decode_user(user: str) -> str | None:
    if not user:
        return None
    name, _, password = user.partition(":")
    return f"{unquote(name)}:{unquote(password)}"


def check_address(flag: str, url: str | None) -> None:
    """Raise ConfigError where an address cannot be connected to, or holds a user or a password.

    The message does not repeat what may be a password.
    """
    if url is None:
        return
    if holds_user(url):
        raise ConfigError(f"{flag} takes an address without user and password: requests are signed instead")
    reason = _find_fault(url)
    if reason is not None:
        raise ConfigError(f"{flag} takes an address such as http://localhost:8000, {reason}")


def _find_fault(url: str) -> str | None:
    """Return what is wrong with an address, None where nothing is."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "and the one given has a port that is not a number from 1 to 65535, or a host that is none"
    if not right:
        return f"not {quote(url)}"
    return None
