"""An emulator of DynamoDB for the demonstration: dynoxide, which is quick, where it can be had; else moto."""

from __future__ import annotations

import logging
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastsync.demo.archive import Archive, Unobtainable, can_fetch, unpack
from fastsync.errors import ConfigError

DYNOXIDE = Archive(
    "@dynoxide/linux-x64",
    "1.2.1",
    "80e1ed33e33ec33c7bdcb1779ea09678e5c6f87c5c225f44c2037d2b2ea71164",
    "package/dynoxide",
)
FOLDER = "FASTSYNC_SERVERS"
"""The variable that names the folder in which emulators are kept."""
TO_INSTALL = "python -m pip install 'moto[server]>=5.0'"
STARTING = 20.0
"""Seconds that dynoxide may take to listen; it takes some milliseconds."""
STOPPING = 5.0
"""Seconds that it may take to end before it is killed."""


@dataclass(frozen=True)
class Server:
    """A running emulator: its name, its address, how many orders it can take, and what is to be said of it."""

    name: str
    url: str
    orders: int
    remark: str | None = None


@contextmanager
def run_server(announce: Callable[[str], object]) -> Iterator[Server]:
    """Run an emulator on a free port; raise ConfigError where there is none. `announce` is told what takes time."""
    program = find_dynoxide(announce)
    if program is not None:
        with _run_dynoxide(program) as url:
            if url is not None:
                yield Server("dynoxide", url, orders=20_000)
                return
    with _run_moto(_load_moto()) as url:
        yield Server("moto", url, orders=300, remark=REMARK_ON_MOTO)


REMARK_ON_MOTO = (
    "The emulator is moto, which is written in Python and answers some hundred items a second:\n"
    "the times below are its own. Where npm can fetch dynoxide the demo has 20,000 orders."
)


def find_dynoxide(announce: Callable[[str], object]) -> Path | None:
    """Return the program dynoxide, fetched with npm where it is not here yet; None where it cannot be had."""
    folder = find_folder()
    if not runs_dynoxide() or not (folder.exists() or can_fetch()):
        return None
    with suppress(Unobtainable):
        return unpack(DYNOXIDE, folder, announce) / DYNOXIDE.wanted
    return None


def runs_dynoxide() -> bool:
    """Return whether the pinned dynoxide is made for this platform."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def find_folder() -> Path:
    """Return the folder in which emulators are kept: a cache of the user's, unless the environment names another."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given).absolute()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "fastsync"


@contextmanager
def _run_dynoxide(program: Path) -> Iterator[str | None]:
    """Run dynoxide, in memory; yield its address, or None where it does not start."""
    port = _find_port()
    try:
        process = subprocess.Popen(
            [program, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the demo, which ends it
        )
    except OSError:
        yield None
        return
    try:
        yield f"http://127.0.0.1:{port}" if _listens(process, port) else None
    finally:
        _end_process(process)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a server takes connections; False where it has ended, or takes too long."""
    patience = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < patience:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=STARTING):
            return process.poll() is None
        time.sleep(0.02)
    return False


def _end_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _load_moto() -> Callable[..., Any]:
    try:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"fastsync demo needs the extra fastsync[demo], which is moto; install it with: {TO_INSTALL} ({error})"
        ) from None
    server_class: Callable[..., Any] = ThreadedMotoServer
    return server_class


@contextmanager
def _run_moto(server_class: Callable[..., Any]) -> Iterator[str]:
    """Run moto in threads of this process; yield its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_class(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
