r"""Lines of all files end in \n only: what other readers take for the end of a line is escaped, and values survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastsync.cli import main
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import item
from tests.tables import Item

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""All that str.splitlines() takes for the end of a line (Python's documentation of it)."""
ODD = f"a{BREAKS}ä\x7f😀\\u2028\\"


def odd(key: str, value: str) -> Item:
    """Return an item with odd characters in its key, in the name of an attribute, and in its value."""
    return {**item(key + ODD), f"v{ODD}": {"S": value}}


MASTER = [odd(str(number), ODD) for number in range(20)]
SLAVE = [*(odd(str(number), ODD[1:]) for number in range(10)), *(odd(f"x{number}", ODD) for number in range(5))]
FLAGS = ("--scan-limit", "7", "--segments", "2", "--write-missing", "--write-differing", "--delete-extra")


def lines(path: Path) -> list[Any]:
    """Return the parsed lines of a file, which every reader divides alike."""
    text = path.read_bytes().decode()
    assert text.splitlines() == text.split("\n")[:-1]
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_line_ends(make_world: MakeWorld, tmp_path: Path, strategy: str) -> None:
    """Report, statistics, log, waiting extras, checkpoint and undo log hold any text as it was, and no line is torn."""
    made = make_world(MASTER, SLAVE)
    files = {"--report": "report", "--stats": "stats", "--checkpoint": "cp", "--undo-log": "undo"}
    flags = [*FLAGS, *(word for flag, name in files.items() for word in (flag, str(tmp_path / name)))]
    flags += ["--report-values", "--log-format", "json", "--verbose", "--strategy", strategy, "--executor", "inline"]
    made.proxy.add(faults.INVALID, "PutItem", where=lambda asked: asked.body["Item"] == MASTER[15])
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(4,))
    ran = made.run(*flags)
    assert ran.exit_code == 4, ran.stderr
    assert len((tmp_path / "cp").read_text().splitlines()) == 1
    made.proxy.rules[:] = made.proxy.rules[:1]
    waiting = [line for path in tmp_path.glob("cp.extras-*") for line in lines(path)]
    assert {line[1]["id"]["S"] for line in waiting} <= {each["id"]["S"] for each in SLAVE[10:]}
    ran = made.run(*flags, "--resume")
    assert ran.exit_code == 4, ran.stderr
    found = {line["key"]["id"]["S"]: line for line in lines(tmp_path / "report")[:-1]}
    for one in (*MASTER, *SLAVE[10:]):
        line = found[one["id"]["S"]]
        sides = [side for side in (line["master"], line["slave_item"]) if side]
        assert {name: one[name] for name in sides[0]} == sides[0]
        assert line["attributes"] in ([], [f"v{ODD}"])
    assert {json.dumps(line["key"]) for line in lines(tmp_path / "undo")} == {
        json.dumps(line["key"]) for line in found.values()
    }
    assert json.loads((tmp_path / "stats").read_text())["errors"]
    assert len((tmp_path / "stats").read_text().splitlines()) == len((tmp_path / "stats").read_text().split("\n")) - 1
    assert ran.stderr.splitlines() == ran.stderr.split("\n")[:-1]
    assert any("message" in json.loads(line) for line in ran.stderr.split("\n")[:-1])


def test_line_ends_of_the_whole(make_world: MakeWorld, tmp_path: Path) -> None:
    """Combined reports keep to that, also where an older version has written the parts."""
    made = make_world(MASTER, SLAVE)
    for number in range(2):
        outputs = ["--report", str(tmp_path / f"r{number}"), "--stats", str(tmp_path / f"s{number}")]
        made.run("--shard", f"{number}/2", "--segments", "4", "--executor", "inline", "--report-values", *outputs)
    for part in tmp_path.glob("r?"):
        odd = [json.dumps(line, ensure_ascii=False) for line in lines(part)]
        part.write_bytes("".join(f"{line}\n" for line in odd).encode())
    given = [str(tmp_path / name) for name in ("r0", "r1", "s0", "s1")]
    assert main(["combine", *given, "--stats", str(tmp_path / "stats"), "--report", str(tmp_path / "whole")]) == 1
    keys = {line["key"]["id"]["S"] for line in lines(tmp_path / "whole")[:-1]}
    assert keys == {each["id"]["S"] for each in MASTER}
