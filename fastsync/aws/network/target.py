"""What of an address is signed and sent: as botocore signs it, and as urllib3 sends it for botocore.

A server computes the signature from what it receives, so both have to be as they are there.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

PORTS = {"http": 80, "https": 443}
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
IN_PATH = "/-._~!$&'()*+,;=:@"
"""Characters that stay as they are in a path besides letters and digits (RFC 3986, 3.3)."""
IN_QUERY = f"{IN_PATH}?"


class Target(NamedTuple):
    """An address in the forms that a request needs.

    `host` is the host header; `line` is path and query in the request line; `path` and `query` are what is signed.
    """

    host: str
    line: str
    path: str
    query: str


def make_target(url: str) -> Target:
    """Return what of an address is signed and sent."""
    parts = urlsplit(url)
    line = _encode(parts.path or "/", IN_PATH)
    if parts.query:
        line += f"?{_encode(parts.query, IN_QUERY)}"
    return Target(_host_header(url), line, quote(_resolve_path(parts.path), safe="/~"), _sort_query(parts.query))


def _host_header(url: str) -> str:
    """Return host and port in small letters, without the port that belongs to the scheme."""
    parts = urlsplit(url)
    host = bracket_host(str(parts.hostname))
    if parts.port in (None, PORTS[parts.scheme]):
        return host
    return f"{host}:{parts.port}"


def bracket_host(host: str) -> str:
    """Return a host as it is written before a port: an address of IPv6 in brackets."""
    if ":" in host:
        return f"[{host}]"
    return host


def _encode(text: str, allowed: str) -> str:
    """Return a text with %XX for what is not allowed; where all its % are parts of %XX already, they stay."""
    text = _ESCAPED.sub(lambda found: found[0].upper(), text)
    if len(_ESCAPED.findall(text)) == text.count("%"):
        allowed += "%"
    return quote(text, safe=allowed)


def _resolve_path(path: str) -> str:
    """Return a path without `.`, `..` and empty parts."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    resolved = f"/{'/'.join(parts)}"
    if parts and path.endswith("/"):
        return f"{resolved}/"
    return resolved


def _sort_query(query: str) -> str:
    """Return a query with its pairs in order, each with its `=`."""
    if not query:
        return ""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))
