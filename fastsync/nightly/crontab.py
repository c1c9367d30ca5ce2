"""Lines for a crontab."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

EVERY_NIGHT, MONDAY_TO_SATURDAY, SUNDAY = "0 2 * * *", "0 2 * * 1-6", "0 2 * * 0"


def format_crontab(config: str, folder: str, keep: int, flags: Sequence[str], *, repair: bool) -> Iterator[str]:
    """Yield lines for a crontab: a report every night and, where asked for, a repair every Sunday instead."""
    lines = [(EVERY_NIGHT, "report")]
    if repair:
        lines = [(MONDAY_TO_SATURDAY, "report"), (SUNDAY, "sync")]
    yield "# what these print is mailed to MAILTO; they print nothing when all is well. crontab -e, and paste:"
    yield "MAILTO=root"
    for when, what in lines:
        command = [sys.executable, "-m", "fastsync.nightly", what, str(Path(config).resolve())]
        command += ["--folder", str(Path(folder).resolve()), "--keep", str(keep), *flags]
        text = f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(command)}"
        yield f"{when} {text}".replace("%", "\\%")  # in a crontab a bare % is a line break (crontab(5))
