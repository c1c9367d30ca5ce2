"""The table of flags agrees with itself, with the configuration, and with what its help texts say."""

from __future__ import annotations

import re
from dataclasses import fields
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

from fastsync.config.config import Config
from fastsync.config.flags.flag import COMBINE, RUN, UNDO, Flag, as_flag, as_option
from fastsync.config.flags.options import OPTIONS, list_flags
from fastsync.config.flags.table import GROUPS
from fastsync.model.settings import StrategyName

DEFAULT = re.compile(r"\(default:? (\w+)\)|(\w+) \(default\)|(\w+), the default,")
SAID_OTHERWISE = {"seed", "role_session_name"}
"""Options whose help names what None comes to."""


def types_of(flag: Flag) -> set[object]:
    """Return the types that a flag's value may have in the configuration."""
    if flag.repeatable:
        return {tuple[str, ...]}
    if flag.option == "strategy":
        return {StrategyName}
    types: set[object] = set(flag.takes)
    if flag.word is not None:
        types.add(Literal[flag.word])
    return {*types, type(None)} if flag.default is None else types


def test_the_configuration_has_the_options_of_the_table() -> None:
    """Each option of a run is one field of Config, and Config has no others."""
    assert {field.name for field in fields(Config)} == {*OPTIONS, "master", "slaves", "session", "slave_session"}


@pytest.mark.parametrize("flag", OPTIONS.values(), ids=OPTIONS)
def test_the_configuration_has_the_types_of_the_table(flag: Flag) -> None:
    """A field of Config may be what its flag takes, and None exactly where that is the default."""
    hint = get_type_hints(Config)[flag.option]
    assert (set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}) == types_of(flag)


@pytest.mark.parametrize("flag", OPTIONS.values(), ids=OPTIONS)
def test_the_help_tells_the_default(flag: Flag) -> None:
    """A default that a help text names is the default."""
    named = DEFAULT.search(flag.help)
    if named is not None and flag.option not in SAID_OTHERWISE:
        assert str(flag.default) == next(filter(None, named.groups()))


@pytest.mark.parametrize("command", [RUN, UNDO, COMBINE])
def test_no_command_has_a_flag_twice(command: str) -> None:
    """Every spelling stands for one flag of a command."""
    spellings = [spelling for flag in list_flags(command) for spelling in flag.spellings]
    assert len(spellings) == len(set(spellings))


def test_names_of_flags_and_options() -> None:
    """A flag and its option turn into each other."""
    for group in GROUPS:
        for flag in group.flags:
            assert as_flag(as_option(flag.name)) == flag.name
