"""Recheck: read suspects again, strongly consistently, before they count.

The slave is read first, then the master. In the other order both could change in between, and a guarded write would
set the slave back to an older version.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.aws.lookups.coming_answers import Answers
from fastsync.compare.expiry import Expiry
from fastsync.compare.filter import Filter
from fastsync.compare.pairs import Suspect
from fastsync.errors import IncompleteError
from fastsync.model.keys import Key

Lost = list[tuple[int, IncompleteError]]
Items = dict[int, dict[Key, Raw]]
"""Items of slaves, by the slave's number and by key."""


class Rechecker:
    """Read suspects again, for about two units each (of up to 4 KB).

    An export does not change, so of it suspects hold all that there is to know: an absent item is absent.
    """

    def __init__(
        self, master: BatchReader, readers: Sequence[BatchReader], expiry: Expiry, chosen: Filter | None = None
    ):
        self._master = master
        self._readers = readers
        self._expiry = expiry
        self._exports = {slave for slave, reader in enumerate(readers) if reader.client.side.is_export}
        self._filter = chosen or Filter()

    def read_again(self, suspects: Sequence[Suspect]) -> tuple[list[Suspect], Lost]:
        """Return the suspects as they are now, and the slaves that could not be read (with their suspects left out).

        Raises RequestFailed or KeysUnanswered where the master cannot be read.
        """
        found, lost = self.read_slaves(suspects)
        left = [suspect for suspect in suspects if suspect.slave in found]
        masters = self.read_masters(left)
        again = [
            self.make_suspect(each.slave, each.key, masters.get(each.key), found[each.slave].get(each.key))
            for each in left
        ]
        return again, lost

    def make_suspect(self, slave: int, key: Key, master: Raw | None, stored: Raw | None) -> Suspect:
        """Return the suspect that two items are which were read again; the filter is asked anew."""
        now = self._expiry.make_suspect(slave, key, master, stored)
        if not self._filter.leaves_out(master, stored):
            return now
        return now._replace(filtered=True)

    def read_slaves(self, suspects: Sequence[Suspect]) -> tuple[Items, Lost]:
        """Return the slaves' items as they are now, and the slaves that could not be read."""
        keys: dict[int, list[Key]] = {}
        known: Items = {}
        for suspect in suspects:
            if suspect.slave not in self._exports:
                keys.setdefault(suspect.slave, []).append(suspect.key)
                continue
            items = known.setdefault(suspect.slave, {})
            if suspect.stored is not None:
                items[suspect.key] = suspect.stored
        coming = {slave: self._readers[slave].look_up(wanted, consistent=True) for slave, wanted in keys.items()}
        found, lost = _collect_answers(coming)
        return {**known, **found}, lost

    def read_masters(self, suspects: Sequence[Suspect]) -> dict[Key, Raw]:
        """Return the master's items as they are now; raise RequestFailed or KeysUnanswered."""
        if self._master.client.side.is_export:
            return {each.key: each.master_item for each in suspects if each.master_item is not None}
        return self._master.look_up((suspect.key for suspect in suspects), consistent=True).wait_by_key()


def _collect_answers(coming: dict[int, Answers]) -> tuple[Items, Lost]:
    found: Items = {}
    lost: Lost = []
    for slave, answers in coming.items():
        try:
            found[slave] = answers.wait_by_key()
        except IncompleteError as error:
            lost.append((slave, error))
    return found, lost
