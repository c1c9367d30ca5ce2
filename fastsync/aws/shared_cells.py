"""Numbers that all processes of a run share, under locks that the kernel frees when their holder dies.

They live in memory that is shared through a file descriptor. A semaphore would stay locked for ever, and stop every
other worker, once a worker is killed while it holds it; a record lock does not.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

_DOUBLE = struct.Struct("d")
"""A double in the machine's own form, which is copied as a whole: no reader sees one that is half written."""
SPENT_BYTES = 2 * _DOUBLE.size
"""Bytes of what was consumed: read units and write units."""
CELL_BYTES = 2 * _DOUBLE.size
"""Bytes of a cell: `paid_off` and `answered`."""


class SharedCells:
    """Two cells for each table, of reads and of writes, in new memory or in that of another process's descriptor.

    Times start at the present: a new bucket has saved nothing up yet. After the cells stands, for each account (there
    are no more of them than tables), the number of its credentials that the service has last called expired; and then
    what all processes have consumed.
    """

    def __init__(self, tables: int, fd: int | None = None):
        self.tables = tables
        cells = 2 * tables * CELL_BYTES
        self._accounts = cells
        self._spent = cells + tables * _DOUBLE.size
        size = self._spent + SPENT_BYTES
        is_new = fd is None
        if fd is None:
            fd = _open_memory(size)
        self.fd = fd
        weakref.finalize(self, os.close, self.fd)
        self._memory = mmap.mmap(self.fd, size)
        self._spending = threading.Lock()
        self._locks = [threading.Lock() for _ in range(2 * tables)]
        if is_new:
            self._memory[:cells] = _DOUBLE.pack(time.monotonic()) * (cells // _DOUBLE.size)

    def cells_of(self, table: int) -> tuple[SharedCell, SharedCell]:
        """Return the cells of the reads and of the writes of a table by its number."""
        return self._cell(2 * table), self._cell(2 * table + 1)

    def note_expired(self, account: int, number: int) -> None:
        """Note that the service has called the credentials of this number expired."""
        _DOUBLE.pack_into(self._memory, self._accounts + account * _DOUBLE.size, number + 1)

    def expired(self) -> list[tuple[int, int]]:
        """Return accounts, each with the number of its credentials that the service has last called expired."""
        found = [number for (number,) in _DOUBLE.iter_unpack(self._memory[self._accounts : self._spent])]
        return [(account, int(number) - 1) for account, number in enumerate(found) if number]

    def add_spent(self, read: float, write: float) -> tuple[float, float]:
        """Add read and write units to what all processes have consumed, and return the sums."""
        with self._spending, _record_lock(self.fd, SPENT_BYTES, self._spent):
            before = [units for (units,) in _DOUBLE.iter_unpack(self._memory[self._spent :])]
            sums = (before[0] + read, before[1] + write)
            self._memory[self._spent :] = b"".join(map(_DOUBLE.pack, sums))
        return sums

    def _cell(self, place: int) -> SharedCell:
        return SharedCell(self, self._memory, place * CELL_BYTES, self._locks[place])


class SharedCell:
    """When a budget's bucket is paid off, and when its table last answered, in seconds of the system's own clock.

    Reading and writing need no lock; whoever reads and then writes takes `locked`.
    """

    def __init__(self, cells: SharedCells, memory: mmap.mmap, at: int, lock: threading.Lock):
        self._cells = cells
        self._memory = memory
        self._at = at
        self._lock = lock

    @property
    def paid_off(self) -> float:
        """When the bucket is paid off."""
        return float(_DOUBLE.unpack_from(self._memory, self._at)[0])

    @paid_off.setter
    def paid_off(self, moment: float) -> None:
        _DOUBLE.pack_into(self._memory, self._at, moment)

    @property
    def answered(self) -> float:
        """When the table last answered any process."""
        return float(_DOUBLE.unpack_from(self._memory, self._at + _DOUBLE.size)[0])

    @answered.setter
    def answered(self, moment: float) -> None:
        _DOUBLE.pack_into(self._memory, self._at + _DOUBLE.size, moment)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes out."""
        with self._lock, _record_lock(self._cells.fd, CELL_BYTES, self._at):
            yield


@contextmanager
def _record_lock(fd: int, size: int, at: int) -> Iterator[None]:
    """Keep other processes out of a part of the memory; the caller keeps other threads out, which this does not."""
    fcntl.lockf(fd, fcntl.LOCK_EX, size, at)
    try:
        yield
    finally:
        fcntl.lockf(fd, fcntl.LOCK_UN, size, at)


def _open_memory(size: int) -> int:
    """Return the descriptor of a new file in memory, or of an unnamed temporary file where the system has no such."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("fastsync")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.write(fd, bytes(size))
    return fd
