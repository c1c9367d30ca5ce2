"""Tasks on other machines keep to the limits together, each with a share and a budget of its own."""

from __future__ import annotations

import time
from dataclasses import replace

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.clients import Clients, Keyring
from fastsync.aws.shared_cells import SharedCells
from fastsync.model.settings import Reading, Retrying
from fastsync.model.throughput import Pace, Rate
from fastsync.workers.spark.divided_limits import count_shares, divide_limits
from tests.unit.builders import A, side, terms

LIMITED = replace(side(A), pace=Pace(Rate(1000.0), Rate(40.0)))
TERMS = terms(LIMITED)


def test_shares_add_up_to_the_limit() -> None:
    """So many tasks at once ask for the limit together, and a table without one has none."""
    mine = divide_limits(TERMS, 8)
    assert mine.master.pace == Pace()
    assert mine.slaves[0].pace == Pace(Rate(125.0), Rate(5.0))


def test_no_share_is_too_small() -> None:
    """Where a limit is low, fewer tasks are at work, so that requests stay large enough not to waste units."""
    assert [count_shares(TERMS, tasks) for tasks in (1, 8, 1000)] == [1, 8, 10]
    slow = replace(LIMITED, pace=Pace(Rate(2.0)))
    assert count_shares(replace(TERMS, slaves=(slow,)), 1000) == 1
    assert count_shares(replace(TERMS, slaves=()), 1000) is None


def test_a_task_pays_what_it_owes() -> None:
    """A task that ends has waited until its budgets are paid off, since the next one knows nothing of its debt."""
    ledger = SharedCells(1)
    access = Clients(Keyring([Credentials("a", "b")]), ledger)
    client = access.client_of(LIMITED, Reading(), Retrying())
    access.end_task()
    cell, _ = ledger.cells_of(0)
    cell.paid_off = owed = time.monotonic() + 0.2
    access.repay_budgets()
    assert time.monotonic() >= owed
    client.transport.close()
