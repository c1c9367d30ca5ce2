"""The stairs: imports run downward only, and each dependency has one door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "fastsync"
STAIRS = [
    ("errors", "wording", "private", "addresses"),
    ("paths",),
    ("limits", "ledger", "checks", "parts", "aside", "repeats", "jsonlines", "frames", "portions"),
    ("table", "difference", "plan", "sampling", "mark", "hadoop"),
    ("login", "keytext"),
    ("config", "undolog", "version", "shards"),
    ("events", "reportline", "policy", "flight", "digest", "interrupt", "mfa", "iam", "ahead"),
    ("keys", "spread", "extras", "legs", "held", "unforeseen"),
    ("pairs", "page", "condensed", "undoindex"),
    ("expiry",),
    ("judge",),
    ("aws",),
    ("batch", "batchwrite", "condition", "forecast", "duration"),
    ("strategies", "recheck", "outcome", "deletes", "shares"),
    ("repair", "confirm"),
    ("recall", "restore"),
    ("earlier",),
    ("segment",),
    ("executors", "sinks", "preflight"),
    ("reportpage",),
    ("record", "choice", "identity"),
    ("job", "start", "quote"),
    ("run",),
    ("undo", "combine"),
    ("demo",),
    ("configfile", "jobarray"),
    ("reader",),
    ("flags",),
    ("arguments",),
    ("estimate",),
    ("cli",),
    ("nightly",),
]
"""Rooms from the ground up; a room may import rooms of lower steps, and rooms of its own folder."""
DOORS = {
    "botocore": ("aws/sources",),
    "boto3": (),
    "moto": ("demo",),
    "xxhash": ("digest",),
    "tqdm": ("sinks/progress", "sinks/log"),
    "multiprocessing": ("executors/processes",),
    "pyspark": ("executors/spark",),
    "argparse": ("arguments", "flags", "reader"),
    "http": ("aws/connections",),
    "getpass": ("mfa",),
    "signal": ("interrupt", "executors/processes"),
}
"""Who may import what; everything else that is not the standard library or msgspec has no door."""
APART = {"executors"}
"""Folders whose rooms do not know each other."""
STEP = {room: number for number, rooms in enumerate(STAIRS) for room in rooms}
MODULES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))
ROOMS = [module for module in MODULES if module not in ("__init__", "__main__")]


def imports(module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield str(node.module)


@pytest.mark.parametrize("module", ROOMS)
def test_imports_run_downward(module: str) -> None:
    """No room imports a room of its own step or of a higher one, but for the rooms of its own folder."""
    folder = module.split("/", maxsplit=1)[0]
    for name in imports(module):
        parts = name.split(".")
        if parts[0] != "fastsync" or len(parts) == 1:
            continue
        if parts[1] == folder:
            assert folder not in APART, f"{module} imports {name}"
        else:
            assert STEP[parts[1]] < STEP[folder], f"{module} imports {name}"


@pytest.mark.parametrize("module", ROOMS)
def test_dependencies_have_one_door(module: str) -> None:
    """botocore, xxhash, tqdm, multiprocessing and their like are imported where the table says and nowhere else."""
    for name in imports(module):
        top = name.partition(".")[0]
        if top in DOORS:
            assert module in DOORS[top], f"{module} imports {name}"


@pytest.mark.parametrize("module", ROOMS)
def test_stderr_has_one_door(module: str) -> None:
    """Every line on stderr goes through sinks/log, so that --log-format json holds for all of them."""
    # the line, the bar, whether a bar makes sense, whether somebody is there to ask, and a scheduled run's file
    allowed = {"sinks/log": 1, "sinks/progress": 1, "cli": 1, "mfa": 1, "nightly": 2}
    source = (PACKAGE / f"{module}.py").read_text()
    assert module == "demo" or len(re.findall(r"sys\.stderr", source)) <= allowed.get(module, 0)


def test_every_room_stands_on_the_stairs() -> None:
    """A new room has its step in the table."""
    assert {module.split("/")[0] for module in ROOMS} - set(STEP) == set()


def test_workers_do_not_load_botocore() -> None:
    """What a worker process imports brings neither botocore nor boto3 along."""
    for module in ROOMS:
        if module == "aws/sources":
            continue
        assert not any(name.split(".")[0] == "botocore" for name in imports(module))
    tree = ast.parse((PACKAGE / "aws/sources.py").read_text())
    top_level = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in top_level if "botocore" in ast.unparse(node)]
