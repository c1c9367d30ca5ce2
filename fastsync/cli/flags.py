"""Add to a command's parser the flags that it has in the table of `config.flags`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from fastsync import __version__
from fastsync.cli.parser import GivenOnce, Parser, number, whole_number, whole_number_or_word
from fastsync.config.flags.flag import RUN, UNDO, Flag
from fastsync.config.flags.options import list_flags
from fastsync.config.flags.table import ACCESS, GROUPS

USAGE_OF_RUN = "-m REGION:TABLE -s REGION:TABLE [-s ...] [flags]"
OF_SETTINGS = (
    "--master",
    "--slave",
    "--compress",
    "--max-retries",
    "--retry-delay-base",
    "--log-format",
    "--color",
    "--quiet",
)
"""Flags of a run that `fastsync settings` has beside those of access."""
CONVERTERS = {int: whole_number, float: number}
"""What reads a value of the command line; texts are taken as they are."""


def add_run_flags(parser: Parser) -> None:
    """Add --version and all flags of a run."""
    parser.add_argument("--version", action="version", version=f"fastsync {__version__}")
    _add_groups(parser, RUN)


def add_undo_flags(parser: Parser) -> None:
    """Add the flags that an undo shares with a run: pace, output and access."""
    _add_groups(parser, UNDO)


def add_settings_flags(parser: Parser) -> None:
    """Add the flags of a run that name tables and reach them, which is all that `fastsync settings` shares with it."""
    parser.add_argument("--version", action="version", version=f"fastsync {__version__}")
    for group in GROUPS:
        flags = [flag for flag in group.flags if RUN in flag.commands]
        if group.flags is not ACCESS:
            flags = [flag for flag in flags if flag.name in OF_SETTINGS]
        if flags:
            _add_flags(parser.add_argument_group(group.title, group.about), flags)
            parser.rare |= {flag.name for flag in flags if not flag.common}


def add_shared_flag(parser: Parser, command: str, name: str) -> None:
    """Add one flag of the table without its group."""
    (flag,) = (each for each in list_flags(command) if each.name == name)
    _add_flag(parser, flag)


def _add_groups(parser: Parser, command: str) -> None:
    listed = list(list_flags(command))
    parser.rare |= {flag.name for flag in listed} - {flag.name for flag in listed if flag.common}
    for group in GROUPS:
        flags = [flag for flag in group.flags if command in flag.commands]
        if flags:
            _add_flags(parser.add_argument_group(group.title, group.about), flags)


def _add_flags(group: argparse._ArgumentGroup, flags: list[Flag]) -> None:
    containers: dict[str | None, argparse._ActionsContainer] = {None: group}
    for flag in flags:
        if flag.one_of not in containers:
            containers[flag.one_of] = group.add_mutually_exclusive_group()
        _add_flag(containers[flag.one_of], flag)


def _add_flag(container: argparse._ActionsContainer, flag: Flag) -> None:
    columns: dict[str, Any] = {
        "dest": flag.option,
        "default": flag.default,
        "help": flag.help.replace("%", "%%"),  # argparse formats it
        "action": _choose_action(flag),
    }
    if flag.metavar is not None:
        columns["metavar"] = flag.metavar
        columns["type"] = _choose_converter(flag)
    container.add_argument(*flag.spellings, **columns)


def _choose_converter(flag: Flag) -> Callable[[str], Any] | None:
    if flag.word is not None:
        return partial(whole_number_or_word, word=flag.word)
    return CONVERTERS.get(flag.takes[0])


def _choose_action(flag: Flag) -> str | Callable[..., argparse.Action]:
    if flag.turns_off is not None:
        return "store_false"
    if flag.metavar is None:
        return "store_true"
    if flag.repeatable:
        return "append"
    if flag.once:
        return partial(GivenOnce, advice=flag.once)
    return "store"
