"""Compare a DynamoDB table with copies of it, and repair the copies."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastsync.config.flag_types import Flags, Percent
    from fastsync.errors import ConfigError, FastsyncError, TableError
    from fastsync.library.progress import Progress
    from fastsync.library.report import ReportFile, ReportLine, read_report
    from fastsync.model.difference import Difference, Effect, Verdict
    from fastsync.model.policy import Action, Policy
    from fastsync.model.table import TableRef
    from fastsync.output.statistics import Result, Statistics, Stats
    from fastsync.run.synchronizer import Synchronizer

__all__ = [
    "Action",
    "ConfigError",
    "Difference",
    "Effect",
    "FastsyncError",
    "Flags",
    "Percent",
    "Policy",
    "Progress",
    "ReportFile",
    "ReportLine",
    "Result",
    "Statistics",
    "Stats",
    "Synchronizer",
    "TableError",
    "TableRef",
    "Verdict",
    "read_report",
]
__version__ = "0.1.0"

_HOMES = {
    "config.flag_types": ("Flags", "Percent"),
    "errors": ("ConfigError", "FastsyncError", "TableError"),
    "library.progress": ("Progress",),
    "library.report": ("ReportFile", "ReportLine", "read_report"),
    "model.difference": ("Difference", "Effect", "Verdict"),
    "model.policy": ("Action", "Policy"),
    "model.table": ("TableRef",),
    "output.statistics": ("Result", "Statistics", "Stats"),
    "run.synchronizer": ("Synchronizer",),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for: workers need less than half of what stands behind them."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"fastsync.{home}"), name)
    raise AttributeError(f"module 'fastsync' has no attribute {name!r}")
