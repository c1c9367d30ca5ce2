"""Open the spool of a run with exports: is there room, and what is each table divided from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.messages.terms import Terms
from fastsync.plan.exports.sizes import estimate_spool, list_sources
from fastsync.plan.survey import Survey
from fastsync.run.outcome import Outcome
from fastsync.run.tasks.division import Division
from fastsync.spool.folder import SpoolFolder, count_free_bytes, remove_abandoned
from fastsync.spool.table import SpooledTable


def check_spool(config: Config) -> None:
    """Raise ConfigError where no spool can be made, before anything is asked."""
    parent = _find_parent(config)
    if not parent.is_dir():
        raise ConfigError(f"--spool: {parent} is no folder; make it, or give another one")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"--spool: {parent} cannot be written to; give another folder")


def open_spool(config: Config, found: Survey, announce: Callable[[str], object]) -> SpoolFolder:
    """Make the run's spool, and say how much it takes; raise ConfigError where the disk has no room for it.

    What killed runs have left there is removed first.
    """
    parent = _find_parent(config)
    remove_abandoned(parent)
    needed, free = estimate_spool(found.sides, found.exports), count_free_bytes(parent)
    if needed > free:
        raise ConfigError(
            f"--spool: the run needs about {needed:,} bytes in {parent}, and {free:,} are free; give a folder on a "
            "disk with more room"
        )
    announce(f"the run needs about {needed:,} bytes in {parent} while it is at work ({free:,} are free)")
    for export in found.exports.values():
        for note in export.notes:
            announce(note)
    return SpoolFolder(parent)


def begin_division(terms: Terms, found: Survey, totals: tuple[int, int], outcome: Outcome) -> Division:
    """Return what is to be divided; `totals` are the segments of a scan, and the parts. Raises OutputFailed.

    What is known to be wrong with an export is an error of the run.
    """
    segments, parts = totals
    sources = list_sources(found.sides, found.exports, segments)
    for side, files in zip(found.sides, sources, strict=True):
        shown = [str(side) if file is None else file.name for file in files]
        table = SpooledTable.begin(terms.spool or "", side.number, shown)
        if side.number in found.exports and found.exports[side.number].faults:
            table.mark_damaged()
            for fault in found.exports[side.number].faults:
                outcome.add_error(fault)
    return Division(terms, sources, parts)


def _find_parent(config: Config) -> Path:
    return Path(config.spool or tempfile.gettempdir())
