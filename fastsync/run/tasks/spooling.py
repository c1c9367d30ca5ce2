"""Open the spool of a run with exports: is there room, and what is each table divided from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.messages.terms import Terms
from fastsync.plan.exports.sizes import describe_pass, estimate_spool, list_sources
from fastsync.plan.keys.plan import KeyPlan
from fastsync.plan.survey import Survey
from fastsync.run.outcome import Outcome
from fastsync.run.tasks.division import Division
from fastsync.spool.folder import SpoolFolder, count_free_bytes, remove_abandoned
from fastsync.spool.table import SpooledTable
from fastsync.spool.wanted_keys import write_wanted


def check_spool(config: Config) -> None:
    """Raise ConfigError where no spool can be made, before anything is asked."""
    parent = _find_parent(config)
    if not parent.is_dir():
        raise ConfigError(f"--spool: {parent} is no folder; make it, or give another one")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"--spool: {parent} cannot be written to; give another folder")


def open_spool(config: Config, found: Survey, keys: KeyPlan | None, announce: Callable[[str], object]) -> SpoolFolder:
    """Make the run's spool, and say how much it takes; raise ConfigError where the disk has no room for it.

    What killed runs have left there is removed first.
    """
    parent = _find_parent(config)
    remove_abandoned(parent)
    needed = estimate_spool(found.sides, found.exports, None if keys is None else keys.items)
    free = count_free_bytes(parent)
    if needed > free:
        raise ConfigError(
            f"--spool: the run needs about {needed:,} bytes in {parent}, and {free:,} are free; give a folder on a "
            "disk with more room"
        )
    if needed:
        announce(f"the run needs about {needed:,} bytes in {parent} while it is at work ({free:,} are free)")
    for export in found.exports.values():
        if keys is not None:
            announce(describe_pass(export))
        for note in export.notes:
            announce(note)
    return SpoolFolder(parent)


def begin_division(terms: Terms, found: Survey, totals: tuple[int, int], outcome: Outcome) -> Division:
    """Return what is to be divided; `totals` are the segments of a scan, and the parts. Raises OutputFailed.

    What is known to be wrong with an export is an error of the run.
    """
    segments, parts = totals
    return _begin(terms, found, list_sources(found.sides, found.exports, [None] * segments), parts, outcome)


def begin_division_of_keys(terms: Terms, found: Survey, keys: KeyPlan, outcome: Outcome) -> Division:
    """Return what is to be divided where keys were given: all files, and the items under partition keys of tables."""
    if terms.key_parts is None or terms.spool is None:
        raise ValueError("terms of a run without keys")
    write_wanted(terms.spool, keys.pack_keys(), keys.items)
    sources = list_sources(found.sides, found.exports, keys.group_partitions(terms.key_parts))
    return _begin(terms, found, sources, terms.key_parts.total, outcome)


def _begin(terms: Terms, found: Survey, sources: list[list[Any]], parts: int, outcome: Outcome) -> Division:
    for side, files in zip(found.sides, sources, strict=True):
        shown = [file.name if side.is_export else str(side) for file in files]
        table = SpooledTable.begin(terms.spool or "", side.number, shown)
        if side.number in found.exports and found.exports[side.number].faults:
            table.mark_damaged()
            for fault in found.exports[side.number].faults:
                outcome.add_error(fault)
    return Division(terms, sources, parts)


def _find_parent(config: Config) -> Path:
    return Path(config.spool or tempfile.gettempdir())
