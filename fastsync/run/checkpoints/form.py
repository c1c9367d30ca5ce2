"""The content of a checkpoint, its encoding with a checksum, and what cannot be a checkpoint."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fastsync.config.slicing import MAX_SEGMENTS
from fastsync.model.difference import Tally
from fastsync.model.json_lines import checksum, escape_line_breaks_in_bytes
from fastsync.model.settings import STRATEGIES, StrategyName
from fastsync.output.durable import FILE_START, FilePosition
from fastsync.run.outcome import Totals
from fastsync.run.tasks.agenda import Backlog, PendingSegments, StartedSegment
from fastsync.run.tasks.deletes import Chunks

VERSION = 3
"""Of the file's form, which `encode` writes."""
WITHOUT_CHECKSUM = 2
"""The form before: the content alone. It is read, so that an upgrade between two runs loses no progress."""


MASTER_COUNTS_TWICE = "items of the master would count twice"


@dataclass(frozen=True)
class Checkpoint:
    """How far a run has come.

    `tables` are the identities of tables that were described, `strategy` is the one that was chosen, `total` the number
    of segments. `report` and `extras` say how far those files are good, `deleted` which chunks of extras are done.
    `log` is the size of the undo log behind which lines may stand of what is not on record yet.
    `ended`: nothing is left but items that failed. `spool` is the folder in which tables are divided, "" for none.
    """

    settings: dict[str, Any]
    tables: dict[str, tuple[str, ...]]
    strategy: str
    total: int
    left: Backlog
    totals: Totals
    report: FilePosition = FILE_START
    extras: dict[str, FilePosition] = field(default_factory=dict)
    deleted: dict[str, Chunks] = field(default_factory=dict)
    log: int = 0
    ended: bool = False
    spool: str = ""


class OtherVersion(Exception):
    """The file has a form that only another version of fastsync reads."""


class Damaged(Exception):
    """The file is no checkpoint, or not as it was written; the message says what is wrong with it."""


