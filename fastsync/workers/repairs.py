"""The last stage of a page: repair what differs, or find that an earlier attempt at the task had repaired it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Executor

from fastsync.compare.pairs import Suspect
from fastsync.model.difference import Difference
from fastsync.model.messages.events import WritesAhead
from fastsync.repair.announced_writes import Announced, pack
from fastsync.repair.decision import Intent
from fastsync.repair.earlier_writes import EarlierWrites
from fastsync.repair.repairer import Repairer, announced
from fastsync.workers.page_result import PageResult


class Repairs:
    """Repair suspects on `threads`, and count what became of each in the page's result."""

    def __init__(self, repairer: Repairer, earlier: EarlierWrites, threads: Executor):
        self._repairer = repairer
        self._earlier = earlier
        self._threads = threads

    @property
    def undo_offset(self) -> int:
        """The size of the undo log: the lines of everything that was written so far stand before it."""
        return self._repairer.undo_offset

    def close(self) -> None:
        """Close the undo log, and the index of what earlier attempts wrote into it."""
        self._repairer.close()
        self._earlier.close()

    def check_undo_log(self) -> None:
        """Raise OutputFailed once the undo log has failed; what was done until then is reported already."""
        if self._repairer.broken is not None:
            raise self._repairer.broken

    def repair(self, suspects: Sequence[Suspect], result: PageResult) -> Generator[WritesAhead, None, None]:
        """Repair what may be repaired, and count what became of each suspect; announce writes before they are sent."""
        outcomes = yield from self._repair_in_rounds(suspects, result)
        for suspect, outcome in zip(suspects, outcomes, strict=True):
            if isinstance(outcome, Difference):
                result.add_difference(suspect.slave, outcome)
            elif not self.count_if_repaired(outcome, result):
                _count_undifferent(suspect, outcome, result)

    def count_if_repaired(self, now: Suspect, result: PageResult) -> bool:
        """Count a settled suspect as repaired where an earlier attempt had written it; return whether one had."""
        difference = self._earlier.find_repair(now)
        if difference is None:
            return False
        result.add_difference(now.slave, difference)
        return True

    def _repair_in_rounds(
        self, suspects: Sequence[Suspect], result: PageResult
    ) -> Generator[WritesAhead, None, list[Difference | Suspect]]:
        """Announce each round of writes before it is sent; return what became of each suspect."""
        rounds = self._repairer.repair_all(suspects, self._threads)
        while True:
            try:
                intents = next(rounds)
            except StopIteration as end:
                return list(end.value)
            yield WritesAhead(pack([_announce(intent, result) for intent in intents]))


def _count_undifferent(before: Suspect, now: Suspect, result: PageResult) -> None:
    """Count an item of the master that is left out by now, or agrees."""
    tally = result.tallies[before.slave]
    if now.filtered:
        tally.filtered += before.master_item is not None
    else:
        tally.settled += before.master_item is not None


def _announce(intent: Intent, result: PageResult) -> Announced:
    write = announced(intent)
    return write._replace(difference=result.for_parent(write.difference))
