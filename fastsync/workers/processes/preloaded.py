"""What the fork server loads: the worker, and silence about what the parent tells.

Where a worker cannot start, the parent says why in one sentence. The fork server, or the process that was to become the
worker, would write a traceback besides.
"""

from __future__ import annotations

import sys
from types import TracebackType

from fastsync.workers.processes import worker_process

assert worker_process  # it is what workers run


def _report_failure(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Write a traceback, as Python does, unless a system call has failed or the parent has gone."""
    if not issubclass(kind, OSError | EOFError):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _report_failure
