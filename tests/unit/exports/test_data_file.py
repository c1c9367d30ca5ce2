"""Items of data files: as they are stored, or an error with file and line."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fastsync.errors import ExportDamaged, FileReplaced
from fastsync.exports.contents import open_export
from fastsync.exports.data_file import read_items
from fastsync.exports.export import ExportFile
from fastsync.exports.place import parse_place
from fastsync.exports.storage import LocalStorage, StoredFile
from tests.exports import write_export, write_lines
from tests.tables import Item

ITEMS: list[Item] = [{"id": {"S": f"é-{number}"}, "n": {"N": "1.50"}} for number in range(4000)]


def stored(file: Path, **told: object) -> tuple[ExportFile, LocalStorage]:
    """Return a file as it would be found in its folder."""
    storage = LocalStorage(parse_place(f"export:{file.parent}"))
    found = ExportFile(str(file), StoredFile(file.name, file.stat().st_size), **told)  # type: ignore[arg-type]
    return found, storage


def read(file: Path, start_line: int = 1, **told: object) -> list[tuple[int, bytes]]:
    """Return all items of a file, each with its line."""
    return [
        (first + place, bytes(item))
        for first, items in read_items(*stored(file, **told), start_line)
        for place, item in enumerate(items)
    ]


def spell(item: Item) -> bytes:
    return json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode()


FORMS: dict[str, Callable[[bytes], tuple[str, bytes]]] = {
    "gzip": lambda text: ("a.json.gz", gzip.compress(text)),
    "plain": lambda text: ("a.json", text),
    "gzip by its bytes": lambda text: ("a.json", gzip.compress(text)),
    "several gzip files in a row": lambda text: ("a.gz", gzip.compress(text[:1000]) + gzip.compress(text[1000:])),
    "no line end at the end": lambda text: ("a.gz", gzip.compress(text[:-1])),
    "not compressed at all": lambda text: ("a.gz", gzip.compress(text, 0)),
}


@pytest.mark.parametrize("form", FORMS)
def test_items_are_read_as_they_are_stored(tmp_path: Path, form: str) -> None:
    """Every item comes with its line, byte for byte as it is stored, from gzip and plain files."""
    name, content = FORMS[form](write_lines(ITEMS))
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == [(number, spell(item)) for number, item in enumerate(ITEMS, start=1)]


LAYOUTS: dict[str, bytes] = {
    "empty lines": b'\n{"Item":{"a":1}}\n\n \t\r\n{"Item":{"b":2}}\n{"Item":{"c":3}}\n\n',
    "spaces": b'\n { "Item" : {"a":1} } \n\n\n{"Item": {"b":2}}\n{"Item":\t{"c":3}}',
    "line ends of Windows": b'\r\n{"Item":{"a":1}}\r\n\r\n\r\n{"Item":{"b":2}}\r\n{"Item":{"c":3}}\r\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lines_count_however_they_are_laid_out(tmp_path: Path, layout: str) -> None:
    """Empty lines are passed over and counted; spaces around an item are no part of it."""
    (tmp_path / "a.json").write_bytes(LAYOUTS[layout])
    assert read(tmp_path / "a.json") == [(2, b'{"a":1}'), (5, b'{"b":2}'), (6, b'{"c":3}')]


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), gzip.compress(b"\n")], ids=["empty", "nothing", "a line"])
def test_a_file_without_items_is_read(tmp_path: Path, content: bytes) -> None:
    """A partition without items gives an empty file, which is no error."""
    (tmp_path / "a.json.gz").write_bytes(content)
    assert read(tmp_path / "a.json.gz", items=0) == []


def test_reading_can_go_on_at_a_line(tmp_path: Path) -> None:
    """Lines before the one to go on from are checked and counted, and not yielded again."""
    name, content = FORMS["gzip"](write_lines(ITEMS))
    (tmp_path / name).write_bytes(content)
    for start in (0, 1, 2, 3999, 4000, 4001):
        left = read(tmp_path / name, start, items=len(ITEMS))
        assert [number for number, _ in left] == list(range(max(start, 1), 4001))


def test_items_of_the_largest_size_are_read(tmp_path: Path) -> None:
    """An item of 400 KB, and one whose JSON is ten times as long, are read whole, between small ones."""
    items: list[Item] = [{"id": {"S": "x" * size}} for size in (1, 400_000, 1, 4_000_000, 1)]
    (tmp_path / "a.gz").write_bytes(gzip.compress(write_lines(items)))
    assert [item for _, item in read(tmp_path / "a.gz")] == [spell(item) for item in items]


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut in half": (b'{"Item":{"id":{"S":"a', r"line 2 is not whole"),
    "no json": (b"hello", r"line 2 is not whole"),
    "two objects": (b'{"Item":{}} {"Item":{}}', r"line 2 is not whole"),
    "two objects together": (b'{"Item":{}}{"Item":{}}', r"line 2 is not whole"),
    "over two lines": (b'{"Item":\n{}}', r"line 2 is not whole"),
    "one over two lines, two on one": (b'{"Item":\n{}} {"Item":{}}', r"line 2 is not whole"),
    "list": (b'[{"Item":{}}]', r"line 2 is no object"),
    "null": (b"null", r"line 2 is no object"),
    "no Item": (b"{}", r"line 2 holds no Item"),
    "item in small letters": (b'{"item":{}}', r"line 2 holds no Item"),
    "item itself": (b'{"id":{"S":"a"}}', r"line 2 holds no Item"),
    "more names": (b'{"Item":{},"Version":1}', r"line 2 holds 'Version' beside Item"),
    "Item twice": (b'{"Item":{"a":1},"Item":{}}', r"line 2 holds Item twice"),
    "Item twice, in escapes": (b'{"\\u0049tem":{"a":1},"Item":{}}', r"line 2 holds Item twice"),
    "text as an item": (b'{"Item":"a"}', r"line 2 has an Item that is no object"),
    "null as an item": (b'{"Item":null}', r"line 2 has an Item that is no object"),
    "incremental": (b'{"Metadata":{},"Keys":{},"NewImage":{}}', r"line 2 is of an incremental export"),
    "not UTF-8": (b'{"Item":{"id":{"S":"\xff"}}}', r"line 2 is not whole"),
    "null bytes": (b"\0\0\0", r"line 2 is not whole"),
    "nested without end": (b'{"Item":' + b'{"M":' * 100_000, r"line 2 is not whole"),
    "nested deeply": (b'{"Item":' + b'{"M":' * 50_000 + b"1" + b"}" * 50_000 + b"}", r"line 2 is not whole"),
    "without end": (b'{"Item":{"id":{"S":"' + b"x" * (1 << 24), r"line 2 is longer than any item can be"),
    "mark of the byte order": (b'\xef\xbb\xbf{"Item":{}}', r"line 2 is not whole"),
}


@pytest.mark.parametrize("form", ["gzip", "plain"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("case", BAD_LINES)
def test_a_line_that_is_no_item_is_an_error_with_its_number(tmp_path: Path, case: str, last: bool, form: str) -> None:
    """Whatever is wrong with a line, one sentence tells file and line; it is never passed over."""
    line, message = BAD_LINES[case]
    name, content = FORMS[form](b'{"Item":{}}\n' + line + (b"" if last else b'\n{"Item":{}}\n'))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportDamaged, match=message) as error:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_a_count_that_the_manifest_does_not_tell_is_an_error(tmp_path: Path) -> None:
    """More or fewer items than the manifest says are damage."""
    (tmp_path / "a.json").write_bytes(write_lines(ITEMS[:3]))
    for told in (0, 2, 4):
        with pytest.raises(ExportDamaged, match=rf"a.json is damaged: it holds 3 items, but the manifest says {told}"):
            read(tmp_path / "a.json", items=told)


def test_a_digest_that_is_another_one_is_an_error(tmp_path: Path) -> None:
    """A file whose bytes are not those that the manifest is of is damaged, also where all its lines are whole."""
    (tmp_path / "a.json").write_bytes(write_lines(ITEMS[:3]))
    file = stored(tmp_path / "a.json", md5=b"\0" * 16)
    with pytest.raises(FileReplaced, match=r"a.json is damaged: its MD5 digest"):
        list(read_items(*file))


@pytest.mark.parametrize("right", [True, False])
def test_damage_says_whether_what_came_before_counts(tmp_path: Path, right: bool) -> None:
    """Where a line is damaged, the whole file is read all the same, to know whether its bytes are the right ones."""
    content = gzip.compress(write_lines(ITEMS[:3]) + b"{}\n" + random.Random(3).randbytes(1 << 20))
    (tmp_path / "a.gz").write_bytes(content)
    digest = hashlib.md5(content).digest() if right else b"\0" * 16
    found = []
    with pytest.raises(ExportDamaged, match="line 4 holds no Item" if right else "MD5") as error:
        for _, items in read_items(*stored(tmp_path / "a.gz", md5=digest)):
            found += items
    assert isinstance(error.value, FileReplaced) is not right
    assert len(found) == 3


def test_a_file_that_changes_after_it_was_listed_is_an_error(tmp_path: Path) -> None:
    """A copy that still grows, or is replaced by a shorter one, is no export of anything."""
    (tmp_path / "a.json").write_bytes(write_lines(ITEMS[:3]))
    file = stored(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(write_lines(ITEMS[:2]))
    with pytest.raises(ExportDamaged, match="was replaced or cut short"):
        list(read_items(*file))


@pytest.mark.parametrize("end", [b"garbage", b"\0", b"\x1f\x8b"])
def test_bytes_behind_gzip_data_are_an_error(tmp_path: Path, end: bytes) -> None:
    """What follows the gzip data and is none is damage."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(write_lines(ITEMS)) + end)
    with pytest.raises(ExportDamaged, match=r"a.gz is (damaged|cut short)"):
        read(tmp_path / "a.gz")


