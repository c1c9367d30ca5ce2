"""Say in one line what can be done after a run, where there is something."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from fastsync.model.settings import StrategyName
from fastsync.model.table import EXPORT_SCHEME
from fastsync.output.statistics import Result, SlaveCounters

INTERRUPTED = (130, 143)
"""Exit codes of runs that a signal ended."""


@dataclass(frozen=True)
class Left:
    """What a run was asked for and has left behind.

    `report`, `undo_log` and `checkpoint` are files, None where there is none. `repairing`: it was told to write.
    """

    report: str | None = None
    undo_log: str | None = None
    checkpoint: str | None = None
    repairing: bool = False


def suggest_next(result: Result, left: Left) -> str | None:
    """Return a line that names the next command, or the flag that was missing; None where nothing suggests itself."""
    slaves = result.statistics.slaves.values()
    differing = any(map(_count_remaining, slaves))
    if left.checkpoint is not None and Path(left.checkpoint).exists():
        return None  # a note says how to go on
    if result.exit_code in INTERRUPTED and result.statistics.strategy == StrategyName.KEYS:
        return None  # such a run takes no checkpoint
    if result.exit_code in INTERRUPTED:
        return "next: with --checkpoint FILE --resume a run goes on where it was interrupted"
    if differing and left.report is not None:
        return f"next: fastsync show {shlex.quote(left.report)}"
    if left.undo_log is not None and any(slave.written or slave.deleted for slave in slaves):
        return f"to undo this run: fastsync undo {shlex.quote(left.undo_log)}"
    if differing and not left.repairing:
        return f"next: --report FILE lists every difference{_suggest_repair(result)}"
    return None


def _suggest_repair(result: Result) -> str:
    """Return the flags that repair; an export is never written to."""
    if all(name.startswith(EXPORT_SCHEME) for name in result.statistics.slaves):
        return ""
    return "; --write-missing and --write-differing repair them"


def _count_remaining(slave: SlaveCounters) -> int:
    return slave.as_tally().remaining