class _Versioned(msgspec.Struct):
    version: int


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    checksum: str
    content: msgspec.Raw


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as the bytes of its file."""
    content = escape_line_breaks_in_bytes(msgspec.json.encode(checkpoint))
    return msgspec.json.encode(_Envelope(VERSION, checksum(content), msgspec.Raw(content)))


def decode_checkpoint(data: bytes) -> Checkpoint:
    """Return the checkpoint that the bytes of a file hold; raise Damaged or OtherVersion."""
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version not in (VERSION, WITHOUT_CHECKSUM):
            raise OtherVersion(f"form {version}, this one reads {VERSION}")
        content = data if version == WITHOUT_CHECKSUM else _checked_content(data)
        checkpoint = msgspec.json.decode(content, type=Checkpoint)
        for fault in find_faults(checkpoint):
            raise Damaged(fault)
    except (ValueError, RecursionError) as error:  # msgspec's errors and those of UTF-8 are ValueErrors
        raise Damaged(str(error) or type(error).__name__) from None
    return checkpoint


def _checked_content(data: bytes) -> bytes:
    envelope = msgspec.json.decode(data, type=_Envelope)
    content = bytes(envelope.content)
    if checksum(content) != envelope.checksum:
        raise Damaged("its checksum does not fit its content")
    return content


def find_faults(checkpoint: Checkpoint) -> Iterator[str]:
    """Yield what makes no sense in a checkpoint, in a few words each."""
    slaves = _table_names(checkpoint.settings, "slaves")
    yield from _unknown_names(checkpoint, slaves, _table_names(checkpoint.settings, "master"))
    if not 1 <= checkpoint.total <= MAX_SEGMENTS:
        yield f"a job has no {checkpoint.total} segments"
    if checkpoint.strategy not in (*STRATEGIES, StrategyName.PARTITION):
        yield f"there is no strategy {checkpoint.strategy!r}"
    positions = [checkpoint.report, *checkpoint.extras.values()]
    if checkpoint.log < 0 or any(map(_is_impossible, positions)):
        yield "a mark in a file is no place in it"
    for name, chunks in checkpoint.deleted.items():
        if _has_unknown_chunks(chunks, checkpoint.extras.get(name, FILE_START).lines):
            yield "deletes are done of extras that there are not"
    yield from _wrong_started(checkpoint.left.legs, checkpoint.total)
    yield from _wrong_pending(checkpoint.left.stretches)
    if any(map(_is_no_count, _all_tallies(checkpoint.totals))):
        yield "a count is no number of items"


def find_faults_of_plan(left: Backlog, numbers: Sequence[int]) -> Iterator[str]:
    """Yield what of a checkpoint does not fit the segments of the plan, given in their order."""
    if any(part.place > len(numbers) for part in left.stretches):
        yield f"it goes on behind the last of {len(numbers)} segments"
    places = {number: place for place, number in enumerate(numbers)}
    if any(started.segment not in places for started in left.legs):
        yield "a segment was begun that this run does not compare"
    first_pending = {slave: part.place for part in left.stretches for slave in part.slaves}
    for started in left.legs:
        place = places.get(started.segment, 0)
        if any(place >= first_pending.get(slave, len(numbers)) for slave in started.slaves):
            yield f"segment {started.segment} was begun and not begun"


def _table_names(settings: Mapping[str, Any], name: str) -> set[str]:
    """Return the names of the tables that a setting holds, one or several."""
    given = settings.get(name)
    refs = given if isinstance(given, list) else [given]
    return {ref["text"] for ref in refs if isinstance(ref, dict) and isinstance(ref.get("text"), str)}


def _unknown_names(checkpoint: Checkpoint, slaves: set[str], master: set[str]) -> Iterator[str]:
    totals = checkpoint.totals
    named: set[str] = {*checkpoint.extras, *checkpoint.deleted, *totals.slaves, *totals.failed, *totals.spread.counts}
    named.update(difference.slave for difference in totals.failed.values())
    for segment in totals.spread.segments.values():
        named.update(segment.found)
    for started in checkpoint.left.legs:
        named.update(started.slaves)
    for pending in checkpoint.left.stretches:
        named.update(pending.slaves)
    for name in sorted(named - slaves):
        yield f"{name!r} is none of its slaves"
    for name in sorted(set(checkpoint.tables) - slaves - master):
        yield f"{name!r} is none of its tables"


def _wrong_started(parts: Sequence[StartedSegment], total: int) -> Iterator[str]:
    for started in parts:
        if not 0 <= started.segment < total or (started.log or 0) < 0:
            yield f"there is no segment {started.segment} of {total}"
        if started.resume:
            json.loads(started.resume)
    yield from _wrong_slaves(parts)
    if _has_repeats((started.segment, slave) for started in parts for slave in started.slaves):
        yield "a segment is left twice for a slave"
    if _has_repeats(started.segment for started in parts if started.counts):
        yield MASTER_COUNTS_TWICE


def _wrong_pending(parts: Sequence[PendingSegments]) -> Iterator[str]:
    if any(part.place < 0 for part in parts):
        yield "segments are left from a place before the first on"
    yield from _wrong_slaves(parts)
    if _has_repeats(slave for part in parts for slave in part.slaves):
        yield "segments are left twice for a slave"
    if _has_repeats(True for part in parts if part.counts):
        yield MASTER_COUNTS_TWICE


def _wrong_slaves(parts: Sequence[StartedSegment | PendingSegments]) -> Iterator[str]:
    if any(not part.slaves for part in parts):
        yield "a part of the job is left for no slave"


def _has_repeats(values: Iterable[object]) -> bool:
    return any(times > 1 for times in Counter(values).values())


def _is_impossible(position: FilePosition) -> bool:
    """Return whether no file has this position: more lines than bytes, unless its lines are in parts."""
    if position.lines < 0 or any(part < 0 for part in position.parts):
        return True
    if position.parts:
        return position.bytes < 0
    return position.bytes < position.lines


def _has_unknown_chunks(chunks: Chunks, extras: int) -> bool:
    """Return whether chunks are done twice, or are of extras that are not there."""
    if chunks.size < 1 or _has_repeats(chunks.done):
        return True
    return any(not 0 <= number * chunks.size < extras for number in chunks.done)


def _all_tallies(totals: Totals) -> Iterator[Tally]:
    yield totals.master
    yield from totals.slaves.values()
    for segment in totals.spread.segments.values():
        yield Tally(scanned=segment.scanned)
        yield from segment.found.values()


def _is_no_count(tally: Tally) -> bool:
    return any(not 0 <= getattr(tally, name) < math.inf for name in Tally.__slots__)
