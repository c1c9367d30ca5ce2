"""What a killed attempt had repaired, read back from its lines in the undo log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from fastsync.compare.expiry import Expiry
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Suspect
from fastsync.model.difference import Effect, Verdict
from fastsync.model.digest import Digester
from fastsync.model.keys import KeyReader
from fastsync.model.policy import Policy
from fastsync.model.table import KeySchema
from fastsync.repair.recorded_writes import RecordedWrites

NOW = 1_800_000_000
KEY = {"id": {"S": "a"}}
MASTER = {**KEY, "v": {"N": "2"}}


def line(before: Any) -> bytes:
    entry = {"slave": "us-west-2:b", "key": KEY, "before": before, "after": MASTER}
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (None, Verdict.MISSING),
        ({**KEY, "v": {"N": "1"}}, Verdict.DIFFERING),
        ({**KEY, "ttl": {"N": str(NOW + 1)}}, Verdict.DIFFERING),
        ({**KEY, "ttl": {"N": str(NOW - 1)}}, Verdict.MISSING),
    ],
)
def test_an_expired_item_was_missing(tmp_path: Path, before: Any, verdict: Verdict) -> None:
    """A repaired item is reported with the verdict that it was repaired for: one that had expired was missing."""
    log = tmp_path / "undo"
    log.write_bytes(line(before))
    expiry = Expiry(None, ["ttl"], lambda: NOW)
    expiry.read_clock()
    judge = Judge(("us-west-2:b",), Digester(), Policy(), expiry)
    recall = RecordedWrites(str(log), (0, log.stat().st_size), judge, expiry, ("us-west-2:b",))
    item = Raw(json.dumps(MASTER).encode())
    key = KeyReader(KeySchema("id", "S")).read_key(item)
    found = recall.find_repair(Suspect(0, key, item, item, item))
    recall.close()
    assert found is not None
    assert (found.verdict, found.action) == (verdict, Effect.WRITTEN)
