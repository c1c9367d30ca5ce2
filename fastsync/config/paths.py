"""Check the paths of a command: no two of them are the same file, by whatever name, and none is a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

STDOUT, STDERR = 1, 2
_Identity = str | tuple[int, int]
"""What two names of one file have in common: the path without links, or device and inode."""


def check_outputs(outputs: Mapping[str, str | None], folders: Iterable[str] = ()) -> None:
    """Raise ConfigError if an output, by its flag, is a folder, the same as another output, or where stderr goes.

    "-" is stdout. `folders` are the flags that name a folder on purpose.
    """
    taken = dict.fromkeys(_of_descriptor(STDERR), "that is where stderr goes")
    for flag, path in outputs.items():
        if path == "-":
            taken |= dict.fromkeys(_of_descriptor(STDOUT), f"that is where {flag} goes")
    for flag, path in outputs.items():
        if path not in (None, "-"):
            _check_output(flag, str(path), taken, flag in folders)


def check_inputs(outputs: Mapping[str, str | None], inputs: Iterable[str]) -> None:
    """Raise ConfigError if an output, by its flag, would replace a file that is read."""
    read = {identity for path in inputs for identity in _identities(path)}
    for flag, path in outputs.items():
        if path is not None and not read.isdisjoint(_identities(path)):
            raise ConfigError(f"{flag} cannot go to {path}: that is one of the files that are read")


def check_once(inputs: Iterable[str]) -> None:
    """Raise ConfigError if a file is given twice, by whatever name."""
    taken: set[_Identity] = set()
    for path in inputs:
        identities = set(_identities(path)) or {path}
        if not taken.isdisjoint(identities):
            raise ConfigError(f"{path} is given twice")
        taken |= identities


def _check_output(flag: str, path: str, taken: dict[_Identity, str], is_folder: bool) -> None:
    """Check one output against `taken`, and add it there."""
    if not is_folder:
        _check_file(flag, path)
    identities = list(_identities(path))
    for identity in identities:
        if identity in taken:
            raise ConfigError(f"{flag} cannot go to {path}: {taken[identity]}")
    taken |= dict.fromkeys(identities, f"that is where {flag} goes")


def _check_file(flag: str, path: str) -> None:
    if not path:
        raise ConfigError(f"{flag} takes the name of a file, not {path!r}")
    try:
        is_folder = Path(path).is_dir()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{flag} {quote(path)} cannot be written: {why}") from None
    if is_folder:
        raise ConfigError(f"{flag} {path} cannot be written: it is a folder; name a file in it")


def _identities(path: str) -> Iterator[_Identity]:
    if path == "-":
        return
    with suppress(OSError, ValueError):  # text that is no path at all is refused elsewhere
        yield os.path.realpath(path)
        yield from _of_regular(Path(path).stat())


def _of_descriptor(descriptor: int) -> Iterator[_Identity]:
    with suppress(OSError):
        yield from _of_regular(os.fstat(descriptor))


def _of_regular(found: os.stat_result) -> Iterator[_Identity]:
    if stat.S_ISREG(found.st_mode):
        yield found.st_dev, found.st_ino
