"""The parsers that are made from the table of flags."""

from __future__ import annotations

import pytest

from fastsync.cli import estimate, iam_policy, sync, undo
from fastsync.cli.parser import Parser
from fastsync.config.flags.flag import NUMBER, RUN, UNDO, WHOLE, Flag
from fastsync.config.flags.options import list_flags
from fastsync.errors import ConfigError

TABLES = ["-m", "us-east-1:a", "-s", "us-west-2:b"]
PARSERS = {
    "run": (sync.make_parser, RUN, TABLES),
    "estimate": (estimate.make_parser, RUN, TABLES),
    "iam-policy": (iam_policy.make_parser, RUN, TABLES),
    "undo": (undo.make_parser, UNDO, ["undo.log"]),
}
NUMBERS = [
    (command, flag)
    for command, (_, table, _) in PARSERS.items()
    for flag in list_flags(table)
    if flag.takes in (WHOLE, NUMBER)
]


def parser_of(command: str) -> tuple[Parser, list[str]]:
    """Give a command's parser, and the arguments that it needs."""
    make_parser, _, needed = PARSERS[command]
    return make_parser(), needed


@pytest.mark.parametrize(("command", "flag"), NUMBERS, ids=[f"{command} {flag.name}" for command, flag in NUMBERS])
@pytest.mark.parametrize("value", ["1_000", "٣", "0x10", "nan", "inf", "1e999", "", " 1", "9" * 5000 + "."])
def test_numbers_are_written_in_digits(command: str, flag: Flag, value: str) -> None:
    """No command takes what only Python reads as a number, and the error names the flag."""
    parser, needed = parser_of(command)
    with pytest.raises(ConfigError, match=f"argument {flag.name}: takes a "):
        parser.parse_flags([*needed, f"{flag.name}={value}"])


@pytest.mark.parametrize("command", PARSERS)
def test_flags_that_exclude_each_other(command: str) -> None:
    """Progress is shown, not shown, or nothing is: only one of the flags that say so is taken."""
    parser, needed = parser_of(command)
    for one, other in (("--progress", "--quiet"), ("--no-progress", "--quiet"), ("--no-progress", "--progress")):
        with pytest.raises(ConfigError, match="not allowed with"):
            parser.parse_flags([*needed, one, other])


@pytest.mark.parametrize("flag", [flag for flag in list_flags(RUN) if flag.once], ids=lambda flag: flag.name)
def test_flags_that_are_given_once(flag: Flag) -> None:
    """A second master, or a second config file, is refused and not taken instead of the first."""
    with pytest.raises(ConfigError, match=f"{flag.name} is given twice"):
        sync.make_parser().parse_flags([*TABLES[2:], flag.name, "x", flag.name, "y"])


def test_lists_grow_and_have_no_default_in_common() -> None:
    """Each occurrence of --slave and --ignore adds to a list of its own."""
    given = sync.make_parser().parse_flags([*TABLES, "-s", "eu-west-1:c", "--ignore", "x", "--ignore-att", "y"])
    assert (given["slave"], given["ignore"]) == (["us-west-2:b", "eu-west-1:c"], ["x", "y"])
    assert sync.make_parser().parse_flags(TABLES)["slave"] == ["us-west-2:b"]
