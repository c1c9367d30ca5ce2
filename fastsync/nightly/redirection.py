"""Let a file have what a scheduled run writes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastsync.nightly.files import open_to_append, report_unusable


@contextmanager
def stderr_in(log: Path) -> Iterator[int]:
    """Let a file have all that this process and its workers write on stderr; yield the offset where that begins."""
    sys.stderr.flush()
    before = os.dup(2)
    with report_unusable(log.parent), open_to_append(log) as file:
        file.seek(0, os.SEEK_END)
        os.dup2(file.fileno(), 2)
        begins = file.tell()
    try:
        yield begins
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
