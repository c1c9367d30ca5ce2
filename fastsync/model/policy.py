"""Policy: whether two items differ, and what to do about a difference. Override it to decide otherwise."""

from __future__ import annotations

from enum import Enum

from fastsync.model.difference import Difference, Item


class Action(str, Enum):
    """What a policy decides: REPAIR as far as the flags allow, or LEAVE alone."""

    REPAIR = "repair"
    LEAVE = "leave"


class Policy:
    """The default policy. A subclass runs in the workers: importable, picklable, and pure."""

    def differs(self, master: Item, slave: Item) -> bool:
        """Return whether two items differ; asked only where their digests do.

        Both items are DynamoDB JSON without the ignored attributes.
        """
        return True

    def resolve(self, difference: Difference) -> Action:
        """Return what is to be done; `difference.master` and `.slave_item` hold whole items, None where absent."""
        return Action.REPAIR
