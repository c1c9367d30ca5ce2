"""Expiry: items past their time to live count as absent, on both sides, by each table's TTL setting.

The service deletes expired items within days, and not on all tables at the same time (developer guide, "Expiring
items"). Until then they would be differences that disappear by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.compare.pairs import Pairs, Row, Suspect
from fastsync.model.keys import Key

TOO_OLD = 5 * 365 * 86400
"""Seconds: the service never deletes items that expired longer ago (developer guide, "Using time to live")."""

Expired = Callable[[Raw, float], bool]


class Living(NamedTuple):
    """The pairs that are left, how many items of the master have expired, and the extras that follow from that."""

    pairs: Pairs
    expired: int
    extras: list[Suspect]


class Expiry:
    """Decide which items have expired. `master` and `slaves` are TTL attributes, None where a table has none.

    All answers about one page are for one moment, that of the last `read_clock`. Otherwise an item that expires while
    its page is judged would count as living in one step and as absent in the next.
    """

    def __init__(self, master: str | None, slaves: Sequence[str | None], now: Callable[[], float] = time.time):
        self.active = master is not None or any(slaves)
        self._master = _make_expiry_test(master)
        self._slaves = [_make_expiry_test(slave) for slave in slaves]
        self._clock = now
        self._now = now()

    def read_clock(self) -> None:
        """Begin another page: items that have expired by now count as absent from here on."""
        if self.active:
            self._now = self._clock()

    def make_suspect(
        self, slave: int, key: Key, master: Raw | None, stored: Raw | None, *, unseen: bool = False
    ) -> Suspect:
        """Return a suspect in which an expired item counts as absent; `stored` is the slave's item all the same."""
        if not self.active:
            return Suspect(slave, key, master, stored, stored, unseen)
        if master is not None and self._master(master, self._now):
            master = None
        return Suspect(slave, key, master, self.living_item(slave, stored), stored, unseen)

    def living_item(self, slave: int, stored: Raw | None) -> Raw | None:
        """Return an item, None where the slave's setting has expired it."""
        if not self.active or stored is None:
            return stored
        if self._slaves[slave](stored, self._now):
            return None
        return stored

    def split_expired(self, pairs: Pairs) -> Living:
        """Split off pairs whose master's item has expired, and leave out items that are expired and only on the slave.

        A master's item that the slave's own setting would expire counts as expired too: the slave would delete it.
        """
        left: list[Row] = []
        extras: list[Suspect] = []
        expired = 0
        for key, master, stored in pairs.rows():
            item = self.living_item(pairs.slave, stored)
            if master is None:
                if item is not None:
                    left.append((key, None, stored))
            elif self._master(master, self._now):
                expired += 1
                if item is not None or pairs.unseen:
                    extras.append(Suspect(pairs.slave, key, None, item, stored, unseen=pairs.unseen))
            elif self.living_item(pairs.slave, master) is None:
                expired += 1
            else:
                left.append((key, master, stored))
        return Living(pairs.with_rows(left), expired, extras)


def _make_expiry_test(attribute: str | None) -> Expired:
    if attribute is None:
        return lambda item, now: False
    holder: Any = msgspec.defstruct("Ttl", [("at", Raw, Raw())], rename={"at": attribute}, gc=False)
    decode = msgspec.json.Decoder[Any](holder).decode
    return lambda item, now: _has_passed(decode(item).at, now)


def _has_passed(value: Raw, now: float) -> bool:
    """Return whether a TTL value (a number, epoch seconds) lies in the past, but not too long ago."""
    if not value:
        return False
    given = msgspec.json.decode(value)
    if set(given) != {"N"}:
        return False
    return now - TOO_OLD < float(given["N"]) < now
