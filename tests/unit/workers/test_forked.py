"""When helper processes are forked from the command line's own one."""

from __future__ import annotations

from multiprocessing import util
from pathlib import Path

import pytest

from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes import forked

PLAIN = ["fastsync", "-m", "us-east-1:a", "-s", "us-west-2:b", "--endpoint-url", "https://example.org/"]
SECRET = {
    "an MFA code": ["--mfa-token", "123456"],
    "an MFA code of the slaves": ["--slave-mfa-token=123456"],
    "an external id": ["--external-id", "x"],
    "a password in an address": ["--slave-endpoint-url", "https://user:secret@example.org/"],
    "a password in an address, in one word": ["--endpoint-url=https://user:secret@example.org/"],
}


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Be the command line's own process, with one thread: a folder in the folder that is returned."""
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(Interrupt, "leave", staticmethod(lambda _: None))
    monkeypatch.setattr(forked, "THREADS", tmp_path)
    monkeypatch.setattr("sys.argv", PLAIN)
    return tmp_path


def are_forked() -> bool:
    """Return whether helpers that start now are forks."""
    started_anew = util.spawnv_passfds
    with forked.helpers_forked():
        return util.spawnv_passfds is not started_anew


def test_own_process() -> None:
    """Helpers are forks of the command line's own process, which has one thread."""
    assert are_forked()


@pytest.mark.parametrize("words", SECRET.values(), ids=SECRET)
def test_secrets(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No helper is forked from a command line with a secret, which ps would show of it, too."""
    monkeypatch.setattr("sys.argv", [*PLAIN, *words])
    assert not are_forked()


def test_threads(threads: Path) -> None:
    """A process with threads is not forked."""
    (threads / "2").mkdir()
    assert not are_forked()


def test_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that uses the library is not forked."""
    monkeypatch.setattr(Interrupt, "leave", None)
    assert not are_forked()
