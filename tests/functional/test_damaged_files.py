"""Files that a run left for the next one: whatever was done to them meanwhile, they are checked before they count."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item, what_counts

MASTER = [item(f"{n:03}", v=n) for n in range(120)]
SLAVE = [*MASTER[::2], *(item(f"x{n:02}", v=n) for n in range(30))]
OTHER = [item(f"{n:03}", v=n % 100) for n in range(120)]
SLICES = ("--scan-limit", "10", "--segments", "3", "--delete-extra", "--executor", "inline")
SEED = 13
Damage = Callable[[Path], object]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and two slaves that differ."""
    return make_world(MASTER, SLAVE, OTHER)


def stopped(made: World, folder: Path, report: str = "report") -> list[str]:
    """Let a run stop in which the second slave was out of reach, and which waits to delete extras; return its flags."""
    flags = [*SLICES, "--checkpoint", str(folder / "cp"), "--report", str(folder / report) if report != "-" else "-"]
    made.proxy.add(faults.DENIED, "DescribeTable", table=made.slaves[1].name)
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(9,))
    ran = made.run(*flags)
    assert ran.exit_code in (4, 5), ran.stderr
    assert (folder / "cp.extras-0").stat().st_size
    made.proxy.rules.clear()
    made.proxy.requests.clear()
    return flags


def flip(text: bytes) -> Damage:
    """Return what flips the lowest bit of the first letter of a text in a file."""

    def damage(path: Path) -> None:
        data = path.read_bytes()
        place = data.index(text)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])

    return damage


