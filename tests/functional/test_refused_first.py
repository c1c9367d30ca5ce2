"""What the command line and local files show is refused before any request, and leaves every file as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item

MASTER = [item(f"{n}", n=n) for n in range(6)]
Flags = Callable[[Path], list[str]]


def _at(name: str, *flags: str) -> Flags:
    """Give flags of which the last takes a path in the test's folder."""
    return lambda folder: [*flags, str(folder / name)]


WRONG: Mapping[str, tuple[Flags, str]] = {
    "a starting key that is no JSON": (lambda _: ["--starting-key", "{"], "--starting-key"),
    "a report in a folder that is not there": (_at("none/r", "--report"), "--report"),
    "a report that is a folder": (_at("folder", "--report"), "--report"),
    "statistics in a folder that is not there": (_at("none/s", "--stats"), "--stats"),
    "a name that is too long": (_at("x" * 300, "--write-missing", "--undo-log"), "--undo-log"),
    "a report through a link to nowhere": (_at("dangling", "--report"), "--report"),
    "an undo log with content": (_at("full", "--write-missing", "--undo-log"), "has content already"),
    "an undo log in a folder that is not there": (_at("none/u", "--write-missing", "--undo-log"), "--undo-log"),
    "a checkpoint in a folder that is not there": (_at("none/c", "--checkpoint"), "--checkpoint"),
    "a checkpoint that is there": (_at("full", "--checkpoint"), "--checkpoint"),
    "a checkpoint that is none": (_at("full", "--resume", "--checkpoint"), "--checkpoint"),
    "metrics in a folder that is not there": (_at("none/m", "--metrics-file"), "--metrics-file"),
    "a policy that is none": (lambda _: ["--policy", "no.such:Policy"], "--policy"),
    "a profile that is not there": (lambda _: ["--profile", "nobody"], "nobody"),
    "a slave's profile that is not there": (lambda _: ["--slave-profile", "nobody"], "nobody"),
    "two outputs in one file": (lambda f: ["--report", str(f / "a"), "--stats", str(f / "a")], "--stats"),
    "a limit that is none": (lambda _: ["--max-deletes", "many"], "--max-deletes"),
    "an MFA device without a terminal": (
        lambda _: ["--role-arn", "arn:aws:iam::123456789012:role/r", "--mfa-serial", "arn:aws:iam::123456789012:mfa/m"],
        "--mfa",
    ),
}  # fmt: skip


def _folder(folder: Path) -> dict[str, str]:
    """Fill the test's folder, and tell what is in it."""
    (folder / "folder").mkdir()
    (folder / "full").write_text("content\n")
    (folder / "dangling").symlink_to(folder / "none" / "target")
    return _content(folder)


def _content(folder: Path) -> dict[str, str]:
    return {str(each): each.read_text() if each.is_file() else "" for each in sorted(folder.rglob("*"))}


def _files(folder: Path) -> list[str]:
    """Name the outputs of an earlier run."""
    for name in ("report", "stats"):
        (folder / name).write_text(json.dumps({"of": "yesterday"}) + "\n")
    return ["--report", str(folder / "report"), "--stats", str(folder / "stats")]


@pytest.mark.parametrize("table", ["there", "missing", "twice"])
@pytest.mark.parametrize("case", WRONG)
def test_it_comes_before_the_tables(make_world: MakeWorld, tmp_path: Path, case: str, table: str) -> None:
    """A wrong flag or file is exit code 2 without a request, whatever else is wrong, and nothing changes on disk."""
    made = make_world(MASTER, MASTER)
    flags, words = WRONG[case]
    before = _folder(tmp_path)
    more = {"there": [], "missing": ["-s", "us-east-1:none"], "twice": ["-s", str(made.slave)]}[table]
    ran = made.run(*flags(tmp_path), *more)
    assert ran.exit_code == 2, ran.stderr
    assert words in ran.stderr
    assert made.proxy.requests == []
    assert _content(tmp_path) == before


REFUSED: Mapping[str, tuple[list[str], str | None, int]] = {
    "a slave that is missing": ([], "DescribeTable", 3),
    "a slave that is the master": ([], None, 3),
    "a key that is not the table's": (["--starting-key", '{"other":"x"}'], None, 2),
    "a share of a limit that is not known": (["--max-read-units", "10%"], None, 2),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("earlier", [True, False], ids=["files of an earlier run", "no files"])
def test_a_refused_run_leaves_the_files(make_world: MakeWorld, tmp_path: Path, earlier: bool, case: str) -> None:
    """A run that cannot compare anything neither empties the files of an earlier run nor makes new ones."""
    made = make_world(MASTER, MASTER)
    flags, operation, code = REFUSED[case]
    outputs = ["--report", str(tmp_path / "report"), "--stats", str(tmp_path / "stats")]
    if earlier:
        _files(tmp_path)
    undo_log = ["--write-missing", "--undo-log", str(tmp_path / "undo")]
    before = _content(tmp_path)
    if operation is not None:
        made.proxy.add(faults.error("ResourceNotFoundException"), operation, table=made.slave.name)
    if case == "a slave that is the master":
        made = World(made.proxy, made.master, [made.master])
    ran = made.run(*outputs, *undo_log, *flags)
    assert ran.exit_code == code, ran.stderr
    assert _content(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_files_that_may_not_be_written(make_world: MakeWorld, tmp_path: Path) -> None:
    """A file without the right to write it is refused before any request."""
    made = make_world(MASTER, MASTER)
    (tmp_path / "r").write_text("")
    (tmp_path / "r").chmod(0o400)
    assert made.run("--report", str(tmp_path / "r")).exit_code == 2
    assert made.proxy.requests == []


def test_a_run_that_begins_replaces_the_files(make_world: MakeWorld, tmp_path: Path) -> None:
    """Longer files of an earlier run leave nothing behind."""
    made = make_world(MASTER, MASTER[1:])
    outputs = ["--report", str(tmp_path / "report"), "--stats", str(tmp_path / "stats")]
    for name in ("report", "stats"):
        (tmp_path / name).write_text("x" * 100_000)
    ran = made.run(*outputs)
    assert (ran.exit_code, len(ran.differences)) == (1, 1)
    assert ran.stats["complete"] is True
    tables_behind_proxy.no_traceback(ran)
