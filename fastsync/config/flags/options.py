"""What follows from the table of flags: which flags a command has, and what is known of each option of a run."""

from __future__ import annotations

from collections.abc import Iterator

from fastsync.config.flags.flag import RUN, Flag
from fastsync.config.flags.table import GROUPS

NOT_OF_CONFIG = ("master", "slave", "policy", "config")
"""Options of a run that are given to it as objects, not as values of `Config` by their names."""


def list_flags(command: str) -> Iterator[Flag]:
    """Yield the flags that a command has, in the order of the help."""
    for group in GROUPS:
        yield from (flag for flag in group.flags if command in flag.commands)


OPTIONS = {flag.option: flag for flag in list_flags(RUN) if flag.turns_off is None and flag.option not in NOT_OF_CONFIG}
"""The flag of each option of `Config`."""
DEFAULTS = {option: flag.default for option, flag in OPTIONS.items()}
CHOICES = {option: flag for option, flag in OPTIONS.items() if flag.choices}
"""The flag of each option that has only some values."""
FILES = tuple(option for option, flag in OPTIONS.items() if flag.is_file and not flag.repeatable)
"""Options that are the paths of files that a run writes."""
WRITING = ("write_missing", "write_differing", "delete_extra")
"""Options without which nothing is written."""
MAY_CHANGE = frozenset(option for option, flag in OPTIONS.items() if flag.may_change)
"""Options that may change between a run and its resume. All others must be the same."""
