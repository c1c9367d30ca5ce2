"""Describe the tables again: one that was replaced during a run is another table.

A table that was deleted and made again (or restored) under the same name answers like the old one, so no page tells.
Only DescribeTable does: the TableId, or where there is none the ARN and the time of creation, is another then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Thread

from fastsync.aws.describe import describe_table
from fastsync.errors import FastsyncError
from fastsync.model.settings import Retrying
from fastsync.model.table import Side, replacement
from fastsync.plan.survey import Survey

LOOK = 0.05
"""Seconds between two looks at `stopped` while tables are asked."""


class DescribedTables:
    """The tables of a run as they were described at its start."""

    def __init__(self, found: Survey, retrying: Retrying):
        self._found = found
        self._retrying = retrying
        self.master = str(found.master)

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> dict[str, str]:
        """Describe every table again, and return one sentence for each that is another now, by its name.

        A table that is gone or cannot be asked counts as changed: it is not known to be the same. The wait for answers
        ends once `stopped` says so. Without `patient`, a table that does not answer is given up soon.
        """
        sides = (self._found.master, *self._found.slaves)
        told: dict[str, str | None] = {}
        threads = [Thread(target=self._ask, args=(side, patient, told), daemon=True) for side in sides]
        for thread in threads:
            thread.start()
        _wait(threads, stopped)
        unanswered = "it could not be asked before the run was ended"
        answers = {str(side): told.get(str(side), _unknown(side, unanswered)) for side in sides}
        return {name: sentence for name, sentence in answers.items() if sentence is not None}

    def _ask(self, side: Side, patient: bool, told: dict[str, str | None]) -> None:
        try:
            told[str(side)] = self._change(side, patient)
        except FastsyncError as error:
            told[str(side)] = _unknown(side, str(error))
        except Exception as error:  # in a thread nobody else would hear of it
            told[str(side)] = _unknown(side, f"{type(error).__name__}: {error}")

    def _change(self, side: Side, patient: bool) -> str | None:
        retrying = self._retrying if patient else self._retrying.promptly()
        transport = self._found.accounts.open_transport(side.account, side.table.ref, side.endpoint, retrying)
        try:
            return replacement(side.table, describe_table(side.table.ref, transport))
        finally:
            transport.close()


def _wait(threads: Sequence[Thread], stopped: Callable[[], bool]) -> None:
    while any(thread.is_alive() for thread in threads) and not stopped():
        time.sleep(LOOK)


def _unknown(side: Side, why: str) -> str:
    return f"{side} could not be described again at the end, so it may have been replaced during the run: {why}"
