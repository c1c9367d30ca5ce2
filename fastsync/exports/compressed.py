"""Data files as text: gzip is recognised by its first bytes, everything else is taken as it is."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator

from fastsync.errors import ExportDamaged

GZIP = b"\x1f\x8b"
"""The first bytes of every gzip file (RFC 1952). No line of JSON begins like this."""
BLOCK = 1 << 18
"""Bytes that are decompressed at once: few enough to stay in the processor's cache until all is done with them."""
_GZIP_FORM = 31
"""What zlib calls a gzip header with the largest window."""


def expand(chunks: Iterable[bytes], name: str) -> Generator[bytes, None, None]:
    """Yield the text of a file in blocks of up to a quarter of a megabyte. A file without any bytes has no text.

    Raises ExportDamaged where gzip data is broken or cut short, and where a name that ends in `.gz` promised gzip.
    """
    rest = iter(chunks)
    start = b""
    for chunk in rest:
        start += chunk
        if len(start) >= len(GZIP):
            break
    if start.startswith(GZIP):
        yield from _decompress(start, rest, name)
        return
    if start and name.endswith(".gz"):
        raise ExportDamaged(f"{name} is damaged: it is no gzip file")
    if start:
        yield start
    yield from rest


def _decompress(start: bytes, rest: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the text of gzip data, which may be several gzip files in a row."""
    data = start
    while data:
        member = zlib.decompressobj(_GZIP_FORM)
        while not member.eof:
            try:
                text = member.decompress(data, BLOCK)
            except zlib.error as error:
                raise ExportDamaged(f"{name} is damaged: its gzip data is broken ({_explain(error)})") from None
            if text:
                yield text
            data = member.unconsumed_tail
            if not data and not member.eof:
                data = next(rest, b"")
                if not data and not text:
                    raise ExportDamaged(f"{name} is cut short: it ends in the middle of its gzip data")
        data = member.unused_data or next(rest, b"")


def _explain(error: zlib.error) -> str:
    """Return what zlib says, without its number and the function that said it."""
    return str(error).rpartition(": ")[2]
