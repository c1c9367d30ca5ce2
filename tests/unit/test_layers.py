"""The rules of import: what a package may know, which modules stay apart, and the one door of each dependency."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastsync.cli.entry import COMMANDS

PACKAGE = Path(__file__).parents[2] / "fastsync"
MAY = {
    "errors": "",
    "streams": "errors",
    "model": "errors",
    "aws": "errors model",
    "exports": "errors model aws",
    "config": "errors model exports",
    "output": "errors model config",
    "spool": "errors model",
    "compare": "errors model aws spool",
    "plan": "errors model exports config aws spool",
    "reports": "errors model config output",
    "library": "errors model output reports",
    "repair": "errors model aws output compare",
    "workers": "errors model exports aws output spool compare repair",
    "run": "errors model exports config aws output spool compare plan repair workers library",
    "demo": "errors model aws",
    "cli": "errors streams model config aws output plan reports workers run demo",
    "fleet": "errors streams model config aws output plan reports workers run cli",
    "nightly": "errors streams model config output reports run cli fleet",
}
"""What each package may import besides itself. A package stands below all that it may import, so there is no circle."""
APART = {"workers": ("inline", "processes", "spark")}
"""Rooms of a package that do not import each other."""
DOORS = {
    "botocore": ("aws/auth/sources", "aws/auth/endpoints", "aws/s3/client"),
    "boto3": (),
    "moto": ("demo/servers",),
    "xxhash": ("model/digest",),
    "jmespath": ("model/items/expression",),
    "tqdm": ("output/console/progress", "output/log"),
    "multiprocessing": (
        "workers/processes/fork_server",
        "workers/processes/forked",
        "workers/processes/worker_process",
    ),
    "pyspark": ("workers/spark/cluster",),
    "argparse": ("cli/completion", "cli/completion_words", "cli/flags", "cli/help_text", "cli/parser"),
    "http": (),
    "shtab": ("cli/completion", "cli/completion_words"),
    "urllib3": ("aws/network/opening",),
    "getpass": ("aws/auth/mfa",),
    "signal": (
        "workers/interrupt",
        "workers/processes/fork_server",
        "workers/processes/worker",
        "workers/processes/worker_process",
    ),
}
"""Which modules may import a dependency; everything else that is not the standard library or msgspec has no door."""
IN_A_FOLDER = 13
"""Modules that a folder holds at most, so that it can be taken in at a glance; cli has one more for each command."""
MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py") if path.stem != "__main__"
)
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


def imports(module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(module: str) -> Iterator[tuple[str, str]]:
    """Yield the packages of fastsync that a module imports, each with the whole name."""
    for name in imports(module):
        parts = name.split(".")
        if parts[0] == "fastsync" and len(parts) > 1 and parts[1] != "__version__":
            yield parts[1], name


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__"])
def test_packages_import_only_what_they_may(module: str) -> None:
    """A module imports its own package and those that its package's row names."""
    own = module.split("/", maxsplit=1)[0]
    for package, name in packages(module):
        assert package == own or package in MAY[own].split(), f"{module} imports {name}"


def test_no_circle() -> None:
    """A row names only packages whose rows stand above it."""
    known: list[str] = []
    for package, may in MAY.items():
        assert set(may.split()) <= set(known), package
        known.append(package)


@pytest.mark.parametrize("package", APART)
def test_rooms_stay_apart(package: str) -> None:
    """The places where tasks run do not know each other."""
    rooms = {room: [m for m in MODULES if f"{m}/".startswith(f"{package}/{room}/")] for room in APART[package]}
    for room, modules in rooms.items():
        others = [f"fastsync.{package}.{other}" for other in rooms if other != room]
        assert modules
        for module in modules:
            for name in imports(module):
                assert not any(f"{name}.".startswith(f"{other}.") for other in others), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_dependencies_have_one_door(module: str) -> None:
    """botocore, xxhash, tqdm, multiprocessing and their like are imported where the table says and nowhere else."""
    for name in imports(module):
        top = name.partition(".")[0]
        if top in DOORS:
            assert module in DOORS[top], f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_stderr_has_one_door(module: str) -> None:
    """Every line on stderr goes through output/log, so that --log-format json holds for all of them."""
    # the line and its colours, the bar, whether one makes sense, questions, a scheduled run's file, and what keeps the
    # stream safe to write to
    allowed = {
        **{"output/log": 3, "output/console/progress": 2, "output/console/question": 3, "cli/terminal": 2},
        **{"aws/auth/mfa": 1, "nightly/redirection": 2, "streams": 3, "fleet/progress": 2},
    }
    source = (PACKAGE / f"{module}.py").read_text()
    assert len(re.findall(r"sys\.stderr", source)) <= allowed.get(module, 0)


def test_every_package_has_a_row() -> None:
    """A new package says what it may import."""
    assert {module.split("/")[0] for module in MODULES} - {"__init__"} == set(MAY)


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_folders_can_be_taken_in(folder: Path) -> None:
    """No folder holds more modules than a reader can keep in mind."""
    modules = {f"fastsync.{folder.name}.{path.stem}" for path in folder.glob("*.py") if not path.stem.startswith("__")}
    assert len(modules - {command.module for command in COMMANDS.values()}) <= IN_A_FOLDER


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_packages_say_what_they_are_for(folder: Path) -> None:
    """A package's docstring says what it is for and what it must not do; and it imports none of its modules."""
    tree = ast.parse((folder / "__init__.py").read_text())
    assert folder == PACKAGE or "must not" in str(ast.get_docstring(tree)).replace("\n", " ")
    loaded = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert folder in (PACKAGE, PACKAGE / "cli") or not loaded


def test_workers_do_not_load_botocore() -> None:
    """What a worker process imports brings neither botocore nor boto3 along; only reading from S3 does, later."""
    for module in MODULES:
        if module not in DOORS["botocore"]:
            assert not any(name.split(".")[0] == "botocore" for name in imports(module))
    for door in DOORS["botocore"]:
        tree = ast.parse((PACKAGE / f"{door}.py").read_text())
        top_level = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [node for node in top_level if "botocore" in ast.unparse(node)]
