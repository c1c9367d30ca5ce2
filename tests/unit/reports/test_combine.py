"""Files of shards: what adds up, what is refused, what is missing, and what becomes of the files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastsync import cli
from fastsync.model.difference import Tally
from fastsync.reports.repeats import Repeats

SLAVE = "us-west-2:orders"
Edit = Callable[["Files"], object]


class Files:
    """The statistics and reports of three shards, each with one missing item; tests edit them before they are read."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.stats = {f"s{number}": statistics(f"{number}/3") for number in range(3)}
        self.reports = {f"r{number}": [line(f"k{number}"), end(1)] for number in range(3)}
        self.texts: dict[str, bytes] = {}

    def write(self) -> list[str]:
        """Write the files and give their paths."""
        texts = {name: json.dumps(told, indent=2).encode() for name, told in self.stats.items()}
        texts |= {name: "".join(map(lined, lines)).encode() for name, lines in self.reports.items()}
        texts |= self.texts
        for name, text in texts.items():
            (self.folder / name).write_bytes(text)
        return [str(self.folder / name) for name in texts]

    def combine(self, *flags: str) -> int:
        """Write the files, combine them into `stats` and `report`, and give the exit code."""
        outputs = ("--stats", str(self.folder / "stats"), "--report", str(self.folder / "report"))
        return cli.main(["combine", *self.write(), *(flags or outputs)])

    def told(self) -> tuple[dict[str, Any], list[Any]]:
        """Give the combined statistics, and the lines of the combined report."""
        lines = (self.folder / "report").read_text().split("\n")[:-1]
        return json.loads((self.folder / "stats").read_text()), [json.loads(each) for each in lines]


def lined(told: Any) -> str:
    return json.dumps(told) + "\n"


def statistics(shard: str | None, **counters: int | float | None) -> dict[str, Any]:
    """Give the statistics of a shard that has scanned ten items and found one missing."""
    return {
        "complete": True,
        "strategy": "lookup",
        "segments": 8,
        "elapsed_seconds": 1.5,
        "sample": None,
        "shard": shard,
        "master": {"table": "us-east-1:orders", "scanned": 10, "read_units": 0.5},
        "slaves": {
            SLAVE: {**Tally(compared=10, same=9, missing=1, read_units=0.25).as_dict(), "extra": None, **counters}
        },
        "errors": [],
    }


def line(key: str, slave: str = SLAVE) -> dict[str, Any]:
    told = {"slave": slave, "verdict": "missing", "key": {"id": {"S": key}}, "attributes": [], "action": "none"}
    return {**told, "error": None}


