"""The folder of a fleet's run: files of each pair by its name, and `fleet.json`, which says how each has ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fastsync.errors import ConfigError, OutputFailed
from fastsync.fleet.pairs import Pair
from fastsync.output.durable import AtomicFile
from fastsync.output.private_files import make_folders
from fastsync.output.statistics import Statistics, parse_statistics

SUMMARY = "fleet.json"
GOES_ON = (0, 1, 5)
"""Exit codes of pairs that have ended: a resumed run leaves them as they are, unless their checkpoint is there."""


@dataclass(frozen=True)
class Ended:
    """How the run of one pair has ended. `statistics` are None where it did not come to them; `error` says why."""

    pair: Pair
    exit_code: int
    seconds: float
    statistics: Statistics | None
    error: str | None = None

    @property
    def complete(self) -> bool:
        """Whether everything of the pair was compared and done."""
        return self.statistics is not None and self.statistics.complete

    def as_document(self) -> dict[str, Any]:
        """Return the entry of `fleet.json`."""
        return {
            "name": self.pair.name,
            "master": str(self.pair.master),
            "slaves": [str(ref) for ref in self.pair.slaves],
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "error": self.error,
            "stats": None if self.statistics is None else self.statistics.as_document(),
        }


class Folder:
    """A folder for one run of a fleet; `resume` takes it up again. Raises ConfigError where it cannot be used."""

    def __init__(self, path: Path, resume: bool):
        self.path = path
        self.resume = resume
        try:
            make_folders(path)
            used = any(path.iterdir())
        except OSError as error:
            raise ConfigError(f"--output {path} cannot be used: {error.strerror or error}") from None
        if used and not resume:
            raise ConfigError(f"--output {path} has files in it: give another folder, or --resume to go on in it")

    def options_of(self, pair: Pair) -> dict[str, Any]:
        """Return the options of a pair's run that name its files. One that takes no checkpoint begins anew."""
        return {
            "report": str(self.file_of(pair, "report.jsonl")),
            "stats": str(self.file_of(pair, "stats.json")),
            "checkpoint": str(self.file_of(pair, "checkpoint")) if pair.can_resume else None,
            "undo_log": str(self.file_of(pair, "undo.jsonl")) if pair.undo_log else None,
            "resume": self.resume and pair.can_resume,
        }

    def file_of(self, pair: Pair, kind: str) -> Path:
        """Return one of a pair's files."""
        return self.path.resolve() / f"{pair.name}.{kind}"  # however it is spelled when the run is resumed

    def read_ended(self, pairs: Sequence[Pair]) -> list[Ended]:
        """Return how pairs have ended in the run that is resumed, those that are to go on left out."""
        if not self.resume or not (self.path / SUMMARY).exists():
            return []
        by_name = {pair.name: pair for pair in pairs}
        try:
            entries = json.loads((self.path / SUMMARY).read_bytes())["tables"]
            return [found for entry in entries if (found := self._parse_entry(entry, by_name)) is not None]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"--resume: {self.path / SUMMARY} is not what a fleet has written: {error}") from None

    def _parse_entry(self, entry: dict[str, Any], by_name: dict[str, Pair]) -> Ended | None:
        pair = by_name.get(entry["name"])
        if pair is None or (entry["master"], entry["slaves"]) != (str(pair.master), list(map(str, pair.slaves))):
            return None
        if entry["exit_code"] not in GOES_ON or self.file_of(pair, "checkpoint").exists():
            return None
        statistics = None
        with suppress(ValueError):
            statistics = parse_statistics(json.dumps(entry["stats"]).encode())
        return Ended(pair, entry["exit_code"], float(entry["seconds"]), statistics, entry["error"])

    def write_summary(
        self, ended: Sequence[Ended], exit_code: int, unmatched: Sequence[str], under_way: bool = False
    ) -> None:
        """Write `fleet.json`, of the pairs that have ended; raise OutputFailed."""
        document = {
            "complete": not under_way and all(each.complete for each in ended),
            "exit_code": exit_code,
            "tables": [each.as_document() for each in ended],
            "unmatched": list(unmatched),
        }
        try:
            file = AtomicFile(str(self.path / SUMMARY), "--output")
        except ConfigError as error:
            raise OutputFailed(str(error)) from None
        with file:
            file.write(json.dumps(document, indent=2).encode() + b"\n")
            file.commit()


def has_unfinished(path: Path) -> bool:
    """Return whether pairs of the run in a folder did not end: their checkpoints are there, or `fleet.json` is not."""
    return any(path.glob("*.checkpoint")) or not (path / SUMMARY).exists()


def name_folder(now: datetime) -> Path:
    """Return the folder of a run that begins now, where none is given."""
    return Path(f"fleet-{now:%Y%m%dT%H%M%SZ}")
