"""The statistics of a run: their type, their file, the exit code that follows, and the result of the library."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, Annotated, Any, TypedDict, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fastsync.config.slicing import MAX_SEGMENTS
from fastsync.errors import IncompleteError, OutputFailed
from fastsync.model.difference import Tally
from fastsync.model.json_lines import dumps
from fastsync.output.durable import READER_LEFT

UNDO = "undo"
"""What the statistics of an undo have as their strategy."""
ENDED = "ended by "
NOT_STARTED = "not started: "
"""How the errors begin of a run that a limit has ended, or kept from starting."""
OVERSPENT = 5
"""The exit code of such a run where the limit is one on what it consumes."""
SPENDING = ("--max-units", "--max-cost")
"""The flags that limit what a whole run consumes."""
OUTRANKS_OUTPUT = (3, 5, 130, 143)
"""Exit codes that stand even where an output could not be written."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]


class MasterCounters(msgspec.Struct, frozen=True):
    """What was read of the master. In an undo: of its log, whose path stands in `table`."""

    table: str
    scanned: Count
    read_units: Amount


class SlaveCounters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The counters of a slave; see Tally. `extra` is None where extras were not looked for.

    `absent` is there only where keys were given.
    """

    compared: Count
    same: Count
    missing: Count
    differing: Count
    extra: Count | None
    settled: Count
    slave_newer: Count
    expired: Count
    filtered: Count
    contended: Count
    changed: Count
    refused: Count
    written: Count
    deleted: Count
    failed: Count
    scanned: Count
    read_units: Amount
    write_units: Amount
    absent: Count | UnsetType = UNSET

    @classmethod
    def from_tally(cls, tally: Tally, extras: bool, *, of_keys: bool = False) -> SlaveCounters:
        """Return the counters of a tally; `extras` says whether extras were looked for, `of_keys` whether by keys."""
        counters: dict[str, Any] = {name: getattr(tally, name) for name in cls.__struct_fields__}
        if not extras:
            counters["extra"] = None
        if not of_keys:
            counters["absent"] = UNSET
        return cls(**counters)

    def as_tally(self, withheld: int = 0) -> Tally:
        """Return these counters as a tally, in which extras that were not looked for count as 0."""
        counters = msgspec.structs.asdict(self)
        counters["extra"] = self.extra or 0
        counters["absent"] = self.absent or 0
        return Tally(**counters, withheld=withheld)


class EstimatedDifferences(msgspec.Struct, frozen=True):
    """How many differences a slave has in all, and the bounds of that; `high` is None where none is known."""

    differences: int
    low: int
    high: int | None


class SampleStatistics(msgspec.Struct, frozen=True):
    """Which segments a sample has, and what it lets expect of each slave; None where that cannot be estimated."""

    fraction: float
    segments: int
    of: int
    seed: int
    estimate: dict[str, EstimatedDifferences | None]


class MasterStats(TypedDict):
    """MasterCounters as plain values."""

    table: str
    scanned: int
    read_units: float


class CounterStats(TypedDict):
    """The counters that every slave has, as plain values."""

    compared: int
    same: int
    missing: int
    differing: int
    extra: int | None
    settled: int
    slave_newer: int
    expired: int
    filtered: int
    contended: int
    changed: int
    refused: int
    written: int
    deleted: int
    failed: int
    scanned: int
    read_units: float
    write_units: float


class SlaveStats(CounterStats, total=False):
    """SlaveCounters as plain values; `absent` is there only where keys were given."""

    absent: int


class EstimateStats(TypedDict):
    """EstimatedDifferences as plain values."""

    differences: int
    low: int
    high: int | None


class SampleStats(TypedDict):
    """SampleStatistics as plain values."""

    fraction: float
    segments: int
    of: int
    seed: int
    estimate: dict[str, EstimateStats | None]


class Stats(TypedDict):
    """Statistics as plain values: what `--stats` writes, and `Result.stats` is."""

    complete: bool
    strategy: str
    segments: int | None
    elapsed_seconds: float
    sample: SampleStats | None
    shard: str | None
    master: MasterStats
    slaves: dict[str, SlaveStats]
    errors: list[str]


class Statistics(msgspec.Struct, frozen=True):
    """The statistics of a run, in the order of their file. `errors` are sentences.

    `segments` is None where keys were given. `shard` is I/N; where only some shards were combined, it lists them
    ("0,2-4/6").
    """

    complete: bool
    strategy: str
    segments: Annotated[int, Meta(ge=1, le=MAX_SEGMENTS)] | None
    elapsed_seconds: Amount
    sample: SampleStatistics | None
    shard: str | None
    master: MasterCounters
    slaves: dict[str, SlaveCounters]
    errors: list[str]

    @property
    def is_undo(self) -> bool:
        """Return whether these are the statistics of an undo."""
        return self.strategy == UNDO

    def as_document(self) -> Stats:
        """Return the statistics as plain values, as JSON holds them."""
        return cast(Stats, msgspec.to_builtins(self))

    def with_errors(self, errors: Sequence[str], complete: bool) -> Statistics:
        """Return the same statistics with these errors instead of their own."""
        return msgspec.structs.replace(self, errors=list(errors), complete=complete)


def format_statistics(statistics: Statistics) -> str:
    """Return the text of the statistics file."""
    return dumps(statistics.as_document(), indent=2) + "\n"


def parse_statistics(text: bytes) -> Statistics:
    """Return the statistics that a file holds; raise ValueError where it holds none."""
    return msgspec.convert(json.loads(text), Statistics)  # the json module reads half pairs of UTF-16, as in odd paths


def write_statistics(file: IO[str], statistics: Statistics) -> None:
    """Write the statistics and close the file; raise OutputFailed where it cannot be written."""
    try:
        file.write(format_statistics(statistics))
        file.flush()
        if file is not sys.stdout:
            file.close()
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError) and file is sys.stdout:
            raise OutputFailed(READER_LEFT) from None
        raise OutputFailed(f"the statistics cannot be written: {error}") from None


@dataclass(frozen=True)
class Result:
    """The result of a run: its `statistics`, and the `exit_code` that the command line returns.

    `warnings` say what a safety limit refused, and why; `notes` what else is worth knowing, `details` what only
    --verbose tells. Of a run that was not complete, `remaining` says what ended it and what is left to do, where that
    is known, and `finished` names the slaves on which nothing was left to do. `filtering`: only items were compared of
    which --where is true. `recheck_units` are the part of the read units that went into reading suspects again.
    """

    statistics: Statistics
    exit_code: int
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    remaining: str = ""
    finished: frozenset[str] = frozenset()
    filtering: bool = False
    recheck_units: float = 0.0

    @cached_property
    def stats(self) -> Stats:
        """The statistics as a dictionary, which is what `--stats` writes."""
        return self.statistics.as_document()

    @property
    def complete(self) -> bool:
        """False where something was not compared or could not be done; `errors` say what."""
        return self.statistics.complete

    @property
    def errors(self) -> list[str]:
        """Whole sentences about what failed."""
        return self.statistics.errors

    def add_output_failure(self, failure: OutputFailed) -> Result:
        """Return this result of a run whose last output could not be written."""
        statistics = self.statistics.with_errors([*self.errors, str(failure)], complete=False)
        if self.exit_code in OUTRANKS_OUTPUT:
            return replace(self, statistics=statistics)
        return replace(self, statistics=statistics, exit_code=IncompleteError.exit_code)


def find_exit_code(slaves: Sequence[Tally], complete: bool) -> int:
    """Return the exit code of statistics: the first of refused (5), incomplete (4), differences that remain (1).

    What was refused because something failed counts as incomplete.
    """
    if any(tally.refused > tally.withheld for tally in slaves):
        return 5
    if not complete:
        return IncompleteError.exit_code
    if any(tally.remaining for tally in slaves):
        return 1
    return 0


def tells_overspent(errors: Sequence[str]) -> bool:
    """Return whether a run consumed more than it was allowed to, or would have: its errors say so."""
    signs = (NOT_STARTED, *(f"{ENDED}{flag} " for flag in SPENDING))
    return any(error.startswith(signs) for error in errors)


def count_withheld(slave: str, errors: Sequence[str]) -> int:
    """Return how many of a slave's extras were refused because something failed: the errors of a run give the number.

    It is no counter of the statistics.
    """
    pattern = re.compile(rf"{re.escape(slave)}: ([\d,]+) extras? (?:was|were) not deleted: ")
    matches = filter(None, map(pattern.match, errors))
    return sum(int(match[1].replace(",", "")) for match in matches)
