"""The README says what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fastsync import cli
from fastsync.errors import ConfigError, FastsyncError, TableError

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
HELP = cli._parser().format_help()
COMMANDS = [line[2:] for line in README.splitlines() if line.startswith("$ fastsync ")]


def test_every_flag_is_documented() -> None:
    """Each flag of --help stands in the README's reference."""
    assert set(FLAG.findall(HELP)) - set(FLAG.findall(README)) == set()


def test_no_flag_is_promised() -> None:
    """A flag that the README names is built, or stands in the list of those that are refused."""
    named = set(FLAG.findall(README)) - {"--slave-", "--write"}
    assert named - set(FLAG.findall(HELP)) - set(cli.NOT_BUILT) == set()


def test_what_is_not_built_is_listed() -> None:
    """Each flag that is refused as not built yet stands in the README, the slaves' forms of role flags as a group."""
    listed = README.partition("**Not built yet")[2].partition("## Exit codes")[0]
    alone = {flag for flag in cli.NOT_BUILT if not flag.startswith("--slave-")}
    assert alone - set(FLAG.findall(listed)) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command: str) -> None:
    """Every fastsync command in the README is one that the command line takes."""
    cli._parser().parse_args(shlex.split(command)[1:])


def test_there_are_commands() -> None:
    """The test above has something to hold."""
    assert len(COMMANDS) >= 2


@pytest.mark.parametrize("text", [README, HELP], ids=["README", "help"])
def test_exit_codes_are_told(text: str) -> None:
    """README and help give the exit codes that errors have."""
    codes = {int(code) for code in re.findall(r"^[ |]*(\d)[ |]+[a-z]", text, re.MULTILINE)}
    assert codes == {0, 1, 2, 3, 4, 5}
    assert {ConfigError.exit_code, TableError.exit_code, FastsyncError.exit_code} == {2, 3, 4}


@pytest.mark.parametrize("flag", [flag for flag in cli.NOT_BUILT])
def test_flags_that_are_not_built_are_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A flag of the contract that is not built yet is refused by name, with exit code 2, in one sentence."""
    value = ["1"] if cli.NOT_BUILT[flag] else []
    assert cli.main(["-m", "us-east-1:a", "-s", "us-west-2:b", flag, *value]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"fastsync: {flag} is not built yet in this version\n"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_commands_that_are_not_built_are_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command of the contract that is not built yet is refused by name, with exit code 2."""
    assert cli.main([command, "x"]) == 2
    assert command in capsys.readouterr().err
