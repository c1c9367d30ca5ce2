"""Refuse a place that is no full export, or only a part of one, and say what to give instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import msgspec

from fastsync.errors import ConfigError, ExportDamaged, TableError
from fastsync.exports.compressed import expand
from fastsync.exports.data_file import read_stored
from fastsync.exports.export import ExportFile
from fastsync.exports.lines import INCREMENTAL
from fastsync.exports.manifest import FILES, SUMMARY, refuse_format, refuse_type
from fastsync.exports.place import Place
from fastsync.exports.storage import Folder, Storage, StoredFile
from fastsync.model.wording import quote

DATA = "data"
"""The folder of the data files, beside the manifest."""
STARTED = "_started"
"""The empty file that an export writes first."""
EXPORTS = "AWSDynamoDB"
"""The folder below a prefix in which the service puts a folder for each export."""
KINDS = (".json.gz", ".gz", ".json")
"""How names of data files end."""
ION_NAMES = (".ion", ".ion.gz")
_ION = re.compile(rb"\s*(\$ion|\xe0\x01\x00\xea|\{\s*Item\s*:)")
"""How Ion begins: its version as text or in binary, or a name without quotes."""
TOLD = 3
"""Names that a sentence tells at most."""
LOOKED_AT = 50
"""Folders that are looked into for exports at most."""


def refuse_place(place: Place, storage: Storage, folder: Folder) -> None:
    """Raise ConfigError where a folder without a summary is a part of an export, or only has exports below it."""
    if FILES in folder.files:
        raise ConfigError(f"{place.shown} holds {FILES}, but no {SUMMARY}: copy the whole export")
    if STARTED in folder.files or DATA in folder.folders:
        raise ConfigError(
            f"{place.shown} has no {SUMMARY}: the export has not ended yet, or was not copied as a whole"
            f"{_advise_place(place, storage, folder, '; its data files alone are read from')}"
        )
    if any(_is_data_file(name) for name in folder.files):
        return
    advice = _advise_place(place, storage, folder, ": give")
    if advice:
        raise ConfigError(f"{place.shown} is no export, but there are exports below it{advice}")


def find_data_files(place: Place, folder: Folder) -> list[StoredFile]:
    """Return the data files of a folder without a manifest.

    Raises TableError where there are none, ConfigError where there are others, which may be anything.
    """
    shown = {name: file for name, file in folder.files.items() if not is_hidden(name)}
    in_ion = [name for name in shown if name.lower().endswith(ION_NAMES)]
    if in_ion:
        refuse_format(f"{place.shown}/{in_ion[0]}", "Ion")
    found = [file for name, file in shown.items() if _is_data_file(name)]
    if not found:
        raise TableError(
            f"{place.shown} is no export: it holds neither {SUMMARY} nor data files, whose names end in .json.gz, .gz "
            "or .json"
        )
    others = [name for name in shown if not _is_data_file(name)]
    if others:
        raise ConfigError(
            f"{place.shown} holds files that are no data files of an export (.json.gz, .gz, .json): "
            f"{list_names(others)}; remove them, or give another folder"
        )
    return found


def refuse_content(files: Iterable[ExportFile], storage: Storage) -> None:
    """Raise ConfigError where the first line of the first file that has one is of an incremental export, or in Ion.

    What is damaged is not judged here: whoever reads the whole file tells it with its line.
    """
    for file in files:
        line = _read_first_line(file, storage)
        if not line.strip():
            continue
        if _ION.match(line):
            refuse_format(file.name, "Ion")
        if INCREMENTAL & _find_names(line):
            refuse_type(file.name, "by its first line")
        return


def is_hidden(name: str) -> bool:
    """Return whether a file is passed over: other tools' notes, such as _SUCCESS and .DS_Store."""
    return name.startswith((".", "_"))


def list_names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    told = ", ".join(map(quote, names[:TOLD]))
    if len(names) <= TOLD:
        return told
    return f"{told} and {len(names) - TOLD:,} more"


def _is_data_file(name: str) -> bool:
    return name.lower().endswith(KINDS) and not is_hidden(name)


def _advise_place(place: Place, storage: Storage, folder: Folder, words: str) -> str:
    """Return, after some words, which folders below to give instead; "" where there is none."""
    found = list(_find_exports(storage, "", folder))
    if not found:
        return ""
    start = place.text.rstrip("/")
    told = " or ".join(f"{start}/{path}" for path in found[:TOLD])
    if len(found) > TOLD:
        told += f", or one of {len(found) - TOLD:,} more"
    return f"{words} {told}"


def _find_exports(storage: Storage, path: str, folder: Folder) -> Iterator[str]:
    """Yield the paths of folders below that are an export, or hold data files."""
    for name in folder.folders[:LOOKED_AT]:
        below = f"{path}/{name}".removeprefix("/")
        inside = storage.list_folder(below) or Folder()
        if SUMMARY in inside.files or (name == DATA and any(map(_is_data_file, inside.files))):
            yield below
        elif name == EXPORTS or DATA in inside.folders:
            yield from _find_exports(storage, below, inside)


def _read_first_line(file: ExportFile, storage: Storage) -> bytes:
    """Return the first line as far as it lies in the first block; b"" where it cannot be known."""
    with closing(read_stored(file, storage)) as chunks, closing(expand(chunks, file.name)) as blocks:
        try:
            return next(blocks, b"").lstrip().partition(b"\n")[0]
        except ExportDamaged:
            return b""


def _find_names(line: bytes) -> frozenset[str]:
    try:
        return frozenset(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except (ValueError, RecursionError):
        return frozenset()
