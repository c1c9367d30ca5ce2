"""The statistics file: what is written, and that it is read back as it was."""

from __future__ import annotations

import io
from dataclasses import fields
from typing import Any

import pytest

from fastsync.errors import OutputFailed
from fastsync.model.difference import Tally
from fastsync.output.statistics import (
    EstimatedDifferences,
    MasterCounters,
    Result,
    SampleStatistics,
    SlaveCounters,
    Statistics,
    format_statistics,
    parse_statistics,
    write_statistics,
)

SLAVE = SlaveCounters.from_tally(Tally(compared=3, same=3, scanned=4, read_units=1.0, throttled=9), extras=False)
SAMPLE = SampleStatistics(0.5, 2, 4, 0, {"us-west-2:orders": EstimatedDifferences(7, 1, None), "us-west-2:b": None})


def statistics(**changes: Any) -> Statistics:
    """Give the statistics of a run on one slave."""
    given: dict[str, Any] = {
        "complete": True,
        "strategy": "lookup",
        "segments": 4,
        "elapsed_seconds": 0.25,
        "sample": SAMPLE,
        "shard": None,
        "master": MasterCounters("us-east-1:orders", 3, 0.5),
        "slaves": {"us-west-2:orders": SLAVE},
        "errors": [],
    }
    return Statistics(**given | changes)


TEXT = """\
{
  "complete": true,
  "strategy": "lookup",
  "segments": 4,
  "elapsed_seconds": 0.25,
  "sample": {
    "fraction": 0.5,
    "segments": 2,
    "of": 4,
    "seed": 0,
    "estimate": {
      "us-west-2:orders": {
        "differences": 7,
        "low": 1,
        "high": null
      },
      "us-west-2:b": null
    }
  },
  "shard": null,
  "master": {
    "table": "us-east-1:orders",
    "scanned": 3,
    "read_units": 0.5
  },
  "slaves": {
    "us-west-2:orders": {
      "compared": 3,
      "same": 3,
      "missing": 0,
      "differing": 0,
      "extra": null,
      "settled": 0,
      "slave_newer": 0,
      "expired": 0,
      "filtered": 0,
      "contended": 0,
      "changed": 0,
      "refused": 0,
      "written": 0,
      "deleted": 0,
      "failed": 0,
      "scanned": 4,
      "read_units": 1.0,
      "write_units": 0.0
    }
  },
  "errors": []
}
"""


def test_the_file_to_the_byte() -> None:
    """Readers of the file find every name in its place, and numbers as they were counted."""
    assert format_statistics(statistics()) == TEXT


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sample": None, "shard": "0/3", "complete": False},
        {"errors": ["half a pair of UTF-16: \ud800", "a line break: \u2028", "ä"]},
        {"slaves": {}, "strategy": "undo"},
        {"slaves": {f"us-west-2:{number}": SLAVE for number in range(1000)}},
    ],
)
def test_what_is_written_is_read_back(changes: dict[str, Any]) -> None:
    """Statistics come back from their file as they were written."""
    written = statistics(**changes)
    assert parse_statistics(format_statistics(written).encode()) == written


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"{", TEXT[:-10].encode(), TEXT.replace("3", '"3"').encode()])
def test_what_is_no_statistics(text: bytes) -> None:
    """A file that holds anything else is refused, and not read half."""
    with pytest.raises(ValueError, match=r".+"):
        parse_statistics(text)


def test_every_counter_has_its_place() -> None:
    """The statistics hold every counter of a tally but those that only notes and metrics tell."""
    counters = [field.name for field in fields(Tally)]
    assert [name for name in counters if name not in SlaveCounters.__struct_fields__] == [
        "throttled",
        "recheck_units",
        "retried",
        "withheld",
        "only_here",
        "unevaluated",
    ]
    assert list(SlaveCounters.__struct_fields__) == [name for name in counters if hasattr(SLAVE, name)]


def test_counters_become_a_tally_again() -> None:
    """Counters that were read back count as they did, and extras that were not looked for as none."""
    tally = Tally(compared=2, same=1, missing=1, extra=5, refused=5, read_units=2.5)
    assert SlaveCounters.from_tally(tally, extras=True).as_tally() == tally
    assert SlaveCounters.from_tally(tally, extras=False).as_tally(withheld=1) == Tally(
        compared=2, same=1, missing=1, refused=5, read_units=2.5, withheld=1
    )


def test_a_file_that_takes_nothing() -> None:
    """A file that is closed, or a disk that is full, is an error of the run."""
    (file := io.StringIO()).close()
    with pytest.raises(OutputFailed, match="cannot be written"):
        write_statistics(file, statistics())


@pytest.mark.parametrize(("before", "after"), [(0, 4), (1, 4), (4, 4), (3, 3), (5, 5), (130, 130), (143, 143)])
def test_a_result_without_its_last_output(before: int, after: int) -> None:
    """An output that fails makes the result incomplete, but hides neither a signal nor a refusal."""
    result = Result(statistics(errors=["one"]), before).add_output_failure(OutputFailed("two"))
    assert (result.exit_code, result.complete, result.errors) == (after, False, ["one", "two"])
    assert (result.stats["complete"], result.stats["errors"]) == (False, ["one", "two"])
