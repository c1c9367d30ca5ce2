"""A checkpoint that is not as it was written is never believed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fastsync.model.difference import Tally
from fastsync.output.durable import FilePosition
from fastsync.run.checkpoints.form import (
    WITHOUT_CHECKSUM,
    Checkpoint,
    Damaged,
    OtherVersion,
    decode_checkpoint,
    encode_checkpoint,
    find_faults_of_plan,
)
from fastsync.run.tasks.agenda import Backlog, PendingSegments, StartedSegment
from fastsync.run.tasks.deletes import Chunks
from tests.unit.run.test_checkpoint import A, checkpoint

SEED = 13
OTHERS: tuple[Any, ...] = (0, 1, -1, 2**70, 1.5, "", "x", None, True, [], {}, [0], {"a": {}})
"""Values to put in the place of any other one."""
Change = Callable[[Any], object]


def refused(data: bytes) -> bool:
    """Return whether the bytes are refused; what is taken must be what was written."""
    try:
        assert decode_checkpoint(data) == checkpoint()
    except (Damaged, OtherVersion):
        return True
    return False


def without_checksum(content: Any) -> bytes:
    """Return a file as the version before wrote it."""
    return msgspec.json.encode({**content, "version": WITHOUT_CHECKSUM})


def content() -> Any:
    """Return the content of a checkpoint as parsed JSON."""
    return json.loads(encode_checkpoint(checkpoint()))["content"]


def test_every_bit_counts() -> None:
    """Whichever bit of a checkpoint is flipped, it is refused."""
    data = encode_checkpoint(checkpoint())
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        assert refused(bytes(changed)), place


def test_every_cut_counts() -> None:
    """Wherever a checkpoint was cut short, it is refused."""
    data = encode_checkpoint(checkpoint())
    assert all(refused(data[:size]) for size in range(len(data)))


def mutations(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """Yield the bytes with something put in, taken out, doubled, or replaced."""
    start, end = sorted(chance.choices(range(len(data) + 1), k=2))
    yield data[:start] + chance.randbytes(chance.randint(1, 9)) + data[start:]
    yield data[:start] + data[end:]
    yield data[:end] + data[start:]
    yield (
        data[:start] + chance.choice((b"[" * 50_000, b'{"a":' * 50_000, b"1e999", b"\xff", b"null", b'""')) + data[end:]
    )


def test_random_damage() -> None:
    """Bytes put in, taken out, doubled or replaced at random never make another checkpoint of it."""
    chance, data = random.Random(SEED), encode_checkpoint(checkpoint())
    for _ in range(500):
        for changed in mutations(chance, data):
            refused(changed)


def test_any_value_changed() -> None:
    """Whichever single value of the JSON is another one, also one of the right type, the checkpoint is refused."""
    whole = json.loads(encode_checkpoint(checkpoint()))
    count = 0
    for parent, name in list(places(whole)):
        before = parent[name]
        for other in OTHERS:
            if other != before or type(other) is not type(before):
                parent[name] = other
                assert refused(json.dumps(whole, separators=(",", ":")).encode()), (name, before, other)
                count += 1
        parent[name] = before
    assert count > 500


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in parsed JSON: what holds it, and its name or number there."""
    for name in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, name
        yield from places(value[name])


def test_the_version_before_is_read() -> None:
    """A checkpoint that the version before has written, without checksums, is gone on with."""
    assert decode_checkpoint(without_checksum(content())) == checkpoint()


def test_the_version_before_never_crashes() -> None:
    """A damaged checkpoint of the version before is refused or read, and never ends in another error."""
    chance, data = random.Random(SEED), without_checksum(content())
    for _ in range(500):
        for changed in mutations(chance, data):
            with suppress(Damaged, OtherVersion):
                decode_checkpoint(changed)


