"""Which ignored attributes exist: a name that no item has is probably misspelt.

Items whose bytes agree are never parsed, so their bytes are searched for a name, until it is found once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw

from fastsync.compare.pairs import Pairs

_attributes = msgspec.json.Decoder(dict[str, Raw]).decode
_PLAIN = re.compile(r"[\w.:#$@ -]*", re.ASCII)
"""Names that every writer of JSON spells alike."""


class IgnoredNames:
    """Look for the attributes `names` in the items that are compared.

    A name that items have costs nothing once it was seen, one that none has about 0.2 µs an item.
    """

    def __init__(self, names: Iterable[str]):
        self._unseen = {name: _spell(name) for name in names}
        self._new: list[str] = []

    def look(self, pairs: Pairs) -> None:
        """Look at the master's items and, where it has none, at the slave's.

        A slave's item with other bytes than the master's is parsed when they are compared: see `add`.
        """
        if not self._unseen:
            return
        items = [item for item in pairs.master_items if item is not None]
        if not items:
            items = [item for item in pairs.slave_items if item is not None]
        joined = b"".join(items)
        self.add([name for name, spelled in self._unseen.items() if _is_in(name, spelled, joined, items)])

    def add(self, names: Collection[str]) -> None:
        """Note that items have these attributes."""
        for name in names:
            if self._unseen.pop(name, None) is not None:
                self._new.append(name)

    def take_new(self) -> tuple[str, ...]:
        """Return the names that were seen since the last call."""
        new, self._new = tuple(self._new), []
        return new


def _is_in(name: str, spelled: Sequence[bytes], joined: bytes, items: Iterable[Raw]) -> bool:
    """Return whether one of the items has an attribute; its name within a value, or as one, is no attribute."""
    if not any(each in joined for each in spelled) and (_PLAIN.fullmatch(name) or b"\\" not in joined):
        return False
    return any(name in _attributes(item) for item in _choose(name, spelled, items))


def _choose(name: str, spelled: Sequence[bytes], items: Iterable[Raw]) -> Iterator[Raw]:
    """Yield the items that may have the attribute: a name that can be escaped in many ways may be in any."""
    for item in items:
        raw = bytes(item)
        if any(each in raw for each in spelled) or (b"\\" in raw and not _PLAIN.fullmatch(name)):
            yield item


def _spell(name: str) -> tuple[bytes, ...]:
    """Return the usual ways to write a name in JSON."""
    escaped, plain = json.dumps(name), json.dumps(name, ensure_ascii=False)
    return tuple({escaped.encode(), plain.encode(errors="surrogatepass")})
