"""What a row of the table of flags holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RUN, UNDO, COMBINE, SHOW = "run", "undo", "combine", "show"
"""The commands that share flags. `estimate` and `iam-policy` have those of a run."""
BOTH = (RUN, UNDO)
TEXT, WHOLE, NUMBER, SWITCH = (str,), (int,), (float,), (bool,)
AUTO = "auto"
"""The word by which a run chooses the number of processes itself."""
WHOLE_OR_SHARE, NUMBER_OR_SHARE = (str, int), (str, float)
"""The types that a value may have. On the command line it has the first of them."""


@dataclass(frozen=True)
class Flag:
    """One row: the spellings and the help text as `--help` shows them, and the word for the value (None: a switch).

    `commands` have the flag. `may_change`: a resumed run may have another value than the run before. `once`: giving it
    twice is an error, which ends with these words; "" where the last one counts. `repeatable`: its values are
    collected. `one_of`: flags with the same word here exclude each other. `turns_off`: the option that this switch sets
    to False. `choices`: the only values that it may have. `word`: a word that may stand in the place of a number.
    `common`: the short help shows it.
    """

    spelling: str
    metavar: str | None
    help: str
    takes: tuple[type, ...] = TEXT
    default: Any = None
    commands: tuple[str, ...] = (RUN,)
    may_change: bool = False
    once: str = ""
    repeatable: bool = False
    one_of: str | None = None
    turns_off: str | None = None
    choices: tuple[str, ...] = ()
    word: str | None = None
    common: bool = False

    @property
    def spellings(self) -> list[str]:
        """All ways to write the flag."""
        return self.spelling.split(", ")

    @property
    def name(self) -> str:
        """The first spelling with two dashes."""
        return next(each for each in self.spellings if each.startswith("--"))

    @property
    def option(self) -> str:
        """The name of the value in `Config` and in the library: `scan_limit` for `--scan-limit`."""
        return self.turns_off or as_option(self.name)

    @property
    def is_file(self) -> bool:
        """Whether the value is the path of a file."""
        return self.metavar == "FILE"


@dataclass(frozen=True)
class Group:
    """Flags that the help shows under a title, perhaps with a sentence about all of them."""

    title: str
    about: str | None
    flags: tuple[Flag, ...]


def as_option(name: str) -> str:
    """Return `scan_limit` for `--scan-limit`, and for `scan-limit`."""
    return name.lstrip("-").replace("-", "_")


def as_flag(option: str) -> str:
    """Return `--scan-limit` for `scan_limit`."""
    return f"--{option.replace('_', '-')}"


def switch(spelling: str, meaning: str, **columns: Any) -> Flag:
    """Return a flag that takes no value."""
    return Flag(spelling, None, meaning, SWITCH, **{"default": False, **columns})


def shared(spelling: str, metavar: str, meaning: str, takes: tuple[type, ...] = TEXT, default: Any = None) -> Flag:
    """Return a flag of run and undo that may change on a resume."""
    return Flag(spelling, metavar, meaning, takes, default, commands=BOTH, may_change=True)
