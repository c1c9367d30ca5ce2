"""What an export holds, and what is refused before any item is read."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fastsync.errors import ConfigError, FastsyncError, TableError
from fastsync.exports.contents import open_export
from fastsync.exports.export import Export
from fastsync.exports.place import parse_place
from fastsync.exports.storage import LocalStorage
from tests.exports import TABLE_ARN, write_bare, write_export, write_lines
from tests.tables import Item

ITEMS: list[Item] = [{"id": {"S": f"item-{number}"}} for number in range(5)]
INCREMENTAL = {"Metadata": {"WriteTimestampMicros": {"N": "1"}}, "Keys": {"id": {"S": "a"}}, "NewImage": {}}


def open_local(text: str) -> Export:
    place = parse_place(text)
    return open_export(place, LocalStorage(place))


@pytest.mark.parametrize("with_type", [True, False])
def test_an_export_with_a_manifest_tells_what_it_holds(tmp_path: Path, with_type: bool) -> None:
    """Files, counts, digests and the table's name come from the manifest, of exports before 2023 too."""
    export = open_local(write_export(tmp_path / "x", ITEMS, with_type=with_type))
    assert [file.items for file in export.files] == [3, 2, 0]
    assert export.item_count == 5
    assert export.table_arn == TABLE_ARN
    assert export.size_bytes == sum(file.stat().st_size for file in (tmp_path / "x/data").iterdir())
    assert all(file.md5 and file.name.startswith(f"{tmp_path}/x/data/") for file in export.files)
    assert not export.faults and not export.notes


@pytest.mark.parametrize("names", [["a.json.gz", "b.gz", "c.json"], ["UPPER.JSON.GZ"]])
def test_a_folder_of_data_files_is_an_export(tmp_path: Path, names: list[str]) -> None:
    """Data files alone are an export, files of other tools are passed over, and it says that nothing can be checked."""
    for name in names:
        write_bare(tmp_path, ITEMS, name)
    for hidden in (".DS_Store", "_SUCCESS", ".a.json.gz"):
        (tmp_path / hidden).write_text("x")
    export = open_local(f"export:{tmp_path}")
    assert [file.stored.name for file in export.files] == names
    assert export.item_count is None
    assert "has no manifest" in export.notes[0]


