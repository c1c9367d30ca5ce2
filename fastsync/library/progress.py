"""Tell a program how far a run is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastsync.model.messages.events import PageDone, SegmentEnd
from fastsync.model.messages.terms import AnyTerms


@dataclass(frozen=True)
class Progress:
    """How far a run is; after a resume, the whole job.

    scanned: items of the master that were read.
    expected: how many there will be, by the service's estimate, which is hours old; None where it has none, and where
        keys are compared.
    differences: how many were found. Extras that are to be deleted count once they are.
    segments_done, segments: how many segments have come to their end, and how many there are; keys have none.
    """

    scanned: int
    expected: int | None
    differences: int
    segments_done: int
    segments: int


class ProgressSink:
    """Call `tell` with what `read` returns: at the beginning, after each page and each segment, and at the end."""

    def __init__(self, tell: Callable[[Progress], object], read: Callable[[], Progress]):
        self._tell = tell
        self._read = read

    def begin(self, terms: AnyTerms) -> None:
        """Tell what there is to do."""
        self._tell(self._read())

    def page(self, done: PageDone) -> None:
        """Tell how far it is after a page."""
        self._tell(self._read())

    def segment(self, done: SegmentEnd) -> None:
        """Tell how far it is after a segment."""
        self._tell(self._read())

    def end(self) -> None:
        """Tell how far it came."""
        self._tell(self._read())
