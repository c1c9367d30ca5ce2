"""The entry finds a command's module, loads nothing of other commands, and reports what cannot be loaded."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fastsync.cli.entry import COMMANDS, UNNAMED

MODULES = [command.module for command in COMMANDS.values()]
NEEDED = {"compare": ("sync",)}
"""Commands that are another one, held to less."""
LOADED = """
import sys
from fastsync.cli import main
try:
    main({arguments})
except SystemExit:
    pass
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""
BROKEN = """
import sys
sys.modules[{module!r}] = None  # as an import finds it where a file of the installation is missing
from fastsync.__main__ import main
sys.argv[1:] = {arguments}
sys.exit(main())
"""


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", MODULES)
def test_each_command_is_a_module(module: str) -> None:
    """A command's module has `run`, which takes arguments and returns the exit code."""
    assert importlib.import_module(module).run.__annotations__["return"] == "int"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_no_command_loads_another(arguments: list[str]) -> None:
    """Only the module of the command that runs is loaded, so that none makes the start of another slower."""
    ran = run_python(LOADED.format(arguments=arguments))
    own = COMMANDS[UNNAMED if arguments == ["--help"] else arguments[0]].module
    needed = {COMMANDS[name].module for name in NEEDED.get(arguments[0], ())}
    assert set(ran.stderr.split()) & set(MODULES) == {own, *needed}
    assert ran.stdout


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_a_command_that_cannot_be_loaded(name: str | None) -> None:
    """An installation that lacks a part is exit code 2 and one line that says so, not a traceback."""
    module, arguments = COMMANDS[name or UNNAMED].module, ["--help"] if name is None else [name, "--help"]
    ran = run_python(BROKEN.format(module=module, arguments=arguments))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "cannot be loaded" in ran.stderr
    assert module in ran.stderr
