"""Names of tables with a star: which names fit, what the star stood for, and what is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastsync.errors import ConfigError
from fastsync.model.table import TableRef
from fastsync.model.wording import quote


@dataclass(frozen=True)
class Pattern:
    """A table as it is written, perhaps with a star in its name; `ref` tells its region (and is the table without)."""

    text: str
    ref: TableRef

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Parse a table with one star at most, which stands in its name; raise ConfigError on anything else."""
        if text.count("*") > 1:
            raise ConfigError(f"{quote(text)} has more than one *; one stands for any characters of a table's name")
        ref = TableRef.parse(text.replace("*", "x"))
        if "*" in text and "*" in text[: -len(ref.bare_name)]:
            raise ConfigError(
                f"{quote(text)} has its * before the name; it stands for characters of a table's name only"
            )
        return cls(text, ref)

    @property
    def has_star(self) -> bool:
        """Whether it may stand for several tables."""
        return "*" in self.text

    @property
    def name(self) -> str:
        """The name without the region, with the star."""
        return self.text[-len(self.ref.bare_name) :]

    def find_star(self, name: str) -> str | None:
        """Return what the star stands for in a table's name, perhaps nothing; None where the name does not fit."""
        before, _, after = self.name.partition("*")
        if len(name) < len(before) + len(after) or not (name.startswith(before) and name.endswith(after)):
            return None
        return name[len(before) : len(name) - len(after)]

    def fill(self, stood_for: str) -> str:
        """Return the table for which the star stands for this text."""
        return self.text.replace("*", stood_for)

    def fill_name(self, stood_for: str) -> str:
        """Return the name of that table, without its region."""
        return self.name.replace("*", stood_for)


def is_excluded(name: str, exclude: tuple[str, ...]) -> bool:
    """Return whether a table's name is among those to leave out, in which each star stands for any characters."""
    return any(re.fullmatch(".*".join(map(re.escape, each.split("*"))), name) for each in exclude)
