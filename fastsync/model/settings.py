"""Settings that workers need: how tables are read, requests retried, items judged, slaves repaired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

LACKING_SAMPLE = 100
"""Items of a page that lookup looks up at once on a slave that lacks most: one request."""
MAX_BATCH_KEYS = 100
"""The service's limit of keys in one BatchGetItem (API reference, BatchGetItem)."""
BACKOFF_CAP = 20.0
"""Seconds; no pause between two tries is longer."""
PROMPT_CAP = 1.0
"""Seconds; the longest pause before anything is read."""
PROMPT_TIMEOUTS = 3
"""Retries of a request that was not answered in time, before anything is read."""


class StrategyName(str, Enum):
    """How tables are read: keys of a scan looked up, or scans side by side. AUTO takes the cheaper one of the two.

    KEYS reads the keys that --key and --keys give, and nothing else; PARTITION divides all items by their keys into
    parts on disk, where an export is compared. Neither is asked for by its name.
    """

    AUTO = "auto"
    LOOKUP = "lookup"
    MERGE = "merge"
    KEYS = "keys"
    PARTITION = "partition"

    def __str__(self) -> str:
        return self.value

    def or_lookup(self) -> StrategyName:
        """Return LOOKUP for AUTO: what a run reports that ends before it has chosen."""
        return StrategyName.LOOKUP if self is StrategyName.AUTO else self


STRATEGIES = (StrategyName.LOOKUP, StrategyName.MERGE)
"""What AUTO chooses from."""
SELECTABLE = (StrategyName.AUTO, *STRATEGIES)
"""What --strategy takes."""


@dataclass(frozen=True)
class Reading:
    """How tables are read: items evaluated per Scan request (None: up to 1 MB), keys per look-up, consistency."""

    scan_limit: int | None = None
    batch_limit: int = MAX_BATCH_KEYS
    consistent: bool = False


@dataclass(frozen=True)
class Retrying:
    """How often one request is tried again, and base and longest pause of the backoff in seconds.

    `timeouts`: how often a request is retried that was not answered in time; None: as often as any other.
    """

    max_retries: int = 10
    base: float = 0.05
    cap: float = BACKOFF_CAP
    timeouts: int | None = None

    def promptly(self) -> Retrying:
        """Return the same number of retries, with shorter pauses, for requests before anything is read.

        Somebody may be waiting at the terminal: ten retries then take about 3 s rather than 25 s. A server that accepts
        connections but never answers is given up earlier, since each try takes half a minute.
        """
        return replace(self, cap=PROMPT_CAP, timeouts=PROMPT_TIMEOUTS)


@dataclass(frozen=True)
class Judging:
    """Which attributes are compared, and whether (and after how many seconds) a suspect is read again.

    `version` is the attribute that tells which of two items is newer. `ignored_paths` are those of --ignore-path.
    `where` is an expression, and only items are compared of which it is true.
    """

    ignored: frozenset[str] = frozenset()
    ignored_paths: tuple[str, ...] = ()
    recheck: bool = True
    delay: float = 0.0
    version: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Repairing:
    """Which differences may be repaired and how, and whether extras are looked for at all.

    `version` is the attribute by which a newer slave is recognised and left alone. `ignored` attributes keep the
    slave's values with `keep_ignored`; what `ignored_paths` name is not compared. `undo_log` is the file that records
    every write before it is sent.
    `replica_writes`: slaves that are replicas of the master may be written to, too.
    """

    write_missing: bool = False
    write_differing: bool = False
    find_extras: bool = False
    delete_extra: bool = False
    version: str | None = None
    ignored: frozenset[str] = frozenset()
    ignored_paths: tuple[str, ...] = ()
    keep_ignored: bool = False
    in_batches: bool = False
    undo_log: str | None = None
    replica_writes: bool = False

    @property
    def nothing(self) -> bool:
        """Return whether the run only reports."""
        return not (self.write_missing or self.write_differing or self.delete_extra)


LONGEST_LIMIT = 50
"""Characters of `--max-deletes`: more digits than anybody needs, and few enough to compute with."""
