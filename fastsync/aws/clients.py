"""The clients of a process: opened once for each table, and reused from task to task."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.budget import Budget, Cell, PrivateCell
from fastsync.aws.client import Client
from fastsync.aws.s3.bucket import Bucket
from fastsync.aws.shared_cells import SharedCells
from fastsync.aws.transport import Transport
from fastsync.errors import IncompleteError
from fastsync.model.settings import Reading, Retrying
from fastsync.model.table import S3Access, Side
from fastsync.model.throughput import Rate


class Keyring:
    """The credentials of each account as they are valid now; replaced as a whole when the parent sends new ones."""

    def __init__(self, credentials: Sequence[Credentials]):
        self.credentials = tuple(credentials)

    def source_of(self, account: int) -> Callable[[], Credentials]:
        """Return a source of one account's current credentials."""
        return lambda: self.credentials[account]


class Clients:
    """Open clients with the credentials of a keyring, on budgets that all processes with the same cells share."""

    def __init__(self, keyring: Keyring, cells: SharedCells | None = None):
        self._left = threading.Event()
        self._keyring = keyring
        self._cells = cells
        self._clients: dict[Side, Client] = {}
        self._buckets: dict[tuple[S3Access, str], Bucket] = {}
        self._limited: list[Budget] = []

    def client_of(self, side: Side, reading: Reading, retrying: Retrying) -> Client:
        """Return the client of a table; its connections stay open until `close_all`."""
        if side not in self._clients:
            credentials = self._keyring.source_of(side.account)
            ask = partial(self._ask_renewal, side.account)
            ref, endpoint = side.table.ref, side.endpoint
            transport = Transport(ref, endpoint, credentials, retrying, self.sleep, ask_renewal=ask)
            self._clients[side] = Client(side, transport, reading, self._make_budgets(side))
        return self._clients[side]

    def bucket_of(self, access: S3Access, name: str, retrying: Retrying) -> Bucket:
        """Return a bucket; its connections stay open as long as the process needs them."""
        found = self._buckets.get((access, name))
        if found is None:
            credentials = self._keyring.source_of(access.account)
            ask = partial(self._ask_renewal, access.account)
            found = Bucket(access, name, credentials, retrying, sleep=self.sleep, ask_renewal=ask)
            self._buckets[access, name] = found
        return found

    def _ask_renewal(self, account: int, expired: Credentials) -> None:
        """Ask the owner of the credentials to renew them."""
        if self._cells is not None:
            self._cells.note_expired(account, expired.number)

    def _make_budgets(self, side: Side) -> tuple[Budget, Budget]:
        """Return the budgets of a table's reads and writes."""
        cells: tuple[Cell, Cell] = (PrivateCell(), PrivateCell())
        if self._cells is not None:
            cells = self._cells.cells_of(side.offset + side.number)
        return self._make_budget(cells[0], side.pace.reads), self._make_budget(cells[1], side.pace.writes)

    def _make_budget(self, cell: Cell, limit: Rate | None) -> Budget:
        if limit is None:
            return Budget(cell, sleep=self.sleep)
        budget = Budget(cell, limit.units, sleep=self.sleep)
        self._limited.append(budget)
        return budget

    def add_spent(self, read: float, write: float) -> tuple[float, float]:
        """Add read and write units to what all processes have consumed, and return the sums."""
        if self._cells is None:
            return read, write
        return self._cells.add_spent(read, write)

    def repay_budgets(self) -> None:
        """Wait until all budgets are repaid. A Spark task does so before it exits: nobody else knows its debt."""
        self.begin_task()
        for budget in self._limited:
            budget.reserve(0.0)

    def sleep(self, seconds: float) -> None:
        """Wait for a budget or before a retry; raise IncompleteError where the task has ended meanwhile."""
        if self._left.wait(seconds):
            raise IncompleteError("the task was left while it waited")

    def begin_task(self) -> None:
        """Begin a task."""
        self._left.clear()

    def end_task(self) -> None:
        """End a task: requests that still wait, for a budget or before a retry, are not needed any more."""
        self._left.set()

    def close_others(self, sides: Collection[Side]) -> None:
        """Close the connections to tables that are none of these."""
        for side in [side for side in self._clients if side not in sides]:
            self._clients.pop(side).transport.close()

    def close_all(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.transport.close()