def rewritten(change: Callable[[bytes], bytes]) -> Damage:
    """Return what replaces the content of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link_instead(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a bit in a parked slave's name": ("cp", flip(b"us-west-2")),
    "another number of segments": ("cp", rewritten(lambda data: data.replace(b'"total":3', b'"total":0'))),
    "nothing left": ("cp", rewritten(lambda data: data.replace(b'"stretches":[{', b'"stretchez":[{'))),
    "no UTF-8": ("cp", rewritten(lambda data: data[:50] + b"\xff" + data[51:])),
    "cut short": ("cp", rewritten(lambda data: data[:-20])),
    "nothing in it": ("cp", rewritten(lambda _: b"")),
    "too deep": ("cp", rewritten(lambda _: b'{"version":3,"content":' + b"[" * 100_000)),
    "wrong types": ("cp", rewritten(lambda _: b'{"version":3,"checksum":[],"content":0}')),
    "the next version": ("cp", rewritten(lambda data: data.replace(b'"version":3', b'"version":4'))),
    "a folder": ("cp", folder_instead),
    "a pipe": ("cp", pipe_instead),
    "a report edited in place": ("report", flip(b"missing")),
    "a report of the same size": ("report", rewritten(lambda data: data.replace(b'"none"', b'"nope"'))),
    "a report cut short": ("report", rewritten(lambda data: data[: data.index(b"\n") + 1])),
    "a report that is a folder": ("report", folder_instead),
    "no report": ("report", Path.unlink),
    "an extra edited in place": ("cp.extras-0", flip(b"x0")),
    "extras in another order": ("cp.extras-0", rewritten(lambda data: b"".join(sorted(data.splitlines(True))[::-1]))),
    "extras that are a folder": ("cp.extras-0", folder_instead),
    "extras that are a pipe": ("cp.extras-0", pipe_instead),
    "extras through a link": ("cp.extras-0", link_instead),
    "no extras": ("cp.extras-0", Path.unlink),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_told_before_anything_is_read(made: World, tmp_path: Path, case: str) -> None:
    """A damaged file is one sentence and exit code 2 before any request, and every file stays as it is."""
    name, damage = DAMAGES[case]
    flags = stopped(made, tmp_path)
    before = (tmp_path / name).read_bytes()
    damage(tmp_path / name)
    there = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert link_instead is damage or there.get(tmp_path / name) != before
    ran = made.run(*flags, "--resume")
    assert ran.exit_code == 2, ran.stderr
    assert str(tmp_path / name) in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
    assert made.proxy.requests == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == there


def test_a_copy_of_the_report_that_was_changed(made: World, tmp_path: Path) -> None:
    """What a report to stdout has told is checked before it is told again."""
    flags = stopped(made, tmp_path, "-")
    flip(b"missing")(tmp_path / "cp.report")
    ran = made.run(*flags, "--resume")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert str(tmp_path / "cp.report") in ran.stderr
    assert made.proxy.requests == []


def test_the_version_before(made: World, tmp_path: Path, make_world: MakeWorld) -> None:
    """A run that the version before has begun, whose checkpoint has no checksums, is resumed after an upgrade."""
    flags = stopped(made, tmp_path)
    content = json.loads((tmp_path / "cp").read_bytes())["content"]
    for mark in (content["report"], *content["extras"].values()):
        del mark["checksum"]
    (tmp_path / "cp").write_text(json.dumps({**content, "version": 2}))
    ran = made.run(*flags, "--resume")
    whole = make_world(MASTER, SLAVE, OTHER)
    expected = whole.run(*SLICES)
    assert tables_behind_proxy.actions(ran) == tables_behind_proxy.actions(expected)
    assert (ran.exit_code, ran.stats["complete"]) == (1, True)
    assert ran.stats["master"]["scanned"] == len(MASTER)


def test_damage_at_random(made: World, tmp_path: Path) -> None:
    """However the bytes of a checkpoint were damaged, the run is refused, with nothing read and the file as it is."""
    flags = stopped(made, tmp_path)
    chance, data = random.Random(SEED), (tmp_path / "cp").read_bytes()
    for _ in range(20):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 5))):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        cut = chance.choice((None, None, chance.randrange(len(changed))))
        (tmp_path / "cp").write_bytes(bytes(changed[:cut]))
        ran = made.run(*flags, "--resume")
        assert ran.exit_code == 2, (changed, ran.stderr)
        tables_behind_proxy.no_traceback(ran)
        assert (tmp_path / "cp").read_bytes() == bytes(changed[:cut])
    assert made.proxy.requests == []
    (tmp_path / "cp").write_bytes(data)
    assert made.run(*flags, "--resume").stats["complete"]


def test_extras_that_change_while_the_run_is_at_work(made: World, tmp_path: Path) -> None:
    """Where the file with the waiting extras was changed in mid-run, none is deleted, and the run ends with 4."""
    flags = [*SLICES, "--checkpoint", str(tmp_path / "cp"), "--report", str(tmp_path / "report")]
    last = made.proxy.add(faults.before(lambda: _shorten(tmp_path / "cp.extras-0")), "Scan", table=made.slave.name)
    ran = made.run(*flags)
    assert last.struck
    tables_behind_proxy.no_traceback(ran)
    assert ran.exit_code == 4, ran.stderr
    assert "extras" in ran.stderr
    assert "damaged" in ran.stderr
    assert made.proxy.of("DeleteItem", made.slave.name) == []
    assert (ran.end["complete"], ran.stats["complete"]) == (False, False)


def _shorten(path: Path) -> None:
    time.sleep(0.4)  # until there is a checkpoint, and with it the file
    if path.exists() and path.stat().st_size > 20:
        os.truncate(path, path.stat().st_size - 20)


def names(ran_in: Path) -> Sequence[str]:
    return sorted(path.name for path in ran_in.iterdir())


def test_an_undo_log_that_was_replaced(made: World, tmp_path: Path) -> None:
    """An undo log that is shorter than it was is refused: it is not the one that the checkpoint was written with."""
    flags = [*SLICES, "--write-missing", "--checkpoint", str(tmp_path / "cp"), "--undo-log", str(tmp_path / "undo")]
    flags += ["--report", str(tmp_path / "report")]
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(9,))
    assert made.run(*flags).exit_code in (4, 5)
    made.proxy.rules.clear()
    made.proxy.requests.clear()
    (tmp_path / "undo").write_bytes(b"")
    ran = made.run(*flags, "--resume")
    assert ran.exit_code == 2, ran.stderr
    assert str(tmp_path / "undo") in ran.stderr
    assert made.proxy.requests == []


def test_what_counts_is_the_same(made: World, tmp_path: Path, make_world: MakeWorld) -> None:
    """With all files as they were left, the run goes on to the end of one that never stopped."""
    flags = stopped(made, tmp_path)
    ran, whole = made.run(*flags, "--resume"), make_world(MASTER, SLAVE, OTHER).run(*SLICES)
    for name in ("scanned", "exit", "complete", "end", "errors"):
        assert what_counts(ran)[name] == what_counts(whole)[name]
    assert names(tmp_path) == ["report"]