def test_a_name_of_gzip_promises_gzip(tmp_path: Path) -> None:
    """Text in a file whose name ends in .gz is damage, as the first bytes may be what is damaged."""
    (tmp_path / "a.gz").write_bytes(write_lines(ITEMS))
    with pytest.raises(ExportDamaged, match=r"a.gz is damaged: it is no gzip file"):
        read(tmp_path / "a.gz")


def test_a_flood_of_spaces_is_given_up(tmp_path: Path) -> None:
    """A small gzip file that stands for a line without end is given up early, and not taken for an empty line."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b" " * (1 << 26)))
    with pytest.raises(ExportDamaged, match=r"line 1 is longer"):
        read(tmp_path / "a.gz")


def test_no_damage_goes_unnoticed(tmp_path: Path) -> None:
    """A byte of a gzip file that is wrong, missing, or gone with all behind it is an error, or changes no item."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(write_lines(ITEMS[:20])))
    content = (tmp_path / "a.gz").read_bytes()
    whole = read(tmp_path / "a.gz")
    for place in range(len(content)):
        flipped = content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]
        for damaged in (content[:place], flipped, content[:place] + content[place + 1 :]):
            (tmp_path / "a.gz").write_bytes(damaged)
            try:
                found = read(tmp_path / "a.gz")
            except ExportDamaged as error:
                assert "\n" not in str(error)
                continue
            # the header's time, and bits that fill the last byte of the data, stand for nothing
            assert found == whole or not damaged


