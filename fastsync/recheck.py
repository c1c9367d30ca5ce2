"""Recheck: read suspects again, strongly consistently, before they count.

The slave is read first, then the master: in the other order both could move on in between, and a guarded write would
take the slave back to an older version.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from fastsync.batch import Answers, BatchReader
from fastsync.errors import IncompleteError
from fastsync.expiry import Expiry
from fastsync.keys import Key
from fastsync.pairs import Suspect

Lost = list[tuple[int, IncompleteError]]


class Rechecker:
    """Read suspects again; about two units for each of up to 4 KB."""

    def __init__(self, master: BatchReader, readers: Sequence[BatchReader], expiry: Expiry):
        self._master = master
        self._readers = readers
        self._expiry = expiry

    def again(self, suspects: Sequence[Suspect]) -> tuple[list[Suspect], Lost]:
        """Give the suspects as they are now, and the slaves that could not be read (with their suspects left out).

        Raises RequestFailed or KeysUnanswered where the master cannot be read.
        """
        found, lost = self._slaves(suspects)
        there = [suspect for suspect in suspects if suspect.slave in found]
        masters = self._master.read((suspect.key for suspect in there), consistent=True).result()
        return [
            self._expiry.suspect(slave, key, masters.get(key), found[slave].get(key))
            for slave, key in ((suspect.slave, suspect.key) for suspect in there)
        ], lost

    def _slaves(self, suspects: Sequence[Suspect]) -> tuple[dict[int, dict[Key, Raw]], Lost]:
        keys: dict[int, list[Key]] = {}
        for suspect in suspects:
            keys.setdefault(suspect.slave, []).append(suspect.key)
        coming = {slave: self._readers[slave].read(wanted, consistent=True) for slave, wanted in keys.items()}
        return _collect(coming)


def _collect(coming: dict[int, Answers]) -> tuple[dict[int, dict[Key, Raw]], Lost]:
    found: dict[int, dict[Key, Raw]] = {}
    lost: Lost = []
    for slave, answers in coming.items():
        try:
            found[slave] = answers.result()
        except IncompleteError as error:
            lost.append((slave, error))
    return found, lost
