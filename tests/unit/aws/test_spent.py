"""What all processes have consumed is one sum, which any of them adds to."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from fastsync.aws.shared_cells import SharedCells


def test_threads_and_processes_add_up() -> None:
    """Nothing that is added is lost, and expired credentials beside it are not touched."""
    cells = SharedCells(2)
    other = SharedCells(2, os.dup(cells.fd))
    cells.note_expired(1, 7)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: (cells, other)[number % 2].add_spent(0.5, 1.0), range(200)))
    assert cells.add_spent(0, 0) == other.add_spent(0, 0) == (100.0, 200.0)
    assert cells.expired() == [(1, 7)]
