"""Shards on a real server: their statistics and reports, combined, are those of one run over everything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer, cli
from tests.functional.tables_behind_proxy import MASTER_REGION, Table, item
from tests.servers import Server

SHARDS = 3
MASTER = [item(f"k{number}", v=1) for number in range(60)]
SLAVE = [*(item(f"k{number}", v=number % 5 and 1) for number in range(60) if number % 4), item("only")]
OTHER = [item(f"k{number}", v=1) for number in range(59)]
REPAIRS = {"write_missing": True, "write_differing": True, "delete_extra": True}


def tables(server: Server) -> dict[str, Any]:
    """Give new tables with differences, and how they are reached, as options of the library."""
    slaves = [str(Table.make(server, region, items)) for region, items in (("us-west-2", SLAVE), ("eu-west-1", OTHER))]
    return {
        "master": str(Table.make(server, MASTER_REGION, MASTER)),
        "slaves": slaves,
        "endpoint_url": server.url,
        "executor": "inline",
        "segments": 7,
    }


def files_of_shards(folder: Path, options: dict[str, Any], numbers: Sequence[int]) -> list[str]:
    """Run shards, each by itself, and give their statistics and report files."""
    files = []
    for number in numbers:
        stats, report = (str(folder / f"{what}-{number}") for what in ("stats", "report"))
        Synchronizer(**options, shard=f"{number}/{SHARDS}", stats=stats, report=report).run()
        files += [report, stats]
    return files


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], list[str]]:
    """Combine, and give the exit code, the statistics less the time, and the report's lines, the last one last."""
    report, stats = folder / "report", folder / "stats"
    code = cli.main(["combine", *arguments, "--report", str(report), "--stats", str(stats), "--quiet"])
    return code, *read(stats, report)


def read(stats: Path, report: Path) -> tuple[dict[str, Any], list[str]]:
    """Read the two files of a run."""
    *lines, last = report.read_text().splitlines()
    told = json.loads(stats.read_text())
    assert told.pop("elapsed_seconds") > 0
    return told, [*sorted(lines), last]


@pytest.mark.parametrize("options", [{"scan_for_extra": True}, {}, REPAIRS], ids=["extras", "no extras", "repairs"])
@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_combined_shards_are_the_whole(
    dynoxide: Server, strategy: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """What shards found, did and consumed adds up to what one run over equal tables does, to the byte."""
    given = {**tables(dynoxide), **options, "strategy": strategy}
    whole = tmp_path / "whole.json", tmp_path / "whole.jsonl"
    once = {**given, **({} if options is not REPAIRS else tables(dynoxide))}
    result = Synchronizer(**once, stats=str(whole[0]), report=str(whole[1])).run()
    files = files_of_shards(tmp_path, given, (2, 0, 1))
    code, stats, lines = run(tmp_path, *files)
    named = dict(zip([once["master"], *once["slaves"]], [given["master"], *given["slaves"]], strict=True))
    expected = json.loads(_renamed(json.dumps(read(*whole)), named))
    expected[1][:-1] = sorted(expected[1][:-1])
    assert [stats, lines] == expected
    assert (code, stats["shard"], stats["complete"]) == (result.exit_code, None, True)
    assert code == (0 if options is REPAIRS else 1)


def _renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text