def end(differences: int, complete: bool = True) -> dict[str, Any]:
    return {"complete": complete, "differences": differences}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files that belong together."""
    return Files(tmp_path)


def test_files_in_any_order_add_up(files: Files) -> None:
    """Counters and units are summed exactly, the time is the longest, and each difference is there once."""
    files.stats["s1"]["elapsed_seconds"] = 2.5
    files.stats = dict(reversed(files.stats.items()))
    assert files.combine() == 1
    stats, lines = files.told()
    counters = {**Tally(compared=30, same=27, missing=3, read_units=0.75).as_dict(), "extra": None}
    assert stats == {
        "complete": True,
        "strategy": "lookup",
        "segments": 8,
        "elapsed_seconds": 2.5,
        "sample": None,
        "shard": None,
        "master": {"table": "us-east-1:orders", "scanned": 30, "read_units": 1.5},
        "slaves": {SLAVE: counters},
        "errors": [],
    }
    assert list(stats["slaves"][SLAVE]) == list(counters)
    assert lines == [line("k0"), line("k1"), line("k2"), end(3)]


def test_statistics_alone(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Without reports and flags the statistics go to stdout, and the summary to stderr."""
    files.reports = {}
    assert cli.main(["combine", *files.write()]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["master"]["scanned"] == 30
    assert "27 same, 3 missing" in err


def test_strategies_may_differ(files: Files) -> None:
    """Shards that `auto` gave different strategies have the same verdicts, so they add up."""
    files.stats["s1"]["strategy"] = "merge"
    files.combine()
    assert files.told()[0]["strategy"] == "mixed"


def _text(name: str, text: str | bytes) -> Edit:
    return lambda files: files.texts.update({name: text.encode() if isinstance(text, str) else text})


def _edit(name: str, **changes: Any) -> Edit:
    return lambda files: files.stats[name].update(changes)


def _counts(name: str, **changes: Any) -> Edit:
    return lambda files: files.stats[name]["slaves"][SLAVE].update(changes)


def _drop(*names: str) -> Edit:
    return lambda files: [files.stats.pop(name, files.reports.pop(name, None)) for name in names]


CUT = lined(line("k1")) + '{"slave": "us-we'
# what is done to the files → exit code, whether the whole is complete, differences in its report, words on stderr
ENDS: dict[str, tuple[Edit, int, bool, int, str]] = {
    "all repaired": (lambda files: [_counts(f"s{each}", written=1)(files) for each in range(3)], 0, True, 3, ""),
    "one shard repaired": (_counts("s0", written=1), 1, True, 3, ""),
    "a shard missing": (_drop("s1", "r1"), 4, False, 2, "shard 1/3 is missing"),
    "two missing": (_drop("s0", "r0", "s1", "r1"), 4, False, 1, "shards 0/3, 1/3 are missing"),
    "a shard killed": (lambda files: [_drop("s1")(files), _text("r1", CUT)(files)],
                       4, False, 3, "shard 1/3 is missing"),
    "a report cut short": (_text("r1", CUT), 4, False, 3, "r1: the report was cut short"),
    "an empty report": (lambda files: files.texts.update(r1=b""), 4, False, 2, "r1: the report was cut short"),
    "an incomplete shard": (_edit("s1", complete=False, errors=["segment 4: gone"]), 4, False, 3, "segment 4: gone"),
    "an item failed": (lambda files: [_counts("s1", failed=1)(files), _edit("s1", complete=False)(files)],
                       4, False, 3, "INCOMPLETE"),
    "refused and incomplete": (lambda files: [_counts("s1", refused=1)(files), _edit("s2", complete=False)(files)],
                               5, False, 3, ""),
    "an incomplete report": (lambda files: files.reports["r1"].append(files.reports["r1"].pop() | {"complete": False}),
                             4, False, 3, "r1: the report says"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_what_the_whole_comes_to(case: str, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of a run with these statistics, and what is missing is told."""
    edit, code, complete, differences, words = ENDS[case]
    edit(files)
    assert files.combine() == code
    stats, lines = files.told()
    assert stats["complete"] is complete
    assert lines[-1] == end(differences, complete)
    assert len(lines) == differences + 1
    assert words in capsys.readouterr().err


WITHHELD = f"{SLAVE}: 2 extras were not deleted: a part of the tables could not be compared"
REFUSED: dict[str, tuple[int, bool, list[str], int]] = {
    "by a safety limit": (2, True, [], 5),
    "since a segment failed": (2, False, ["segment 3: us-east-1:orders: Scan failed", WITHHELD], 4),
    "by a limit, and another slave failed": (2, False, ["segment 3: eu-west-1:orders: Scan failed"], 5),
    "some of each": (3, False, [WITHHELD], 5),
}
"""Extras that were refused on a shard, whether it is complete, its errors, and the exit code of the whole."""


@pytest.mark.parametrize("case", REFUSED)
def test_why_extras_were_refused(case: str, files: Files) -> None:
    """Extras that were refused because something failed make 4, as they did on their shard; 5 is for safety limits."""
    refused, complete, errors, code = REFUSED[case]
    files.reports = {}
    for name, stats in files.stats.items():
        stats["slaves"][SLAVE] |= {"extra": 0}
        if name == "s1":
            stats |= {"complete": complete, "errors": errors}
            stats["slaves"][SLAVE] |= {"extra": refused, "refused": refused}
    assert files.combine("--stats", str(files.folder / "stats")) == code


def test_missing_shards_are_told_in_the_statistics(files: Files) -> None:
    """The statistics say which shards they are of, and which are missing."""
    _drop("s1", "r1")(files)
    files.combine()
    stats, _ = files.told()
    assert stats["shard"] == "0,2/3"
    assert "1/3" in stats["errors"][0]


def _foreign(files: Files) -> None:
    files.stats["s1"]["slaves"] = {"eu-west-1:orders": files.stats["s1"]["slaves"][SLAVE]}


def _equal_counts(files: Files) -> None:
    files.reports["r1"] = files.reports["r0"]


def _line(name: str, **changes: Any) -> Edit:
    return lambda files: files.reports[name][0].update(changes)


# what is done to the files → words of the one sentence that refuses them
REFUSALS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "another master": (_edit("s1", master={"table": "us-east-1:x", "scanned": 1, "read_units": 1}), ("s0", "s1")),
    "another slave": (_foreign, ("s0", "s1", "eu-west-1:orders")),
    "other segments": (_edit("s2", segments=9), ("segments", "s0", "s2")),
    "another number of shards": (_edit("s2", shard="2/4"), ("shards", "s0", "s2")),
    "the same shard twice": (_edit("s2", shard="0/3"), ("s0", "s2", "0/3")),
    "extras looked for in one": (_counts("s1", extra=0), ("extras", "s0", "s1")),
    "a whole run": (_edit("s1", shard=None), ("s1", "whole")),
    "a sample": (_edit("s1", sample={"fraction": 0.5}), ("s1",)),
    "an undo": (_edit("s1", strategy="undo"), ("s1",)),
    "more shards than segments": (_edit("s1", shard="1/9"), ("s1",)),
    "no shard": (_edit("s1", shard="one"), ("s1",)),
    "a shard of its own": (_edit("s1", shard="3/3"), ("s1",)),
    "a number without an end": (_edit("s1", shard=f"0/{'9' * 5000}"), ("s1",)),
    "no counter": (lambda files: files.stats["s1"]["slaves"][SLAVE].pop("same"), ("s1", "same")),
    "a strange counter": (_counts("s1", stolen=1), ("s1", "stolen")),
    "a negative counter": (_counts("s1", same=-1), ("s1",)),
    "a huge counter": (_counts("s1", same=10**40), ("s1",)),
    "half an item": (_counts("s1", same=1.5), ("s1",)),
    "an item too many": (_counts("s1", same=10), ("s1", "contradicts itself", "11", "10")),
    "an item moved from one count to none": (_counts("s1", missing=0), ("s1", "contradicts itself")),
    "fewer compared than scanned": (_counts("s1", compared=9, same=8), ("s1", "9 items were compared, and 10 scanned")),
    "more compared than scanned": (_counts("s1", compared=11, same=10), ("s1", "11 items were compared")),
    "more written than differs": (_counts("s1", written=2), ("s1", "more became of differences")),
    "a counter in words": (_counts("s1", same="nine"), ("s1",)),
    "units without an end": (_counts("s1", read_units=1e300), ("s1",)),
    "a table that is none": (_edit("s1", master={"table": "\x1b[31m", "scanned": 1, "read_units": 1}), ("s1",)),
    "no slaves": (_edit("s1", slaves={}), ("s1",)),
    "errors that are none": (_edit("s1", errors=[{}]), ("s1",)),
    "not JSON": (_text("s1", "stats"), ("s1", "neither")),
    "half statistics": (_text("s1", '{"complete": true,\n"master": {'), ("s1", "neither")),
    "not text": (_text("s1", b"\xff\xfe\x00\n"), ("s1", "neither")),
    "another JSON": (_text("s1", "[]"), ("s1", "neither")),
    "a log": (_text("s1", lined({"time": "t", "level": "info", "message": "m"})), ("s1", "log")),
    "no statistics": (_drop("s0", "s1", "s2"), ("statistics",)),
    "no reports": (_drop("r0", "r1", "r2"), ("--report",)),
    "a report too few": (_drop("r1"), ("2 reports", "3 statistics")),
    "a report too many": (_text("r3", lined(end(0))), ("4 reports", "3 statistics")),
    "the same report twice": (_equal_counts, ("r0", "r1", "in common")),
    "a report with a line too few": (lambda files: files.reports["r1"].pop(0), ("r1", "changed")),
    "a report of fewer": (lambda files: files.reports.update(r1=[end(0)]), ("3 missing", "have 2")),
    "a report of more": (
        lambda files: files.reports.update(r1=[line("a"), line("b"), end(2)]),
        ("3 missing", "have 4"),
    ),
    "a report of another slave": (_line("r1", slave="eu-west-1:orders"), ("r1", "3 missing", "have 2")),
    "a report of another verdict": (_line("r1", verdict="extra"), ("r1", "3 missing", "have 2")),
    "a key that is none": (_line("r1", key={"id": "x"}), ("r1",)),
    "a line that is none": (_line("r1", verdict="same"), ("r1",)),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_does_not_belong_together_is_refused(case: str, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one sentence that names the files, and nothing is written or left behind."""
    edit, words = REFUSALS[case]
    edit(files)
    assert files.combine() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err.replace(str(files.folder), "") for word in words), err
    names = {*files.stats, *files.reports, *files.texts}
    assert {path.name for path in files.folder.iterdir()} == names


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--stats", "s1"), "--stats cannot go to s1: that is one of the files that are read"),
        (("--stats", "x", "--report", "./r1"), "--report cannot go to ./r1"),
        (("--stats", "x", "--report", "linked"), "--report cannot go to linked"),
        (("--stats", "x", "--report", "x"), "--report cannot go to x: that is where --stats goes"),
        (("--report", "-"), "--report - and --stats -"),
        (("--stats", "nowhere/x"), "--stats nowhere/x cannot be written"),
        (("--stats", "."), "--stats . cannot be written"),
        (("s1",), "s1 is given twice"),
        (("linked",), "linked is given twice"),
        (("there is none",), "there is none cannot be read"),
        (("--log-format", "xml"), "--log-format"),
    ],
)
def test_files_that_cannot_be(
    flags: tuple[str, ...],
    words: str,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No input is ever overwritten, and what cannot be written or read is told before anything else is done."""
    monkeypatch.chdir(files.folder)
    (files.folder / "linked").symlink_to("r1")
    before = [files.write(), *(path.read_bytes() for path in sorted(files.folder.iterdir()))]
    assert files.combine(*flags) == 2
    assert words in capsys.readouterr().err
    assert [files.write(), *(path.read_bytes() for path in sorted(files.folder.iterdir()))] == before


def test_flags_may_stand_anywhere(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """`combine s* --report all r*` takes the files on both sides of a flag."""
    monkeypatch.chdir(files.folder)
    files.write()
    assert cli.main(["combine", "s0", "s1", "s2", "--report", "all", "r0", "r1", "r2", "--stats", "sum"]) == 1
    assert len(Path("all").read_text().splitlines()) == 4


def test_outputs_that_cannot_be_replaced(files: Files, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A pipe or a device stays what it is, and stdout gets the whole report at once or nothing."""
    assert files.combine("--stats", os.devnull, "--report", "-", "--quiet") == 1
    assert not Path(os.devnull).is_file()
    assert [json.loads(each) for each in capfdbinary.readouterr().out.splitlines()][-1] == end(3)
    _edit("s1", shard="0/3")(files)
    assert files.combine("--stats", os.devnull, "--report", "-") == 2
    assert capfdbinary.readouterr().out == b""


def test_values_go_through_as_they_are(files: Files) -> None:
    """Whatever stands in a line, also what only JSON can spell, stands in the whole."""
    odd = {**line("\u00e4\u2028\ud800"), "master": {"n": {"N": "1E+126"}}, "error": "\x1b"}
    files.reports["r1"][0] = odd
    files.stats["s1"]["errors"] = ["\ud800"]
    files.combine()
    stats, lines = files.told()
    assert lines[1] == odd
    assert stats["errors"] == ["\ud800"]


def test_repeats_are_found_on_disk() -> None:
    """A difference of two reports is found among many that went to disk, and none where there is none."""
    with Repeats(in_memory=100) as repeats:
        for number in range(1000):
            repeats.add_difference(number % 2, SLAVE, "extra", {"id": {"N": str(number)}})
        assert repeats.find_repeat() is None
        repeats.add_difference(0, SLAVE, "extra", {"id": {"N": "7"}})
        assert repeats.find_repeat() == (1, 0)
