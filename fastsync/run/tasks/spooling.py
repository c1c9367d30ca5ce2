"""Open the spool of a run with exports: is there room, what is each table divided from, and what is divided already."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from fastsync import __version__
from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.digest import new_seed
from fastsync.model.messages.terms import Terms
from fastsync.plan.exports.sizes import describe_pass, estimate_spool, list_sources
from fastsync.plan.keys.plan import KeyPlan
from fastsync.plan.survey import Survey
from fastsync.run.outcome import Outcome
from fastsync.run.tasks.division import Division
from fastsync.spool.folder import SpoolFolder, count_free_bytes, make_folder, remove_abandoned, take_folder
from fastsync.spool.table import SpooledTable
from fastsync.spool.wanted_keys import write_wanted

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""What Linux makes anew each time that the machine starts."""


def check_spool(config: Config) -> None:
    """Raise ConfigError where no spool can be made, before anything is asked."""
    parent = _find_parent(config)
    if not parent.is_dir():
        raise ConfigError(f"--spool: {parent} is no folder; make it, or give another one")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"--spool: {parent} cannot be written to; give another folder")


class Spooling:
    """The spool of one run. What killed runs have left in its place is removed, but for what this run goes on with.

    `earlier` are the places where the run that this one resumes may have left its spool. `announce` is called with how
    much room it takes. Raises ConfigError where the disk has less.
    """

    def __init__(self, config: Config, found: Survey, announce: Callable[[str], object], earlier: Sequence[Path] = ()):
        self._found = found
        self._announce = announce
        self._parent = _find_parent(config)
        taken = (take_folder(path, self._parent) for path in earlier)
        self._taken = next((folder for folder in taken if folder is not None), None)
        self._resumes = bool(earlier)
        self._folder = self._taken
        remove_abandoned(self._parent)

    def begin_division(self, terms: Terms, totals: tuple[int, int], outcome: Outcome) -> Division:
        """Return what is to be divided; `totals` are the segments of a scan, and the parts. Raises OutputFailed.

        What an earlier run had divided for these parts needs not be done again.
        """
        segments, parts = totals
        made_of = _describe_parts(terms, self._found, parts)
        note = self._find_note(made_of)
        if note is None:
            folder = self._make_folder(estimate_spool(self._found.sides, self._found.exports))
            note = _Note(made_of, terms.seed, segments)
            folder.write_note(msgspec.json.encode(note))
        self._announce_exports(of_keys=False)
        terms = replace(terms, seed=note.seed)
        return self._begin(terms, [None] * note.segments, parts, outcome)

    def begin_division_of_keys(self, terms: Terms, keys: KeyPlan, outcome: Outcome) -> Division:
        """Return what is to be divided where keys were given: all files, and what tables hold under partition keys."""
        folder = self._make_folder(estimate_spool(self._found.sides, self._found.exports, keys.items))
        self._announce_exports(of_keys=True)
        write_wanted(str(folder.path), keys.pack_keys(), keys.items)
        terms = replace(terms, key_parts=keys.parts)
        return self._begin(terms, keys.group_partitions(keys.parts), keys.parts.total, outcome)

    def _find_note(self, made_of: str) -> _Note | None:
        """Return what the spool of an earlier run says, if it is still there, whole, and of the same parts."""
        if self._taken is not None:
            with suppress(msgspec.DecodeError):
                note = _read_note(self._taken.read_note())
                damaged = any(SpooledTable(str(self._taken.path), side.number).damaged for side in self._found.sides)
                if note.made_of == made_of and not damaged:
                    return note
            self._taken.remove()
            self._taken = self._folder = None
        if self._resumes:
            self._announce("what the earlier run had divided is not there any more, so all tables are divided again")
        return None

    def _make_folder(self, needed: int) -> SpoolFolder:
        parent, free = self._parent, count_free_bytes(self._parent)
        if needed > free:
            raise ConfigError(
                f"--spool: the run needs about {needed:,} bytes in {parent}, and {free:,} are free; give a folder on a "
                "disk with more room"
            )
        if needed:
            self._announce(f"the run needs about {needed:,} bytes in {parent} while it is at work ({free:,} are free)")
        self._folder = make_folder(parent)
        return self._folder

    def _announce_exports(self, *, of_keys: bool) -> None:
        for export in self._found.exports.values():
            if of_keys:
                self._announce(describe_pass(export))
            for note in export.notes:
                self._announce(note)

    def _begin(self, terms: Terms, live: Sequence[Any], parts: int, outcome: Outcome) -> Division:
        """Return what is to be divided. What is known to be wrong with an export is an error of the run."""
        found = self._found
        folder = "" if self._folder is None else str(self._folder.path)
        sources = list_sources(found.sides, found.exports, live)
        for side, files in zip(found.sides, sources, strict=True):
            shown = [file.name if side.is_export else str(side) for file in files]
            table = SpooledTable.begin(folder, side.number, shown)
            if side.number in found.exports and found.exports[side.number].faults:
                table.mark_damaged()
                for fault in found.exports[side.number].faults:
                    outcome.add_error(fault)
        return Division(replace(terms, spool=folder), sources, parts)

    def end(self, keep_as: Path | None) -> None:
        """Remove the spool, or leave it with this path to a run that resumes."""
        if self._folder is None:
            return
        if keep_as is None:
            self._folder.remove()
        else:
            self._folder.keep_as(keep_as)


class _Note(msgspec.Struct):
    """What a run that goes on with a spool has to know: of what its parts are made, by which seed and segments."""

    made_of: str
    seed: int
    segments: int


_read_note = msgspec.json.Decoder(_Note).decode


def _describe_parts(terms: Terms, found: Survey, parts: int) -> str:
    """Return what all tasks of a division have in common, those of an earlier run, too, if its parts are to be used.

    Files of a spool are not synced: after the machine has started anew nobody knows whether they are whole.
    """
    try:
        started = BOOT.read_text().strip()
    except OSError:
        started = str(new_seed())  # no machine that tells: nothing is used again
    files = [repr(export.files) for _, export in sorted(found.exports.items())]
    ttls = [side.table.ttl for side in terms.tables]
    return json.dumps([__version__, started, parts, terms.names, ttls, files])


def _find_parent(config: Config) -> Path:
    return Path(config.spool or tempfile.gettempdir())
