"""What tasks write is what a part returns, in order, whatever the number of files, parts and chunks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fastsync.errors import OutputFailed
from fastsync.model.digest import choose_parts
from fastsync.spool import part_files
from fastsync.spool.part_files import Row
from fastsync.spool.table import SpooledTable


def make_rows(count: int, seed: int, *, items: bool = True) -> list[Row]:
    """Return rows with distinct keys, of files `seed`."""
    rng = random.Random(seed)
    rows = []
    for line in range(1, count + 1):
        key = b"%d-%d" % (seed, line)
        item = rng.randbytes(rng.randrange(1, 300)) if items else b""
        rows.append((key, rng.randbytes(16), line, item))
    return rows


@pytest.mark.parametrize("items", [True, False], ids=["items", "keys"])
@pytest.mark.parametrize("memory", [1, 20_000, 1 << 30], ids=["chunk-a-row", "some-chunks", "one-chunk"])
def test_parts_return_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, items: bool
) -> None:
    """Each row is in the part of its key, once, in the order of files and lines, and its item and origin are found."""
    monkeypatch.setattr(part_files, "MEMORY", memory)
    parts, files = 5, [make_rows(200, 1, items=items), [], make_rows(333, 2, items=items)]
    table = SpooledTable.begin(str(tmp_path), 0, ["a", "b", "c"])
    for place, rows in enumerate(files):
        writer = table.open_writer(place, parts)
        for begin in range(0, len(rows), 50):
            some = rows[begin : begin + 50]
            writer.add_rows(choose_parts([row[0] for row in some], parts), some)
        writer.finish()
        writer.close()
    assert table.is_whole
    expected = [row for rows in files for row in rows]
    chosen = choose_parts([row[0] for row in expected], parts)
    found = 0
    for number in range(parts):
        own = [row for row, part in zip(expected, chosen, strict=True) if part == number]
        part = table.open_part(number, parts)
        keys, digests, numbers = part.load_rows()
        assert (keys, digests) == ([row[0] for row in own], [row[1] for row in own])
        assert numbers == list(range(len(own)))
        shares = [part.load_rows(share, 3) for share in range(3)]
        assert sorted(number for rows in shares for number in rows.numbers) == numbers
        assert all(keys[number] == key for rows in shares for key, number in zip(rows.keys, rows.numbers, strict=True))
        assert len(part) == len(own)
        found += len(part)
        if items:
            wanted = random.Random(3).sample(range(len(own)), len(own) // 2)
            assert part.read_items(wanted) == [own[row][3] for row in wanted]
        for row in range(0, len(own), 17):
            file, line = part.find_origin(row)
            assert files[file][line - 1] == own[row]
    assert found == len(expected)


def test_a_task_that_was_broken_off_has_brought_nothing(tmp_path: Path) -> None:
    """A file counts only once it is finished; another attempt at its task begins it anew."""
    table = SpooledTable.begin(str(tmp_path), 1, ["a"])
    first = table.open_writer(0, 2)
    first.add_rows([0, 1], make_rows(2, 1))
    first.close()
    assert not table.is_whole
    again = table.open_writer(0, 2)
    again.add_rows([0], make_rows(1, 2))
    again.finish()
    again.close()
    assert table.is_whole
    assert [len(table.open_part(number, 2)) for number in range(2)] == [1, 0]


def test_rows_that_do_not_count_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a task has added before it learns that nothing of its source counts is in no part."""
    monkeypatch.setattr("fastsync.spool.part_files.MEMORY", 1)
    table = SpooledTable.begin(str(tmp_path), 1, ["a"])
    writer = table.open_writer(0, 2)
    writer.add_rows([0, 1], make_rows(2, 1))
    writer.add_rows([1], make_rows(1, 2))
    writer.discard_rows()
    writer.add_rows([0], make_rows(1, 3))
    writer.finish()
    writer.close()
    assert [len(table.open_part(number, 2)) for number in range(2)] == [1, 0]
    assert table.open_part(0, 2).load_rows().keys == [row[0] for row in make_rows(1, 3)]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be written is one sentence that names the folder and the flag."""
    (tmp_path / "0-0").symlink_to("/dev/full")
    monkeypatch.setattr("os.O_NOFOLLOW", 0)
    writer = SpooledTable.begin(str(tmp_path), 0, ["a"]).open_writer(0, 1)
    writer.add_rows([0], make_rows(1, 1))
    with pytest.raises(OutputFailed, match=r"cannot be written: No space left on device; see --spool"):
        writer.finish()
    writer.close()
