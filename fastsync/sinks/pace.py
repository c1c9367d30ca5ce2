"""Pace on stderr: the limits of capacity units in force and where each comes from, said once at the start."""

from __future__ import annotations

from collections.abc import Iterable

from fastsync.events import AnyTerms, PageDone
from fastsync.limits import Rate
from fastsync.sinks.log import Log
from fastsync.table import Side


class PaceNotice:
    """Say the limits of every table that has one."""

    def __init__(self, log: Log):
        self._log = log

    def begin(self, terms: AnyTerms) -> None:
        """Say them."""
        tell_paces(terms.tables, self._log)

    def page(self, done: PageDone) -> None:
        """Nothing is to be said about pages."""

    def end(self) -> None:
        """Nothing is left to say."""


def tell_paces(sides: Iterable[Side], log: Log) -> None:
    """Give each limit of these tables its line."""
    for side in sides:
        for rate, kind in ((side.pace.reads, "read"), (side.pace.writes, "write")):
            if rate is not None:
                log.info(f"{side}: {spell(rate, kind)}")


def spell(rate: Rate, kind: str) -> str:
    """Put a limit into words."""
    units = f"{rate.units:,.2f}".rstrip("0").rstrip(".")
    return f"at most {units} {kind} units a second ({rate.origin})"
