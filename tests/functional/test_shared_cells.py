"""The ledger: numbers that processes share, and that no dead process can lock away."""

from __future__ import annotations

import subprocess
import sys
import threading

from fastsync.aws.shared_cells import SharedCells
from tests.servers import environment
from tests.tables import ROOT

ADDS = 2000


def child(ledger: SharedCells, code: str) -> subprocess.Popen[bytes]:
    """Run code in another process, with the cell of the writes of table 1 as `cell`."""
    imports = "import os, signal\nfrom fastsync.aws.shared_cells import SharedCells"
    lines = f"{imports}\n_, cell = SharedCells(2, {ledger.fd}).cells_of(1)\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", lines], pass_fds=[ledger.fd], cwd=ROOT, env=environment(PYTHONPATH=str(ROOT))
    )


def test_no_change_is_lost() -> None:
    """What processes and threads add under the lock adds up."""
    ledger = SharedCells(2)
    _, cell = ledger.cells_of(1)
    cell.paid_off = 0.0
    code = f"for _ in range({ADDS}):\n    with cell.locked():\n        cell.paid_off += 1\n"
    children = [child(ledger, code) for _ in range(2)]

    def add() -> None:
        for _ in range(ADDS):
            with ledger.cells_of(1)[1].locked():
                cell.paid_off += 1

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.wait(60) for each in children] == [0, 0]
    assert cell.paid_off == 4 * ADDS


def test_cells_are_apart() -> None:
    """Tables, directions and the two numbers of a cell do not touch each other."""
    ledger = SharedCells(2)
    cells = [*ledger.cells_of(0), *ledger.cells_of(1)]
    for number, cell in enumerate(cells):
        cell.paid_off, cell.answered = float(number), number + 0.5
    assert [(cell.paid_off, cell.answered) for cell in cells] == [(n, n + 0.5) for n in map(float, range(4))]


def test_a_killed_process_keeps_no_lock() -> None:
    """A worker that is killed while it holds the lock holds nobody up."""
    ledger = SharedCells(2)
    killed = child(ledger, "with cell.locked():\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    assert killed.wait(60) < 0
    done = threading.Event()

    def lock() -> None:
        with ledger.cells_of(1)[1].locked():
            done.set()

    threading.Thread(target=lock, daemon=True).start()
    assert done.wait(30)
