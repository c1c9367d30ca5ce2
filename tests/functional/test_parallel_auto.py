"""--parallel auto from the command line: a number is taken and told, and whatever the run does, it finds the same."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.e2e.cases import N, item
from tests.servers import Server, Servers
from tests.tables import Ran, create_table, put_items, run_fastsync, unique

ITEMS = [item(f"k{number:03}", v=N(1)) for number in range(120)]
TOLD = re.compile(r"^parallel (\d+): \S.*$", re.MULTILINE)


@pytest.fixture(scope="module")
def local(servers: Servers) -> Server:
    """A server that tells the sizes of tables."""
    return servers["dynamodb-local"]


@pytest.fixture(scope="module")
def tables(local: Server) -> Sequence[str]:
    """A master, and a slave that lacks twenty items, as arguments."""
    arguments: list[str] = []
    for flag, region, items in (("--master", "us-east-1", ITEMS), ("--slave", "us-west-2", ITEMS[20:])):
        name = unique()
        arguments += [flag, create_table(local, region, name)]
        put_items(local, region, name, items)
    return arguments


def held(ran: Ran, told: str | None = None) -> None:
    """Hold that a run found the twenty items, and that one line says the number and why."""
    assert (ran.exit_code, len(ran.differences)) == (1, 20), ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if TOLD.match(line)]
    assert told is None or told in line


RUNS: dict[str, tuple[Sequence[str], str]] = {
    "a small table": ((), "parallel 1: the largest table has less than 1 MB"),
    "segments that are given": (("--segments", "7"), "parallel 1: the largest table"),
    "inline": (("--executor", "inline"), "parallel 1: --executor inline"),
    "a first key": (("--starting-key", '{"id":"k050"}', "--strategy", "lookup"), "parallel 1: a scan from"),
    "little capacity": (("--max-read-units", "500"), "parallel 1: "),
    "a dry run": (("--write-missing", "--dry-run"), "parallel 1: "),
}


@pytest.mark.parametrize(("flags", "told"), RUNS.values(), ids=RUNS)
def test_a_run(tables: Sequence[str], local: Server, flags: Sequence[str], told: str) -> None:
    """Beside every kind of flag a number is taken and told in one line, and the run does what it does without."""
    ran = run_fastsync(*tables, "--parallel", "auto", *flags, server=local)
    (line,) = [line for line in ran.stderr.splitlines() if TOLD.match(line)]
    assert told in line
    plain = run_fastsync(*tables, *flags, server=local)
    assert ran.exit_code == plain.exit_code == 1
    assert sorted(map(str, ran.differences)) == sorted(map(str, plain.differences))
    assert TOLD.search(plain.stderr) is None


def test_what_a_log_has_of_it(tables: Sequence[str], local: Server) -> None:
    """The line is one of the JSON log, too; with --quiet nothing is said."""
    ran = run_fastsync(*tables, "--parallel", "auto", "--log-format", "json", server=local)
    lines = [json.loads(line)["message"] for line in ran.stderr.splitlines()]
    assert len([line for line in lines if TOLD.match(line)]) == 1
    assert "parallel" not in run_fastsync(*tables, "--parallel", "auto", "--quiet", server=local).stderr


def test_from_a_file(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """A configuration file takes the word in quotes, an undo the same file, and a flag replaces it."""
    file = tmp_path / "run.toml"
    file.write_text(f'master = "{tables[1]}"\nslave = "{tables[3]}"\nparallel = "auto"\n')
    held(run_fastsync("--config", str(file), server=local))
    given = run_fastsync("--config", str(file), "--parallel", "2", server=local)
    assert (given.stats["segments"], TOLD.search(given.stderr)) == (2, None)


def test_an_undo(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """An undo takes a number by its items."""
    log = tmp_path / "undo.jsonl"
    repaired = run_fastsync(*tables, "--parallel", "auto", "--write-missing", "--undo-log", str(log), server=local)
    assert repaired.exit_code == 0, repaired.stderr
    undone = run_fastsync("undo", str(log), "--parallel", "auto", server=local)
    assert undone.exit_code == 0, undone.stderr
    assert "parallel 1: 20 items, 1,000 for each at least" in undone.stderr


def test_keys(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """Given keys, a number is taken by how many they are."""
    file = tmp_path / "keys.jsonl"
    file.write_text("".join(f'{{"id":"k{number:03}"}}\n' for number in range(120)))
    held(run_fastsync(*tables, "--keys", str(file), "--parallel", "auto", server=local), "120 keys, 100 for each")


def _list_files(folder: Path) -> list[str]:
    return ["--checkpoint", str(folder / "checkpoint"), "--report", str(folder / "report.jsonl")]


def test_a_resume(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """A job that goes on keeps its segments, and takes no more processes than segments are left."""
    flags = [*_list_files(tmp_path), "--scan-limit", "5"]
    first = run_fastsync(*tables, "--segments", "6", *flags, "--max-differences", "1", server=local)
    assert first.exit_code == 4, first.stderr
    ran = run_fastsync(*tables, "--segments", "6", *flags, "--resume", "--parallel", "auto", server=local)
    assert ran.exit_code == 1, ran.stderr
    assert TOLD.search(ran.stderr)
    assert (ran.stats["segments"], ran.stats["master"]["scanned"]) == (6, len(ITEMS))


def test_a_resume_without_segments(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """Segments that were as many as processes stay as many when a number is taken later."""
    flags = [*_list_files(tmp_path), "--scan-limit", "5"]
    first = run_fastsync(*tables, "--parallel", "3", *flags, "--max-differences", "1", server=local)
    assert first.exit_code == 4, first.stderr
    ran = run_fastsync(*tables, "--parallel", "auto", *flags, "--resume", server=local)
    assert (ran.exit_code, ran.stats["segments"]) == (1, 3), ran.stderr


def test_an_estimate(tables: Sequence[str], local: Server) -> None:
    """An estimate says what a run would take."""
    ran = run_fastsync("estimate", *tables, "--parallel", "auto", "--json", "--endpoint-url", local.url)
    assert ran.exit_code == 0, ran.stderr
    assert TOLD.fullmatch(ran.stderr.strip())
    assert json.loads(ran.stdout)["segments"] == 1


def test_a_fleet(tables: Sequence[str], local: Server, tmp_path: Path) -> None:
    """A fleet takes one number for all pairs, and says so once; its list reads nothing."""
    file, output = tmp_path / "fleet.toml", tmp_path / "out"
    file.write_text(f'parallel = "auto"\n[[tables]]\nmaster = "{tables[1]}"\nslave = "{tables[3]}"\n')
    fleet = ("fleet", "--config", str(file), "--endpoint-url", local.url)
    ran = run_fastsync(*fleet, "--output", str(output))
    assert ran.exit_code == 1, ran.stderr
    assert len(TOLD.findall(ran.stderr)) == 1
    assert json.loads((output / "fleet.json").read_text())["tables"][0]["exit_code"] == 1
    assert run_fastsync(*fleet, "--list").exit_code == 0


def test_a_program(tables: Sequence[str], local: Server) -> None:
    """A program gives the word as well."""
    heard: list[str] = []
    found = Synchronizer(tables[1], tables[3], parallel="auto", endpoint_url=local.url, announce=heard.append).run()
    assert found.exit_code == 1
    assert len([text for text in heard if TOLD.match(text)]) == 1


WRONG: dict[str, Any] = {
    "capital": ["--parallel", "Auto"],
    "empty": ["--parallel", ""],
    "another word": ["--parallel", "all"],
    "a share": ["--parallel", "50%"],
    "zero": ["--parallel", "0"],
    "for segments": ["--segments", "auto"],
}


@pytest.mark.parametrize("flags", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", [[], ["estimate"]], ids=["run", "estimate"])
def test_other_words(command: Sequence[str], flags: Sequence[str]) -> None:
    """Nothing but a whole number or auto is taken, and one sentence says so."""
    ran = run_fastsync(
        *command, "-m", "us-east-1:a", "-s", "us-west-2:a", *flags, "--endpoint-url", "http://127.0.0.1:9"
    )
    assert ran.exit_code == 2
    assert len(ran.stderr.splitlines()) == 1
    assert flags[0] in ran.stderr


def test_other_words_in_a_file(tmp_path: Path) -> None:
    """A file is told what may stand there."""
    file = tmp_path / "run.toml"
    for value in ('"Auto"', "true", "2.5", "[]"):
        file.write_text(f'master = "us-east-1:a"\nslave = "us-west-2:a"\nparallel = {value}\n')
        ran = run_fastsync("--config", str(file))
        assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
        assert 'parallel takes a whole number or "auto"' in ran.stderr
