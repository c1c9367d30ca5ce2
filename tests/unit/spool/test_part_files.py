"""What tasks write is what a part returns, in order, whatever the number of files, parts and chunks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import Raw

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts
from fastsync.plan.exports.sizes import LIVE_ROW_BYTES
from fastsync.spool import part_writer
from fastsync.spool.part_writer import Rows
from fastsync.spool.table import SpooledTable


class Row(NamedTuple):
    """A row of an export (an item, and its line), or of a live table (two digests)."""

    key: bytes
    digest: bytes
    form: bytes
    line: int
    item: Raw


def make_rows(count: int, seed: int) -> list[Row]:
    """Return rows with distinct keys, of files `seed`."""
    rng = random.Random(seed)
    rows = []
    for line in range(1, count + 1):
        key = b"%d-%d" % (seed, line)
        item = Raw(rng.randbytes(rng.randrange(1, 300)))
        rows.append(Row(key, rng.randbytes(16), rng.randbytes(16), line, item))
    return rows


def as_columns(rows: Sequence[Row], *, items: bool = True) -> Rows:
    """Return rows of an export, or of a live table, as they are added."""
    keys, digests, forms, lines, raws = zip(*rows, strict=True)
    if items:
        return Rows(keys, digests, lines=lines, items=raws)
    return Rows(keys, digests, forms)


@pytest.mark.parametrize("items", [True, False], ids=["items", "keys"])
@pytest.mark.parametrize("memory", [1, 20_000, 1 << 30], ids=["chunk-a-row", "some-chunks", "one-chunk"])
def test_parts_return_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, items: bool
) -> None:
    """Each row is in the part of its key, once, in the order of files and lines, and its item and origin are found."""
    monkeypatch.setattr(part_writer, "MEMORY", memory)
    parts, files = 5, [make_rows(200, 1), [], make_rows(333, 2)]
    table = SpooledTable.begin(str(tmp_path), 0, ["a", "b", "c"])
    for place, rows in enumerate(files):
        writer = table.open_writer(place, parts)
        for begin in range(0, len(rows), 50):
            writer.add_rows(as_columns(rows[begin : begin + 50], items=items))
            writer.add_rows(Rows([], []))  # an empty page of a scan
        writer.finish()
        writer.close()
    assert table.is_whole
    expected = [row for rows in files for row in rows]
    chosen = choose_parts([row.key for row in expected], parts)
    found = 0
    for number in range(parts):
        own = [row for row, part in zip(expected, chosen, strict=True) if part == number]
        part = table.open_part(number, parts)
        keys, digests, numbers = part.load_rows()
        assert (keys, digests) == ([row.key for row in own], [row.digest for row in own])
        assert numbers == list(range(len(own)))
        shares = [part.load_rows(share, 3) for share in range(3)]
        assert sorted(number for rows in shares for number in rows.numbers) == numbers
        assert all(keys[number] == key for rows in shares for key, number in zip(rows.keys, rows.numbers, strict=True))
        assert len(part) == len(own)
        found += len(part)
        assert not any(part.holds_repeats(share, 3) for share in range(3))
        wanted = random.Random(3).sample(range(len(own)), len(own) // 2)
        if not items:
            assert part.read_forms(wanted) == [own[row].form for row in wanted]
            continue
        assert part.read_items(wanted) == [bytes(own[row].item) for row in wanted]
        for row in range(0, len(own), 17):
            file, line = part.find_origin(row)
            assert files[file][line - 1] == own[row]
    assert found == len(expected)


def test_a_task_that_was_broken_off_has_brought_nothing(tmp_path: Path) -> None:
    """A file counts only once it is finished; another attempt at its task begins it anew."""
    table = SpooledTable.begin(str(tmp_path), 1, ["a"])
    first = table.open_writer(0, 2)
    first.add_rows(as_columns(make_rows(20, 1)))
    first.close()
    assert not table.is_whole
    again = table.open_writer(0, 2)
    again.add_rows(as_columns(make_rows(1, 2)))
    again.finish()
    again.close()
    assert table.is_whole
    assert sum(len(table.open_part(number, 2)) for number in range(2)) == 1


def test_rows_that_do_not_count_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a task has added before it learns that nothing of its source counts is in no part."""
    monkeypatch.setattr("fastsync.spool.part_writer.MEMORY", 1)
    table = SpooledTable.begin(str(tmp_path), 1, ["a"])
    writer = table.open_writer(0, 2)
    writer.add_rows(as_columns(make_rows(20, 1)))
    writer.add_rows(as_columns(make_rows(10, 2)))
    writer.discard_rows()
    kept = make_rows(1, 3)
    writer.add_rows(as_columns(kept))
    writer.finish()
    writer.close()
    found = [table.open_part(number, 2) for number in range(2)]
    assert [key for part in found for key in part.load_rows().keys] == [kept[0].key]
    assert [item for part in found for item in part.read_items(range(len(part)))] == [bytes(kept[0].item)]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be written is one sentence that names the folder and the flag."""
    table = SpooledTable.begin(str(tmp_path), 0, ["a"])
    (tmp_path / "0-0").symlink_to("/dev/full")
    monkeypatch.setattr("os.O_NOFOLLOW", 0)
    writer = table.open_writer(0, 1)
    writer.add_rows(as_columns(make_rows(1, 1)))
    with pytest.raises(OutputFailed, match=r"cannot be written: No space left on device; see --spool"):
        writer.finish()
    writer.close()


@pytest.mark.parametrize("shares", [1, 4])
@pytest.mark.parametrize("memory", [1, 1 << 30], ids=["another-chunk", "same-chunk"])
def test_a_key_that_is_there_twice_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, shares: int
) -> None:
    """Two rows with one key are in the same share of a part, and are found there, in whatever chunks they are."""
    monkeypatch.setattr(part_writer, "MEMORY", memory)
    rows = make_rows(30, 1)
    table = SpooledTable.begin(str(tmp_path), 0, ["a"])
    writer = table.open_writer(0, 1)
    writer.add_rows(as_columns(rows))
    writer.add_rows(as_columns(rows[7:8]))
    writer.finish()
    writer.close()
    part = table.open_part(0, 1)
    found = [share for share in range(shares) if part.holds_repeats(share, shares)]
    assert len(found) == 1
    assert part.load_rows(found[0], shares).keys.count(rows[7].key) == 2


@pytest.mark.parametrize(("forms", "most"), [(False, 40), (True, LIVE_ROW_BYTES)], ids=["alike", "unlike"])
def test_an_item_of_a_live_table_takes_little_room(tmp_path: Path, forms: bool, most: int) -> None:
    """A key of 15 bytes takes 40 bytes of disk with one digest of its item, and what the plan says with two."""
    count = 20_000
    keys = [b"\xaf" + b"item-%010d" % number for number in range(count)]
    digests = [bytes(16)] * count
    writer = SpooledTable.begin(str(tmp_path), 0, ["a"]).open_writer(0, 40)
    writer.add_rows(Rows(keys, digests, digests if forms else ()))
    writer.finish()
    writer.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= most * count
