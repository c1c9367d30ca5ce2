"""The interface of everything that listens to a run while it is at work, and all who listen to one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fastsync.model.difference import Difference
from fastsync.model.messages.events import PageDone, SegmentEnd
from fastsync.model.messages.terms import AnyTerms


class Sink(Protocol):
    """Listen to a run."""

    def begin(self, terms: AnyTerms) -> None:
        """Learn what is going to be compared."""

    def page(self, done: PageDone) -> None:
        """Take a page that is done."""

    def end(self) -> None:
        """Learn that nothing more comes."""


@runtime_checkable
class SegmentSink(Protocol):
    """Listen to segments too."""

    def segment(self, done: SegmentEnd) -> None:
        """Take a segment that has come to its end."""


@dataclass(frozen=True)
class Audience:
    """All who listen to a run: `listeners` get each difference, `sinks` everything."""

    listeners: Sequence[Callable[[Difference], object]]
    sinks: Sequence[Sink]

    def begin(self, terms: AnyTerms) -> None:
        """Say what is going to be compared."""
        for sink in self.sinks:
            sink.begin(terms)

    def page(self, done: PageDone) -> None:
        """Pass a page on."""
        for listener in self.listeners:
            for difference in done.differences:
                listener(difference)
        for sink in self.sinks:
            sink.page(done)

    def segment(self, done: SegmentEnd) -> None:
        """Pass a segment on to those who ask for segments."""
        for sink in self.sinks:
            if isinstance(sink, SegmentSink):
                sink.segment(done)

    def end(self) -> None:
        """Say that nothing more comes."""
        for sink in self.sinks:
            sink.end()
