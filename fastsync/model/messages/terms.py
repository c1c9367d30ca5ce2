"""What all tasks of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass

from fastsync.model.capacity import Spending
from fastsync.model.keys import KeyParts
from fastsync.model.policy import Policy
from fastsync.model.settings import Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import Side


@dataclass(frozen=True)
class Terms:
    """What all tasks of a run have in common.

    policy: the user's, None for the default one.
    values: whether differences carry both sides' items to the parent.
    whole_items: whether these are whole where both sides have one; else they hold the attributes that differ.
    strategy: how segments are read.
    seed: that of the digests of this run.
    spending: what its tasks may consume, None where that is not limited.
    items: the number of items to go through, None where the master's description tells it.
    spool: the folder in which items are divided into parts, None where the strategy needs none.
    key_parts: how the items of given keys are divided there; None where no keys were given.
    """

    master: Side
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    judging: Judging
    repairing: Repairing
    policy: Policy | None = None
    values: bool = False
    whole_items: bool = False
    strategy: StrategyName = StrategyName.LOOKUP
    seed: int = 0
    spending: Spending | None = None
    items: int | None = None
    spool: str | None = None
    key_parts: KeyParts | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The tables as they are reported, the master first."""
        return tuple(map(str, self.tables))

    @property
    def tables(self) -> tuple[Side, ...]:
        """All tables, the master first."""
        return (self.master, *self.slaves)

    @property
    def expected_items(self) -> int:
        """The items to go through, as far as is known."""
        if self.items is not None:
            return self.items
        return self.master.table.item_count


@dataclass(frozen=True)
class UndoTerms:
    """What all tasks of an undo have in common.

    log: the path of the undo log.
    values: whether differences carry both items to the parent.
    dry_run: whether nothing is written.
    items: the number of items to go through.
    """

    log: str
    slaves: tuple[Side, ...]
    reading: Reading
    retrying: Retrying
    values: bool = False
    dry_run: bool = False
    items: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What is reported on, as of a run: the log stands where the master does."""
        return (self.log, *map(str, self.slaves))

    @property
    def tables(self) -> tuple[Side, ...]:
        """All tables."""
        return self.slaves

    @property
    def expected_items(self) -> int:
        """The items to go through."""
        return self.items


AnyTerms = Terms | UndoTerms