def test_one_export_in_two_spellings_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity does not depend on how the folder is spelled, nor on whether its data files alone are given."""
    text = write_export(tmp_path / "x", ITEMS)
    (tmp_path / "link").symlink_to("x")
    monkeypatch.chdir(tmp_path)
    spelled = [text, f"{text}/", "export:x", "export:./x", "export:link", f"{text}/data"]
    assert len({open_local(each).identity for each in spelled}) == 1
    assert open_local(write_export(tmp_path / "y", ITEMS)).identity != open_local(text).identity


def test_files_that_the_manifest_does_not_name_are_told(tmp_path: Path) -> None:
    """Other files beside the data files are told by name, and are no part of the export."""
    text = write_export(tmp_path / "x", ITEMS)
    shutil.copy(next((tmp_path / "x/data").iterdir()), tmp_path / "x/data/again.json.gz")
    export = open_local(text)
    assert len(export.files) == 3
    assert "'again.json.gz'" in export.notes[0] and not export.faults


def test_what_the_manifest_disagrees_with_is_known_at_once(tmp_path: Path) -> None:
    """A file that nobody has, and a sum that is another one, are faults of the export; the other files can be read."""
    text = write_export(tmp_path / "x", ITEMS, itemCount=7)
    gone = next((tmp_path / "x/data").iterdir())
    gone.unlink()
    export = open_local(text)
    assert len(export.files) == 2
    assert [fault for fault in export.faults if f"{gone} is not there" in fault]
    assert [fault for fault in export.faults if "7 items" in fault and "hold 5" in fault]


def test_a_copy_without_its_data_folder_lacks_every_file(tmp_path: Path) -> None:
    """A manifest without any of its files is an export that lacks all of them."""
    text = write_export(tmp_path / "x", ITEMS)
    shutil.rmtree(tmp_path / "x/data")
    assert len(open_local(text).faults) == 3


def _write_unfinished(folder: Path) -> None:
    write_export(folder, ITEMS)
    (folder / "manifest-summary.json").unlink()
    (folder / "manifest-files.json").unlink()


def _write_started(folder: Path) -> None:
    folder.mkdir()
    (folder / "_started").touch()


def _write_without_summary(folder: Path) -> None:
    write_export(folder, ITEMS)
    (folder / "manifest-summary.json").unlink()


def _write_line(line: object, name: str = "a.json.gz") -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        folder.mkdir()
        text = line if isinstance(line, str) else json.dumps(line)
        (folder / "0.json").touch()
        (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())

    return write


def _write_stray(folder: Path) -> None:
    write_bare(folder, ITEMS, "a.json")
    (folder / "notes.txt").touch()


CONFIG_ERRORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no summary": (_write_unfinished, r"has no manifest-summary.json: the export has not ended yet.*/x/data$"),
    "just begun": (_write_started, r"the export has not ended yet, or was not copied as a whole$"),
    "files without a summary": (_write_without_summary, r"holds manifest-files.json, but no manifest-summary.json"),
    "above": (lambda x: write_export(x / "AWSDynamoDB/01-a", ITEMS), r"below it: give export:.*/x/AWSDynamoDB/01-a$"),
    "folder of exports": (lambda x: write_export(x / "01-a", ITEMS), r"below it: give export:.*/x/01-a$"),
    "above, no manifest": (
        lambda x: write_bare(x / "AWSDynamoDB/01-a/data", ITEMS),
        r"below it: give export:.*/x/AWSDynamoDB/01-a/data$",
    ),
    "incremental": (lambda x: write_export(x, ITEMS, exportType="INCREMENTAL_EXPORT"), r"incremental export \('INCR"),
    "ion": (lambda x: write_export(x, ITEMS, outputFormat="ION"), r"another format \('ION'\); export the table as"),
    "incremental, bare": (_write_line(INCREMENTAL), r"a.json.gz is of an incremental export .*only what has changed"),
    "incremental, plain": (_write_line(INCREMENTAL, "a.json"), r"a.json is of an incremental export"),
    "ion, bare": (_write_line("$ion_1_0 {Item:{id:\"a\"}}"), r"a.json.gz is of an export in another format"),
    "ion without version": (_write_line('{Item:{id:"a"}}'), r"a.json.gz is of an export in another format"),
    "ion by name": (_write_line("$ion_1_0", "a.ion.gz"), r"a.ion.gz is of an export in another format"),
    "stray": (_write_stray, r"no data files of an export \(.json.gz, .gz, .json\): 'notes.txt'; remove them"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIG_ERRORS)
def test_what_is_no_full_export_is_refused(tmp_path: Path, case: str) -> None:
    """A part of an export, the folder above, an incremental one, Ion stray files are refused, with what to do."""
    write, message = CONFIG_ERRORS[case]
    write(tmp_path / "x")
    with pytest.raises(ConfigError, match=message) as error:
        open_local(f"export:{tmp_path}/x")
    assert "\n" not in str(error.value)


def test_a_place_without_an_export_is_a_table_that_is_missing(tmp_path: Path) -> None:
    """A folder that is not there, is a file, is empty or holds only other files cannot be compared."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/readme.txt").touch()
    for name in ("nothing", "file", "file/below", "empty", "other", "x" * 300):
        with pytest.raises(TableError, match=r"is not there|is no export|cannot be read"):
            open_local(f"export:{tmp_path}/{name}")


SUMMARY_DAMAGES: dict[str, bytes] = {
    "empty": b"",
    "cut": b'{"itemCount": 5, "outputFormat": "DYNAMODB_J',
    "no json": b"itemCount: 5",
    "not utf-8": b'{"itemCount": 5, "outputFormat": "\xff\xfe"}',
    "list": b"[]",
    "null": b"null",
    "no count": b'{"outputFormat": "DYNAMODB_JSON"}',
    "count as text": b'{"itemCount": "5"}',
    "fraction": b'{"itemCount": 5.5}',
    "negative": b'{"itemCount": -5}',
    "enormous": b'{"itemCount": ' + b"9" * 5000 + b"}",
    "deep": b'{"itemCount": ' + b"[" * 100_000,
    "file list elsewhere": b'{"itemCount": 5, "manifestFilesS3Key": "a/other.json"}',
    "file list is a number": b'{"itemCount": 5, "manifestFilesS3Key": 7}',
    "huge": b" " * ((1 << 20) + 1),
    "null bytes": b"\0" * 100,
}


