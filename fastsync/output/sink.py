"""The interface of everything that listens to a run while it is at work."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from fastsync.model.events import AnyTerms, PageDone, SegmentEnd


class Sink(Protocol):
    """Who listens to a run."""

    def begin(self, terms: AnyTerms) -> None:
        """Hear what is going to be compared."""

    def page(self, done: PageDone) -> None:
        """Hear of a page that is done."""

    def end(self) -> None:
        """Hear that nothing more comes."""


@runtime_checkable
class SegmentSink(Protocol):
    """Who listens to segments too."""

    def segment(self, done: SegmentEnd) -> None:
        """Hear of a segment that has come to its end."""
