"""Describe the tables again: one may have been replaced by another during the run.

A table that was deleted and created again (or restored) under the same name answers like the old one, so no page shows
it. Only DescribeTable does: its TableId, or where there is none its ARN and time of creation, is another then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread

from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.describe import describe_table
from fastsync.aws.scan import Scan
from fastsync.errors import FastsyncError
from fastsync.model.page import Page
from fastsync.model.settings import Reading, Retrying
from fastsync.model.table import Side, describe_replacement
from fastsync.plan.survey import Survey

ANY = Scan(0, 1, keys_only=True)
LOOKED_AT = 1000
"""Items of the master that are looked at for one of which --where is true."""
LOOK = 0.05
"""Seconds between two checks of `stopped` while tables are described."""


class DescribedTables:
    """The tables of a run as they were described at its start. `chooses` says of an item whether it is compared."""

    def __init__(self, found: Survey, retrying: Retrying, chooses: Callable[[Raw], bool] | None = None):
        self._found = found
        self._retrying = retrying
        self._chooses = chooses
        self.master = str(found.master)

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> dict[str, str]:
        """Describe every table again; return a sentence for each one that was replaced, by its name.

        A table that is gone or cannot be described counts as replaced, since nobody knows that it is the same. The wait
        for answers ends once `stopped` returns true. Without `patient`, retries of a table that does not answer end
        soon.
        """
        sides = [side for side in (self._found.master, *self._found.slaves) if not side.is_export]
        found: dict[str, str | None] = {}
        threads = [Thread(target=self._describe, args=(side, patient, found), daemon=True) for side in sides]
        for thread in threads:
            thread.start()
        _wait_for_threads(threads, stopped)
        unanswered = "it could not be asked before the run was ended"
        answers = {str(side): found.get(str(side), _describe_unknown(side, unanswered)) for side in sides}
        return {name: sentence for name, sentence in answers.items() if sentence is not None}

    def find_any_item(self) -> tuple[bool, float]:
        """Return whether the master holds an item to compare, and the read units of asking; raise FastsyncError.

        With --where that takes an item of which it is true, among those that one request returns.
        """
        access = Clients(Keyring(self._found.credentials()))
        reading = Reading(scan_limit=LOOKED_AT if self._chooses else 1, consistent=True)
        client = access.client_of(self._found.master, reading, self._retrying.promptly())
        try:
            page = self._scan_for_items(client)
            found = any(map(self._chooses, page.items)) if self._chooses else bool(page.items)
            return found, client.take_usage().read_units
        finally:
            access.close_all()

    def _scan_for_items(self, client: Client) -> Page:
        """Return the first page of a scan that is not empty, or the last one."""
        part = ANY._replace(keys_only=self._chooses is None)
        page = client.scan_page(part, b"")
        while not page.items and page.next_key:
            page = client.scan_page(part, page.next_key)
        return page

    def _describe(self, side: Side, patient: bool, found: dict[str, str | None]) -> None:
        try:
            found[str(side)] = self._find_replacement(side, patient)
        except FastsyncError as error:
            found[str(side)] = _describe_unknown(side, str(error))
        except Exception as error:  # a thread must not lose it
            found[str(side)] = _describe_unknown(side, f"{type(error).__name__}: {error}")

    def _find_replacement(self, side: Side, patient: bool) -> str | None:
        retrying = self._retrying
        if not patient:
            retrying = retrying.promptly()
        transport = self._found.accounts.open_transport(side.account, side.table.ref, side.endpoint, retrying)
        try:
            return describe_replacement(side.table, describe_table(side.table.ref, transport))
        finally:
            transport.close()


def _wait_for_threads(threads: Sequence[Thread], stopped: Callable[[], bool]) -> None:
    for thread in threads:
        while thread.is_alive() and not stopped():
            thread.join(LOOK)


def _describe_unknown(side: Side, why: str) -> str:
    return f"{side} could not be described again at the end, so it may have been replaced during the run: {why}"
