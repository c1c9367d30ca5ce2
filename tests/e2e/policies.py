"""Policies as a user would write them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from fastsync import Action, ConfigError, Difference, Policy
from fastsync.model.difference import Item


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


class Raises(Policy):
    """A policy that raises what a file says, such as `differs=exit`, as long as that is there: in every process."""

    def __init__(self) -> None:
        self.file = Path(os.environ["FASTSYNC_TEST_RAISES"])

    def differs(self, master: Item, slave: Item) -> bool:
        """Raise where told to."""
        self._raise("differs")
        return True

    def resolve(self, difference: Difference) -> Action:
        """Raise where told to."""
        self._raise("resolve")
        return Action.REPAIR

    def _raise(self, where: str) -> None:
        told, _, name = (self.file.read_text() if self.file.exists() else "").partition("=")
        if told == where:
            raise RAISED[name]


class Unspeakable(Exception):
    """An error that cannot be told: its text raises as well."""

    def __str__(self) -> str:
        raise SystemExit(1)


RAISED: dict[str, BaseException] = {
    "value": ValueError("two\nlines \x1b[31m"),
    "exit": SystemExit(0),
    "interrupt": KeyboardInterrupt(),
    "memory": MemoryError(),
    "recursion": RecursionError("too deep"),
    "unspeakable": Unspeakable(),
    "generator": GeneratorExit(),
    "pipe": BrokenPipeError(),
    "ours": ConfigError("not a flag at all"),
}
"""What code of users raises."""


class ExitsWhenMade(Policy):
    """A policy that ends the process when it is made."""

    def __init__(self) -> None:
        sys.exit(0)


class Interrupts(Policy):
    """A policy that ends the run by SIGTERM as long as a file is there, the first time that it is asked."""

    def __init__(self) -> None:
        self.file = Path(os.environ["FASTSYNC_TEST_INTERRUPTS"])

    def resolve(self, difference: Difference) -> Action:
        """Send the signal, where nobody has yet."""
        if self.file.exists():
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGTERM)
        return Action.REPAIR
