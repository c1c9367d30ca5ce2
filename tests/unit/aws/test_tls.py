"""The authorities that connections trust: loaded once for all of them, and anew where their file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from botocore.httpsession import where

from fastsync.aws.network.tls import find_botocores_bundle, load_usual_authorities, share_context
from perf.server.certificate import BUNDLE, make_certified


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Make a CA bundle of one authority."""
    make_certified(tmp_path)
    return tmp_path / BUNDLE


def test_a_bundle_is_loaded_once(bundle: Path) -> None:
    """All connections that trust the same file share what was loaded of it."""
    assert share_context(str(bundle)) is share_context(str(bundle))
    assert share_context(str(bundle)) is not share_context(where())


def test_a_bundle_that_changes_is_loaded_again(bundle: Path) -> None:
    """A process that lives for days trusts what its file says now, and no more where there is none."""
    before = share_context(str(bundle))
    with bundle.open("a") as file:
        file.write(Path(where()).read_text())
    after = share_context(str(bundle))
    assert len(before.get_ca_certs()) == 1 < len(after.get_ca_certs())
    bundle.unlink()
    with pytest.raises(OSError, match=BUNDLE):
        share_context(str(bundle))


@pytest.mark.parametrize("setting", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_usual_authorities(setting: str, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those that the environment names: what becomes of the file afterwards is not looked at."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(setting, str(bundle))
    load_usual_authorities()
    before = bundle.stat()
    bundle.write_bytes(b"-" * before.st_size)
    os.utime(bundle, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(share_context(str(bundle)).get_ca_certs()) == 1


def test_botocores_authorities() -> None:
    """Where nothing names others they are those that botocore trusts, under the same path."""
    assert find_botocores_bundle() == where()


@pytest.mark.parametrize("named", ["", "/nonexistent/ca.pem", "folder", "empty.pem"])
def test_authorities_that_cannot_be_loaded(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with them is not said where they are only expected to be needed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.pem").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", named)
    load_usual_authorities()
