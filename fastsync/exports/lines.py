"""Lines of a data file: each is one JSON object, `{"Item": …}`, and is checked without being taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from operator import attrgetter

import msgspec
from msgspec import Raw

from fastsync.errors import ExportDamaged
from fastsync.model.wording import quote

LONGEST_LINE = 1 << 23
"""Bytes; the JSON of an item of 400 KB has less than 4 MB, even where it is full of empty strings in lists."""
_START, _BETWEEN, _END = b'{"Item":{', b'}}\n{"Item":{', b"}}\n"
_AROUND = len(b'{"Item":') + len(b"}\n")
"""Bytes of a line that are not its item's, as the service writes it."""
_BEFORE = re.compile(rb'\{[ \t\r]*"Item"[ \t\r]*:[ \t\r]*')
SPACE = b" \t\r"
"""What JSON takes for nothing, besides the end of a line."""
INCREMENTAL = frozenset({"Metadata", "Keys", "NewImage", "OldImage"})
"""Names in a line of an incremental export."""


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line of a data file."""

    Item: Raw


_decoder = msgspec.json.Decoder(Line)
_decode_names = msgspec.json.Decoder(dict[str, Raw]).decode
_item_of = attrgetter("Item")


def read_lines(blocks: Iterable[bytes], name: str) -> Iterator[tuple[int, list[Raw]]]:
    """Yield the items of a text that comes in blocks, in batches: the number of the first line, and the items.

    The lines of a batch follow each other. Empty lines are passed over. Raises ExportDamaged with file and line.
    """
    number = 1
    for text in _cut_at_lines(blocks):
        items = _decode_exact(text)
        if items is not None:
            yield number, items
            number += len(items)
            continue
        yield from _decode_each(text, number, name)
        number += text.count(b"\n")


def _cut_at_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text in parts that are whole lines; only the end of the text may lack its line end.

    A line that is too long is yielded as far as it is known, and is the last one.
    """
    open_line: list[bytes] = []
    length = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join((*open_line, block[:end]))
            open_line, length = [], 0
        open_line.append(block[end:])
        length += len(block) - end
        if length > LONGEST_LINE:
            break
    rest = b"".join(open_line)
    if rest:
        yield rest


def _decode_exact(text: bytes) -> list[Raw] | None:
    """Return the items of lines that are written as the service writes them; None where any line is not.

    All checks together are exact: as many lines as items, and nothing between and around the items but what has to be.
    """
    try:
        items = list(map(_item_of, _decoder.decode_lines(text)))
        _check_unicode(text)
    except (ValueError, RecursionError):
        return None
    exact = (
        text.startswith(_START)
        and text.endswith(_END)
        and text.count(_BETWEEN) == len(items) - 1
        and sum(map(len, items)) + _AROUND * len(items) == len(text)
    )
    return items if exact else None


def _decode_each(text: bytes, first: int, name: str) -> Iterator[tuple[int, list[Raw]]]:
    """Yield the items of lines that are written in any way; then raise ExportDamaged for the first that is damaged."""
    items: list[Raw] = []
    number = first
    for line in text.split(b"\n"):
        if len(line) > LONGEST_LINE or line.strip(SPACE):
            try:
                items.append(_decode_line(line, number, name))
            except ExportDamaged:
                if items:
                    yield number - len(items), items
                raise
        elif items:
            yield number - len(items), items
            items = []
        number += 1
    if items:
        yield number - len(items), items


def _decode_line(line: bytes, number: int, name: str) -> Raw:
    """Return the item of a line that is not empty; raise ExportDamaged where it is anything but an item."""
    where = f"{name}, line {number:,}"
    if len(line) > LONGEST_LINE:
        raise ExportDamaged(f"{where} is longer than any item can be")
    try:
        _check_unicode(line)
        parts = _decode_names(line)
    except msgspec.ValidationError as error:
        raise ExportDamaged(f'{where} is no object of the form {{"Item": …}}: {error}') from None
    except (ValueError, RecursionError) as error:
        raise ExportDamaged(f"{where} is not whole: {error}") from None
    fault = _find_fault(line, parts)
    if fault is not None:
        raise ExportDamaged(f"{where} {fault}")
    return parts["Item"]


def _find_fault(line: bytes, parts: dict[str, Raw]) -> str | None:
    """Return what is wrong with an object that should hold an item and nothing else."""
    others = sorted(parts.keys() - {"Item"})
    if "Item" not in parts:
        if INCREMENTAL & parts.keys():
            return "is of an incremental export, which holds only what has changed"
        return "holds no Item"
    if others:
        return f"holds {quote(others[0])} beside Item"
    item = bytes(parts["Item"])
    if not item.startswith(b"{"):
        return "has an Item that is no object"
    if not _BEFORE.fullmatch(line.strip(SPACE).removesuffix(b"}").rstrip(SPACE).removesuffix(item)):
        return "holds Item twice"
    return None


def _check_unicode(text: bytes) -> None:
    """Raise ValueError where a text is not UTF-8: what is not taken apart is not checked otherwise."""
    if not text.isascii():
        text.decode()
