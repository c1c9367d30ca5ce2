"""Policies as a user would write them."""

from __future__ import annotations

from fastsync import Action, Difference, Policy
from fastsync.difference import Item


class NewerWins(Policy):
    """Items differ only where their revisions do; drafts are left alone."""

    def differs(self, master: Item, slave: Item) -> bool:
        """Compare revisions."""
        return bool(master["rev"] != slave["rev"])

    def resolve(self, difference: Difference) -> Action:
        """Leave differences in the attribute `draft` alone."""
        return Action.LEAVE if "draft" in difference.attributes else Action.REPAIR


class KeepsPrecious(Policy):
    """What the slave calls precious is neither overwritten nor deleted; what the master calls so is not copied."""

    def resolve(self, difference: Difference) -> Action:
        """Look at whole items, of which either may be absent."""
        sides = [side for side in (difference.master, difference.slave_item) if side is not None]
        return Action.LEAVE if any("precious" in side for side in sides) else Action.REPAIR


class SeesNoIgnored(Policy):
    """Break where an attribute called `ignored`, or one of global tables, is shown."""

    def differs(self, master: Item, slave: Item) -> bool:
        """Look at the names."""
        if any(name == "ignored" or name.startswith("aws:rep:") for name in (*master, *slave)):
            raise AssertionError("an ignored attribute was shown")
        return True


class Broken(Policy):
    """A policy with a mistake in it."""

    def differs(self, master: Item, slave: Item) -> bool:
        """Fail."""
        return bool(master["no such attribute"])


class NoPolicy:
    """A class that is something else."""