def test_no_damage_goes_unnoticed_where_there_is_a_manifest(tmp_path: Path) -> None:
    """With a digest, any byte that is wrong and any cut is an error, and nothing of the file counts."""
    text = write_export(tmp_path / "x", ITEMS[:50], 1)
    place = parse_place(text)
    storage = LocalStorage(place)
    data = next(iter((tmp_path / "x/data").iterdir()))
    content = data.read_bytes()
    chooser = random.Random(18)
    for number in range(300):
        cut = chooser.randrange(len(content))
        damaged = bytearray(content)
        damaged[cut] ^= chooser.randrange(1, 256)
        data.write_bytes(content[:cut] if number % 2 else bytes(damaged))
        file = open_export(place, storage).files[0]
        with pytest.raises(FileReplaced):
            list(read_items(file, storage))


PIECES = [
    b'{"Item":{"id":{"S":"a"}}}',
    b'{"Item":{"id":{"S":"\\"}}\\n{\\"Item\\":{"}}}',
    b'{"Item":{}}',
    b'{ "Item": {"a": {"M": {"Item": {"S": "}}"}}}} ',
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"}",
    b'{"Item":',
    b'{"Item":{"n":1},"Item":{}}',
    b'{"Item":[]}',
    b'{"item":{}}',
    '{"Item":{"é":{"S":"\u2028"}}}'.encode(),
    b'{"Item":{"b":{"S":"\xff"}}}',
]


def test_lines_are_read_as_a_plain_reader_would(tmp_path: Path) -> None:
    """Whatever lines follow each other, the items before the first wrong line, their lines and its are the same."""
    chooser = random.Random(64)
    for _ in range(3000):
        text = b"".join(chooser.choice(PIECES[: chooser.choice((6, 8, len(PIECES)))]) for _ in range(12))
        (tmp_path / "a.json").write_bytes(text)
        expected, wrong = read_plainly(text)
        if wrong is None:
            assert read(tmp_path / "a.json") == expected, text
        else:
            found = []
            with pytest.raises(ExportDamaged, match=rf"a.json, line {wrong} "):
                for first, items in read_items(*stored(tmp_path / "a.json")):
                    found += [(first + place, bytes(item)) for place, item in enumerate(items)]
            assert found == expected, text


def read_plainly(text: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return the items with their lines, and the first line that is wrong."""
    found: list[tuple[int, bytes]] = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            pairs = json.loads(line.decode(), object_pairs_hook=list)
        except ValueError:
            return found, number
        if len(pairs) != 1 or pairs[0][0] != "Item" or line.partition(b":")[2].lstrip()[:1] != b"{":
            return found, number
        found.append((number, line.partition(b":")[2].strip()[:-1].rstrip()))
    return found, None
