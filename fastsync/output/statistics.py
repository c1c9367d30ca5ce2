"""The result of a run: statistics, exit code, and how statistics are written."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from fastsync.errors import IncompleteError, OutputFailed
from fastsync.model.difference import Tally
from fastsync.model.json_lines import dumps


@dataclass(frozen=True)
class Result:
    """What a run came to: `stats` is what `--stats` writes, `exit_code` what the command line returns.

    `warnings` tell what a safety limit refused, and why; `notes` what else is worth knowing.
    """

    stats: dict[str, Any]
    complete: bool
    errors: list[str]
    exit_code: int
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def without(self, output: OutputFailed) -> Result:
        """Return this result as it is where its last output could not be written."""
        code = self.exit_code if self.exit_code in (3, 5, 130, 143) else IncompleteError.exit_code
        errors = [*self.errors, str(output)]
        stats = {**self.stats, "complete": False, "errors": errors}
        return replace(self, stats=stats, complete=False, errors=errors, exit_code=code)


def find_exit_code(slaves: Sequence[Tally], complete: bool) -> int:
    """Return the exit code of statistics: the first of refused (5), incomplete (4), differences that remain (1).

    What was refused because something failed counts as incomplete.
    """
    if any(tally.refused > tally.withheld for tally in slaves):
        return 5
    if not complete:
        return 4
    return 1 if any(tally.remaining for tally in slaves) else 0


def withheld(slave: str, errors: Sequence[str]) -> int:
    """Return how many of a slave's refused extras were refused because something failed, as errors of a run tell it."""
    told = re.compile(rf"{re.escape(slave)}: (\d+) extras were not deleted: ")
    return sum(int(found[1]) for error in errors if (found := told.match(error)))


def write_stats(file: IO[str], stats: dict[str, Any]) -> None:
    """Write the statistics and close the file; raise OutputFailed where it cannot be written."""
    try:
        file.write(format_stats(stats))
        file.flush()
        if file is not sys.stdout:
            file.close()
    except (OSError, ValueError) as error:
        raise OutputFailed(f"the statistics cannot be written: {error}") from None


def format_stats(stats: dict[str, Any]) -> str:
    """Return the statistics as the text of their file."""
    return dumps(stats, indent=2) + "\n"
