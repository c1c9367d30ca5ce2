"""Tables, terms and differences for tests that ask no server."""

from __future__ import annotations

from fastsync.model.difference import Difference, Verdict
from fastsync.model.messages.terms import Terms
from fastsync.model.settings import Judging, Reading, Repairing, Retrying
from fastsync.model.table import Endpoint, KeySchema, Side, Table, TableRef

MASTER, A, B, C = "us-east-1:m", "us-west-2:a", "us-west-2:b", "us-west-2:c"
"""Names of a master and of slaves."""


def side(name: str) -> Side:
    """Make a table that nobody asks: a connection to it would fail."""
    return Side(Table(TableRef.parse(name), KeySchema("id", "S"), (name,)), Endpoint("http://127.0.0.1:9"), 0)


def terms(*slaves: str | Side, master: str = MASTER, repairing: Repairing | None = None) -> Terms:
    """Make the terms of a run on these slaves; it repairs nothing unless asked to."""
    sides = tuple(side(slave) if isinstance(slave, str) else slave for slave in slaves)
    return Terms(side(master), sides, Reading(), Retrying(), Judging(), repairing or Repairing())


def difference(slave: object, key: object, verdict: Verdict = Verdict.MISSING) -> Difference:
    """Make a difference of an item whose key is a text."""
    return Difference(str(slave), verdict, {"id": {"S": str(key)}})
