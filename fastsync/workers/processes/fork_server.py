"""The fork server: the process that has the workers' modules loaded, and what has to be there for it to start workers.

Where workers cannot start, one sentence says why, and that `--executor inline` does without them.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, process, resource_tracker
from pathlib import Path
from typing import Any

from fastsync.aws.network.tls import load_usual_authorities
from fastsync.errors import ConfigError
from fastsync.workers.processes.forked import helpers_forked
from fastsync.workers.processes.room import INLINE, make_room

PRELOADED = "fastsync.workers.processes.preloaded"
"""The module that the fork server loads."""
AUTHORITIES = "fastsync.workers.processes.authorities"
"""The module that it loads besides where TLS is spoken."""
LONGEST_FOLDER = 70
"""Bytes of a temporary folder's path: a socket's path takes 107 (unix(7)), some 35 of which follow the folder."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
"""Where the socket is made instead, in a folder of its own for this user alone."""
_MAIN_HIDDEN = threading.Lock()


def start_fork_server(parallel: int = 1, policy: object = None, secure: bool = True) -> None:
    """Start the fork server, which loads the workers' modules while the parent still describes tables: 0.2 s saved.

    Where tables are reached by https (`secure`), it also loads the authorities: 20 ms saved for each worker.
    Raises ConfigError where `parallel` workers cannot be started here, or could not load the policy.
    """
    _refuse_daemon()
    check_folder()
    _refuse_policy(policy)
    make_room(parallel)
    multiprocessing.set_forkserver_preload([PRELOADED])
    if secure:
        load_usual_authorities()  # what this process has loaded, a fork server that is its fork has too
        multiprocessing.set_forkserver_preload([PRELOADED, AUTHORITIES])
    try:
        with _short_temporary_folder(), helpers_forked():
            resource_tracker.ensure_running()  # it unblocks signals when it starts: before they are blocked
            with signals_blocked():
                forkserver.ensure_running()
    except OSError as error:
        raise cannot_start(error) from None


def cannot_start(error: BaseException) -> ConfigError:
    """Return the error of a run that cannot start any worker process."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return ConfigError(f"worker processes cannot be started ({reason}): {INLINE}")


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM: workers inherit that, since a terminal or a service manager signals them too."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@contextmanager
def main_module_hidden(pickled: bytes) -> Iterator[None]:
    """Keep a worker that starts in the block from running the main module, unless its pickled task refers to it.

    The main module may be stdin, or a script that was deleted or has no guard against being run again.
    """
    if refers_to_main(pickled):
        yield
        return
    with _MAIN_HIDDEN:
        module = vars(sys.modules["__main__"])
        shown: dict[str, Any] = {name: module.pop(name) for name in ("__file__", "__spec__") if name in module}
        module["__spec__"] = None
        try:
            yield
        finally:
            module.update(shown)


def refers_to_main(pickled: bytes) -> bool:
    """Return whether a pickled object may hold something that the main module defines."""
    return b"__main__" in pickled


def _refuse_daemon() -> None:
    """Raise ConfigError where Python lets this process start no others."""
    current = multiprocessing.current_process()
    if current.daemon:
        raise ConfigError(
            f"this is a daemonic process, such as a worker of a task queue, and may start no worker processes: {INLINE}"
        )
    if getattr(current, "_inheriting", False):
        raise ConfigError(
            "the main module runs again in a worker process, which may start no others: let it begin its work under "
            f'`if __name__ == "__main__":`, or {INLINE}'
        )


def check_folder() -> None:
    """Raise ConfigError where the current folder was deleted: then neither paths nor processes work."""
    try:
        Path.cwd()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"the current folder cannot be used ({reason}): change to another one, or {INLINE}") from None


def _refuse_policy(policy: object) -> None:
    """Raise ConfigError where the policy is defined in a main module that workers cannot load."""
    if policy is None or not refers_to_main(pickle.dumps(policy)):
        return
    module = sys.modules["__main__"]
    if getattr(module, "__spec__", None) is not None:
        return
    file = getattr(module, "__file__", None)
    if file is None or not Path(process.ORIGINAL_DIR or "", file).exists():  # type: ignore[attr-defined]
        raise ConfigError(
            "the policy is defined in a main module without a file, which worker processes cannot load: put it into a "
            f"module of its own, or {INLINE}"
        )


@contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Let the fork server's socket be made where its path is not too long."""
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= LONGEST_FOLDER:
        yield
        return
    given = tempfile.tempdir
    tempfile.tempdir = next((each for each in SHORT_FOLDERS if os.access(each, os.W_OK | os.X_OK)), usual)
    try:
        yield
    finally:
        tempfile.tempdir = given
