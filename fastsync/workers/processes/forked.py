"""Begin multiprocessing's helper processes, the fork server above all, as forks of the command line's own process.

It has loaded by then all that workers run. A new interpreter would load that again, which takes as much CPU as all
else before the first page. A process that is not ours is never forked: it may have threads, which a fork would break.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import util
from pathlib import Path
from typing import Any, NoReturn

from fastsync.model.addresses import hide_users
from fastsync.workers.interrupt import Interrupt

THREADS = Path("/proc/self/task")
"""A folder for each thread of this process, also those that Python does not know (proc(5)); Linux only."""
DESCRIPTORS = Path("/proc/self/fd")
NAME = Path("/proc/self/comm")
"""What `ps` and `top` call this process; up to 15 characters."""
STANDARD = frozenset((0, 1, 2))
SECRET_FLAGS = ("--mfa-token", "--slave-mfa-token", "--external-id", "--slave-external-id")
"""Flags whose values `ps` would show of every fork, which has the command line of this process."""


@contextmanager
def helpers_forked() -> Iterator[None]:
    """Have multiprocessing fork the helpers that it starts in the block, where that is safe, else start them anew."""
    if not _may_fork():
        yield
        return
    with suppress(OSError, ValueError):  # what is in its buffer would be written twice; stderr keeps nothing back
        sys.stdout.flush()
    gc.freeze()  # what is loaded stays; and pages that no collection touches stay shared with the workers
    start: Any = util.spawnv_passfds
    util.spawnv_passfds = _fork_helper  # type: ignore[assignment]
    try:
        yield
    finally:
        util.spawnv_passfds = start


def _may_fork() -> bool:
    """Return whether this process is the command line's own, shows no secret in it, and has one thread."""
    if Interrupt.leave is None or any(map(_may_be_secret, sys.argv)):
        return False
    try:
        return sum(1 for _ in THREADS.iterdir()) == 1
    except OSError:
        return False


def _may_be_secret(word: str) -> bool:
    """Return whether a word of the command line is a flag with a secret, or an address with a user and a password."""
    return word.startswith(SECRET_FLAGS) or hide_users(word) != word


def _fork_helper(_: object, arguments: Sequence[Any], passed: Sequence[int]) -> int:
    """Return the process that does what `python -c` with the last of these arguments would do, with these descriptors.

    It has the place of `multiprocessing.util.spawnv_passfds`, which starts the same as a new program.
    """
    process = os.fork()
    if not process:
        _be_helper(arguments[-1], passed)
    return process


def _be_helper(program: str, passed: Sequence[int]) -> NoReturn:
    """Run a program and end, without going back into what this process was doing when it was forked."""
    code = 1
    try:
        _close_others(passed)
        with suppress(OSError):
            NAME.write_text("forkserver" if "forkserver" in program else "resourcetracker")
        exec(program, {})
        code = 0
    except SystemExit:
        code = 0
    finally:
        os._exit(code)


def _close_others(passed: Sequence[int]) -> None:
    """Close what a new program would not inherit: files of the run, and the lock of its checkpoint."""
    kept = STANDARD.union(passed)
    for name in [int(each.name) for each in DESCRIPTORS.iterdir()]:
        if name not in kept:
            with suppress(OSError):  # that of the folder itself is closed already
                os.close(name)
