"""Which ignored attributes items had is kept from run to resume, and told only where it is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastsync.config.slicing import Slicing
from fastsync.model.difference import Tally
from fastsync.model.messages.events import PageDone
from fastsync.plan.segments import Plan
from fastsync.run.checkpoints.form import decode_checkpoint, encode_checkpoint
from fastsync.run.notes import describe_warnings
from fastsync.run.outcome import NOTHING_COUNTED, Outcome, Totals
from tests.unit.run.test_checkpoint import checkpoint
from tests.unit.run.test_old_checkpoint import OLD


def make_outcome(totals: Totals, *seen: str) -> Outcome:
    """Return the outcome of a run that goes on from an earlier one, and whose one page had these attributes."""
    outcome = Outcome(["us-east-1:m", "us-west-2:a"], strategy="lookup", plan=Plan.of(Slicing()), extras=False)
    outcome.ignored = frozenset({"one", "two"})
    outcome.resume_from(totals)
    outcome.add_event(PageDone(Tally(scanned=1), (Tally(compared=1, same=1),), ignored_seen=seen))
    return outcome


def resume(totals: Totals) -> Totals:
    """Return totals as a resumed run reads them."""
    return decode_checkpoint(encode_checkpoint(replace(checkpoint(), totals=totals))).totals


def test_a_name_that_was_seen_before_a_resume() -> None:
    """What an item had before the resume counts as seen after it."""
    first = make_outcome(NOTHING_COUNTED, "one")
    assert describe_warnings(first) == ["--ignore two: no item had this attribute"]
    second = make_outcome(resume(first.totals()))
    assert describe_warnings(second) == ["--ignore two: no item had this attribute"]
    assert describe_warnings(make_outcome(resume(second.totals()), "two")) == []


def test_items_that_were_left_out_may_have_the_name() -> None:
    """With --where nothing is said of the items that were left out: they were not looked at."""
    outcome = make_outcome(NOTHING_COUNTED, "one")
    outcome.filtering = True
    assert describe_warnings(outcome) == ["--ignore two: no item that was compared had this attribute"]


def test_an_older_checkpoint_does_not_know() -> None:
    """A run that an older version began says nothing, however often it is resumed."""
    before = replace(decode_checkpoint(OLD.read_bytes()).totals, failed={}, slaves={})
    assert before.ignored_seen is None
    outcome = make_outcome(resume(before))
    assert describe_warnings(outcome) == []
    assert outcome.totals().ignored_seen is None


@pytest.mark.parametrize("error", ["", "it failed"])
def test_only_whole_runs_know(error: str) -> None:
    """A run that did not see everything says nothing."""
    outcome = make_outcome(NOTHING_COUNTED)
    if error:
        outcome.add_error(error)
    assert len(describe_warnings(outcome)) == (0 if error else 2)
