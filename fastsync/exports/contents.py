"""Find out what an export holds, and refuse what is none, before any item is read."""

from __future__ import annotations

from collections.abc import Collection

from fastsync.errors import IncompleteError, TableError
from fastsync.exports.export import Export, ExportFile
from fastsync.exports.manifest import FILES, SUMMARY, ListedFile, Summary, read_files, read_summary
from fastsync.exports.place import Place
from fastsync.exports.storage import Folder, Storage, StoredFile
from fastsync.exports.wrong_place import DATA, find_data_files, is_hidden, list_names, refuse_content, refuse_place
from fastsync.model.wording import choose_form, count_nouns


def open_export(place: Place, storage: Storage) -> Export:
    """Return what an export holds.

    Raises ConfigError where the place holds something else than a full export in DynamoDB JSON, or a part of one, and
    TableError where it is not there, cannot be read, or its manifest is damaged.
    """
    try:
        return _open_folder(place, storage)
    except IncompleteError as error:
        raise TableError(str(error)) from None


def _open_folder(place: Place, storage: Storage) -> Export:
    folder = storage.list_folder("")
    if folder is None:
        raise TableError(f"{place.shown} is not there, or is no folder: give the folder of an export")
    if SUMMARY in folder.files:
        return _open_manifest(place, storage, folder)
    refuse_place(place, storage, folder)
    return _open_bare(place, storage, folder)


def _open_manifest(place: Place, storage: Storage, folder: Folder) -> Export:
    """Return an export with a manifest. Its files are looked for by their last name: it may be a copy."""
    summary = read_summary(storage, folder.files[SUMMARY])
    listed = read_files(storage, _find_list(storage, folder, summary))
    data = storage.list_folder(DATA) or Folder()
    faults = [
        f"{storage.name_file(f'{DATA}/{each.name}')} is not there, but the manifest names it"
        for each in listed
        if each.name not in data.files
    ]
    total = sum(each.itemCount for each in listed)
    if total != summary.itemCount:
        faults.append(
            f"{storage.name_file(SUMMARY)} tells of {count_nouns(summary.itemCount, 'item')}, but the files that "
            f"{FILES} names hold {total:,}"
        )
    return Export(
        place,
        tuple(_pair_file(storage, each, data) for each in listed if each.name in data.files),
        storage.identify_folder(DATA),
        item_count=summary.itemCount,
        item_bytes=summary.billedSizeBytes,
        table_arn=summary.tableArn,
        export_arn=summary.exportArn,
        faults=tuple(faults),
        notes=_note_others(storage, {each.name for each in listed}, data),
    )


def _find_list(storage: Storage, folder: Folder, summary: Summary) -> StoredFile:
    """Return the list of files; raise TableError where it is not beside the summary."""
    name = FILES
    if summary.manifestFilesS3Key:
        name = summary.manifestFilesS3Key.rpartition("/")[2]
    if name not in folder.files:
        raise TableError(f"{storage.name_file(name)} is not there, which names the files of the export; copy it, too")
    return folder.files[name]


def _pair_file(storage: Storage, listed: ListedFile, data: Folder) -> ExportFile:
    stored = data.files[listed.name]
    return ExportFile(storage.name_file(stored.path), stored, listed.itemCount, listed.md5)


def _note_others(storage: Storage, listed: Collection[str], data: Folder) -> tuple[str, ...]:
    """Return a sentence about files that the manifest does not name, if there are any."""
    others = [name for name in data.files if name not in listed and not is_hidden(name)]
    if not others:
        return ()
    return (
        f"{storage.name_file(DATA)} holds {count_nouns(len(others), 'file')} that the manifest does not name, and that "
        f"{choose_form(len(others), 'is', 'are')} not read: {list_names(others)}",
    )


def _open_bare(place: Place, storage: Storage, folder: Folder) -> Export:
    """Return an export without a manifest: all data files that lie directly in the folder."""
    found = find_data_files(place, folder)
    files = tuple(ExportFile(storage.name_file(stored.path), stored) for stored in found)
    refuse_content(files, storage)
    notes = [
        f"{place.shown} has no manifest, so whether its {count_nouns(len(files), 'file')} are all that belong to the "
        "export cannot be checked"
    ]
    empty = [file.stored.name for file in files if not file.size_bytes]
    if empty:
        notes.append(f"{place.shown} holds files without any bytes, which count as without items: {list_names(empty)}")
    return Export(place, files, storage.identify_folder(""), notes=tuple(notes))
