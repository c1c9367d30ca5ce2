"""Expiry: items past their time to live count as absent, on both sides, by each table's TTL setting.

The service deletes expired items within days, and not on all tables at the same time (developer guide, "Expiring
items"): until then they are differences that mend themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fastsync.compare.pairs import Pairs, Suspect
from fastsync.model.keys import Key

TOO_OLD = 5 * 365 * 86400
"""Seconds: what expired longer ago is never deleted by the service (developer guide, "Using time to live")."""

Expired = Callable[[Raw, float], bool]


class Living(NamedTuple):
    """The pairs that are left, how many items of the master have expired, and extras that came to light by that."""

    pairs: Pairs
    expired: int
    extras: list[Suspect]


class Expiry:
    """Know which items have expired. `master` and `slaves` are TTL attributes, None where a table has none.

    All questions about one page are answered for one moment, that of the last `read_clock`. Otherwise an item that
    expires while its page is judged would count as living in one step and as absent in the next.
    """

    def __init__(self, master: str | None, slaves: Sequence[str | None], now: Callable[[], float] = time.time):
        self.active = master is not None or any(slaves)
        self._master = _make_expiry_test(master)
        self._slaves = [_make_expiry_test(slave) for slave in slaves]
        self._clock = now
        self._now = now()

    def read_clock(self) -> None:
        """Begin with another page: what has expired by now counts as absent from here on."""
        if self.active:
            self._now = self._clock()

    def make_suspect(self, slave: int, key: Key, master: Raw | None, item: Raw | None) -> Suspect:
        """Make a suspect in which an expired item counts as absent; `there` is the slave's item all the same."""
        if not self.active:
            return Suspect(slave, key, master, item, item)
        if master is not None and self._master(master, self._now):
            master = None
        live = None if item is None or self._slaves[slave](item, self._now) else item
        return Suspect(slave, key, master, live, item)

    def split_expired(self, pairs: Pairs) -> Living:
        """Leave out pairs whose master's item has expired, and what is expired and only on the slave.

        A master's item that the slave's own setting would expire counts as expired too: it would be deleted there.
        """
        now, slave_expired = self._now, self._slaves[pairs.slave]
        left: list[tuple[Key, Raw | None, Raw | None]] = []
        expired, extras = 0, []
        for key, master, item in zip(pairs.keys, pairs.masters, pairs.slaves, strict=True):
            live = None if item is None or slave_expired(item, now) else item
            if master is None:
                if live is not None:
                    left.append((key, None, item))
            elif self._master(master, now):
                expired += 1
                if live is not None or pairs.unseen:
                    extras.append(Suspect(pairs.slave, key, None, live, item, pairs.unseen))
            elif slave_expired(master, now):
                expired += 1
            else:
                left.append((key, master, item))
        keys, masters, items = zip(*left, strict=True) if left else ((), (), ())
        return Living(pairs._replace(keys=keys, masters=masters, slaves=items), expired, extras)


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
