"""A stand-in for S3: objects in memory, listed page by page, read in ranges, with faults that a test asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.functional.stand_in import HERE, Handler, StandIn

PER_PAGE = 2
"""Keys and prefixes in one answer to a list request, so that every listing has several."""
Fault = Callable[["_Handler"], bool]
"""Answers a request in the place of the server, and returns whether it did."""


class FakeS3(StandIn):
    """S3 with one bucket. `requests` are those that came: method, path and query, and the Range that was asked for.

    `faults` strike one request after the other, those for a key only where it is asked for.
    """

    def __init__(self, objects: Mapping[str, bytes], bucket: str = "backups"):
        super().__init__(_Server(HERE, _Handler, self))
        self.objects = dict(objects)
        self.bucket = bucket
        self.requests: list[tuple[str, str, str | None]] = []
        self.faults: list[tuple[str, Fault]] = []

    def strike(self, what: str, *faults: Fault) -> None:
        """Have faults strike the next requests whose path and query hold a text."""
        self.faults += [(what, fault) for fault in faults]

    def ranges(self) -> list[str | None]:
        """Give what was asked for in downloads, in their order."""
        return [asked for _, path, asked in self.requests if "list-type" not in path]


def cut_after(size: int) -> Fault:
    """Send so many bytes of what was asked for, and end the connection."""

    def fault(handler: _Handler) -> bool:
        handler.send_object(size)
        handler.close_connection = True
        return True

    return fault


def reject(status: int, code: str, message: str = "no") -> Fault:
    """Answer with an error of S3."""

    def fault(handler: _Handler) -> bool:
        handler.reply_error(status, code, message)
        return True

    return fault


def do(action: Callable[[], object]) -> Fault:
    """Do something, and then answer as ever."""

    def fault(handler: _Handler) -> bool:
        action()
        return False

    return fault


def ignore_range(handler: _Handler) -> bool:
    """Send the whole object, whatever part was asked for."""
    del handler.headers["Range"]
    handler.send_object(None)
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[Handler], s3: FakeS3):
        super().__init__(address, handler)
        self.s3 = s3

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that close their connection: they have read enough."""


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        s3 = self.server.s3
        s3.requests.append(("GET", self.path, self.headers["Range"]))
        for place, (what, fault) in enumerate(s3.faults):
            if what in self.path:
                del s3.faults[place]
                if fault(self):
                    return
                break
        if unquote(urlsplit(self.path).path).split("/")[1] != s3.bucket:
            self.reply_error(404, "NoSuchBucket", "The specified bucket does not exist")
        elif "list-type=2" in self.path:
            self._list()
        else:
            self.send_object(None)

    def send_object(self, size: int | None) -> None:
        """Send an object, or the part of it that was asked for; with a size, only the first bytes of that."""
        content = self.server.s3.objects.get(unquote(urlsplit(self.path).path).partition("/")[2].partition("/")[2])
        if content is None:
            return self.reply_error(404, "NoSuchKey", "The specified key does not exist.")
        if self.headers["If-Match"] not in (None, _etag(content)):
            return self.reply_error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        part = content[start:]
        self.send_response(206 if self.headers["Range"] else 200)
        if self.headers["Range"]:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", _etag(content))
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[:size])
        return None

    def reply_error(self, status: int, code: str, message: str) -> None:
        """Send an error as S3 does."""
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        self.reply(status, body.encode(), Content_Type="application/xml")

    def _list(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        prefix, start = query.get("prefix", ""), query.get("continuation-token", "")
        found: dict[str, str] = {}
        for key, content in sorted(self.server.s3.objects.items()):
            name, slash, _ = key.removeprefix(prefix).partition("/")
            if not key.startswith(prefix):
                continue
            if slash:
                text = f"<CommonPrefixes><Prefix>{escape(prefix + name)}/</Prefix></CommonPrefixes>"
                found[f"{prefix}{name}/"] = text
            else:
                tag = escape(_etag(content))
                found[key] = (
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>{tag}</ETag></Contents>"
                )
        left = [(key, text) for key, text in sorted(found.items()) if key > start]
        page = left[:PER_PAGE]
        more = len(left) > PER_PAGE
        token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        body = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(text for _, text in page)}"
        self.reply(200, f"<ListBucketResult>{body}</ListBucketResult>".encode(), Content_Type="application/xml")


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'