LEFT = checkpoint().left
NONSENSE: dict[str, Checkpoint] = {
    "no segments": replace(checkpoint(), total=0),
    "fewer segments than were begun": replace(checkpoint(), total=3),
    "too many segments": replace(checkpoint(), total=1_000_001),
    "an unknown strategy": replace(checkpoint(), strategy="merje"),
    "a stretch of an unknown slave": replace(
        checkpoint(), left=Backlog(LEFT.legs, (PendingSegments(5, ("us-eawt-2:a",)),))
    ),
    "a leg of an unknown slave": replace(checkpoint(), left=Backlog((StartedSegment(3, ("b",)),), ())),
    "a leg of no slave": replace(checkpoint(), left=Backlog((StartedSegment(3, ()),), ())),
    "a negative segment": replace(checkpoint(), left=Backlog((StartedSegment(-1, (A,)),), ())),
    "a negative place": replace(checkpoint(), left=Backlog((), (PendingSegments(-1, (A,)),))),
    "a resume point that is no JSON": replace(checkpoint(), left=Backlog((StartedSegment(3, (A,), resume=b"{"),), ())),
    "a segment twice": replace(
        checkpoint(), left=Backlog((StartedSegment(3, (A,)), StartedSegment(3, (A,), counts=False)), ())
    ),
    "two stretches": replace(
        checkpoint(), left=Backlog((), (PendingSegments(3, (A,)), PendingSegments(4, (A,), counts=False)))
    ),
    "a slave twice": replace(checkpoint(), left=Backlog((StartedSegment(3, (A, A)),), ())),
    "a mark before the beginning": replace(checkpoint(), report=FilePosition(-1, 0)),
    "more lines than bytes": replace(checkpoint(), report=FilePosition(1, 2)),
    "a negative part": replace(checkpoint(), report=FilePosition(0, 1, (-1,))),
    "extras of an unknown slave": replace(checkpoint(), extras={"b": FilePosition(5, 1)}),
    "deletes of an unknown slave": replace(checkpoint(), deleted={"b": Chunks(5, (1,))}),
    "deletes of extras that are not there": replace(checkpoint(), deleted={A: Chunks(5, (1500,))}),
    "deletes of no extras at a time": replace(checkpoint(), deleted={A: Chunks(0, (0,))}),
    "the same deletes twice": replace(checkpoint(), deleted={A: Chunks(700, (0, 0))}),
    "an undo log before its beginning": replace(checkpoint(), log=-1),
    "a table of no flag": replace(checkpoint(), tables={"c": ("c",)}),
    "counts of an unknown slave": replace(checkpoint(), totals=replace(checkpoint().totals, slaves={"b": Tally()})),
    "a negative count": replace(checkpoint(), totals=replace(checkpoint().totals, master=Tally(scanned=-1))),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_what_makes_no_sense(case: str) -> None:
    """What no run could have written is refused, whoever has computed its checksum."""
    for data in (encode_checkpoint(NONSENSE[case]), without_checksum(msgspec.to_builtins(NONSENSE[case]))):
        with pytest.raises(Damaged):
            decode_checkpoint(data)


PLANS: dict[str, Backlog] = {
    "behind the last segment": Backlog((), (PendingSegments(4, (A,)),)),
    "a segment of another shard": Backlog((StartedSegment(7, (A,)),), ()),
    "a segment that was begun and not begun": Backlog((StartedSegment(4, (A,)),), (PendingSegments(2, (A,)),)),
}


@pytest.mark.parametrize("case", PLANS)
def test_what_does_not_fit_the_plan(case: str) -> None:
    """What is left must be of the segments that the run compares, each begun or not begun."""
    assert list(find_faults_of_plan(PLANS[case], [0, 2, 4]))


def test_what_fits_the_plan() -> None:
    """A segment that was begun before those that were not is no fault, nor one that every slave has behind it."""
    left = Backlog((StartedSegment(0, (A,)),), (PendingSegments(1, (A,)),))
    assert not list(find_faults_of_plan(left, [0, 2, 4]))
    assert not list(find_faults_of_plan(Backlog((), (PendingSegments(3, (A,)),)), [0, 2, 4]))


def test_lines_end_where_json_says() -> None:
    """Other line ends than \\n are escaped in a checkpoint, and its values come back as they were."""
    odd = replace(checkpoint(), tables={A: ("a\x85b\u2028c\u2029d",)})
    assert decode_checkpoint(encode_checkpoint(odd)) == odd
    assert len(encode_checkpoint(odd).decode().splitlines()) == 1
