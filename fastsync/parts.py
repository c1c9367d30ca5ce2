"""Parts: what workers need of the flags: how tables are read, requests retried, items judged, slaves repaired."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from fastsync.errors import ConfigError
from fastsync.wording import quote

MAX_BATCH_KEYS = 100
"""The service's limit of keys in one BatchGetItem (API reference, BatchGetItem)."""
BACKOFF_CAP = 20.0
"""Seconds; no pause between two tries is longer."""
PROMPT_CAP = 1.0
"""Seconds; the longest pause before anything is read."""
PROMPT_TIMEOUTS = 3
"""Retries of a request that got no answer in time, before anything is read."""


@dataclass(frozen=True)
class Reading:
    """How tables are read: items evaluated per Scan request (None: up to 1 MB), keys per look-up, consistency."""

    scan_limit: int | None = None
    batch_limit: int = MAX_BATCH_KEYS
    consistent: bool = False


@dataclass(frozen=True)
class Retrying:
    """How often one request is tried again, and base and longest pause of the backoff in seconds.

    `timeouts`: how often a request is tried again that got no answer in time; None: as often as any other.
    """

    max_retries: int = 10
    base: float = 0.05
    cap: float = BACKOFF_CAP
    timeouts: int | None = None

    def promptly(self) -> Retrying:
        """Return the same number of retries for what is asked before anything is read.

        Somebody may be waiting for a first sign: ten retries then take some 3 s rather than 25 s. A server that accepts
        connections and says nothing is given up earlier, since each try of it takes half a minute.
        """
        return replace(self, cap=PROMPT_CAP, timeouts=PROMPT_TIMEOUTS)


@dataclass(frozen=True)
class Judging:
    """What makes two items differ, and whether (and after how many seconds) a suspect is read again.

    `version` is the attribute that tells which of two items is newer.
    """

    ignored: frozenset[str] = frozenset()
    recheck: bool = True
    delay: float = 0.0
    version: str | None = None


@dataclass(frozen=True)
class Repairing:
    """What may be written to slaves and how, and whether extras are looked for at all.

    `version` is the attribute by which a newer slave is left alone, `ignored` are those that `keep_ignored` leaves the
    slave, `undo_log` is the file that every write goes into first.
    """

    write_missing: bool = False
    write_differing: bool = False
    find_extras: bool = False
    delete_extra: bool = False
    version: str | None = None
    ignored: frozenset[str] = frozenset()
    keep_ignored: bool = False
    in_batches: bool = False
    undo_log: str | None = None

    @property
    def nothing(self) -> bool:
        """Say whether this is a run that only reports."""
        return not (self.write_missing or self.write_differing or self.delete_extra)


LONGEST_LIMIT = 50
"""Characters of `--max-deletes`: more digits than anybody means, and few enough to be computed with."""


@dataclass(frozen=True)
class DeleteLimit:
    """At most `count` deletes per slave, or the exact `share` of the slave's items scanned."""

    count: int | None = None
    share: Fraction = Fraction(0)

    @classmethod
    def parse(cls, text: str) -> DeleteLimit:
        """Read `N` or `P%` (also as `1e-3%`); raise ConfigError on anything else."""
        if len(text) <= LONGEST_LIMIT:
            if re.fullmatch(r"[0-9]+", text):
                return cls(count=int(text))
            percent = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)%", text)
            if percent and Fraction(percent[1]) <= 100:
                return cls(share=Fraction(percent[1]) / 100)
        raise ConfigError(f"--max-deletes takes a number or a percentage from 0% to 100%, not {quote(text)}")

    def allowed(self, scanned: int) -> int:
        """Give the number of deletes allowed on a slave of which `scanned` items were scanned."""
        return self.count if self.count is not None else int(scanned * self.share)