@pytest.mark.parametrize("case", SUMMARY_DAMAGES)
def test_a_damaged_summary_is_one_sentence(tmp_path: Path, case: str) -> None:
    """However a summary is damaged, the export cannot be compared, and the sentence names the file."""
    text = write_export(tmp_path / "x", ITEMS)
    (tmp_path / "x/manifest-summary.json").write_bytes(SUMMARY_DAMAGES[case])
    _assert_damaged(text)


LIST_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-20],
    "no json": lambda content: b"hello\n" + content,
    "twice": lambda content: content + content,
    "no name": lambda content: content.replace(b"dataFileS3Key", b"dataFile"),
    "empty name": lambda content: content + b'{"dataFileS3Key":"a/","itemCount":0,"md5Checksum":""}',
    "no count": lambda content: content.replace(b"itemCount", b"items"),
    "no digest": lambda content: content.replace(b"md5Checksum", b"md5"),
    "digest of another length": lambda content: content.replace(b'md5Checksum": "', b'md5Checksum": "AAAA'),
    "digest that is none": lambda content: content.replace(b'md5Checksum": "', '"md5Checksum": "é'.encode()),
    "list": lambda content: b"[" + content.replace(b"\n", b",") + b"]",
    "not utf-8": lambda content: content.replace(b"data/", b"data/\xff"),
}


@pytest.mark.parametrize("case", LIST_DAMAGES)
def test_a_damaged_list_of_files_is_one_sentence(tmp_path: Path, case: str) -> None:
    """However the list of files is damaged, the export cannot be compared, and the sentence names file and line."""
    text = write_export(tmp_path / "x", ITEMS)
    listed = tmp_path / "x/manifest-files.json"
    listed.write_bytes(LIST_DAMAGES[case](listed.read_bytes()))
    assert ", line " in _assert_damaged(text)


def _assert_damaged(text: str) -> str:
    with pytest.raises(TableError) as error:
        open_local(text)
    told = str(error.value)
    assert "manifest-" in told or "other.json" in told
    assert "\n" not in told and len(told) < 600
    return told


@pytest.mark.parametrize("name", ["manifest-summary.json", "manifest-files.json"])
def test_any_byte_of_a_manifest_may_be_wrong(tmp_path: Path, name: str) -> None:
    """A byte that is wrong, or missing with all behind it, ends in a sentence, or in an export that may be read."""
    text = write_export(tmp_path / "x", ITEMS)
    file = tmp_path / "x" / name
    content = file.read_bytes()
    for place in range(len(content)):
        for damaged in (content[:place], content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]):
            file.write_bytes(damaged)
            try:
                open_local(text)
            except FastsyncError as error:
                assert error.exit_code in (2, 3) and "\n" not in str(error)


@pytest.mark.parametrize("special", ["pipe", "folder", "link to nowhere"])
def test_a_summary_that_is_no_file_is_refused(tmp_path: Path, special: str) -> None:
    """A pipe, or a link to nowhere, in the place of the summary keeps nobody waiting."""
    text = write_export(tmp_path / "x", ITEMS)
    summary = tmp_path / "x/manifest-summary.json"
    summary.unlink()
    if special == "pipe":
        os.mkfifo(summary)
    elif special == "folder":
        summary.mkdir()
    else:
        summary.symlink_to("nowhere")
    with pytest.raises(FastsyncError, match="manifest-") as error:
        open_local(text)
    assert error.value.exit_code in (2, 3)


def test_names_that_would_steer_a_terminal_are_escaped(tmp_path: Path) -> None:
    """A file's name is told without its control characters."""
    write_bare(tmp_path, ITEMS)
    (tmp_path / "\x1b[31mred").touch()
    with pytest.raises(ConfigError) as error:
        open_local(f"export:{tmp_path}")
    assert "\x1b" not in str(error.value)


def test_lines_are_written_as_the_service_writes_them() -> None:
    """The helper of these tests writes lines without any space."""
    assert write_lines([{"id": {"S": "é"}}]) == '{"Item":{"id":{"S":"é"}}}\n'.encode()
