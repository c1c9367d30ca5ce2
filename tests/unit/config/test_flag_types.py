"""The types of flags for type checkers are those of the table of flags."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal, Union, get_type_hints

import pytest

from fastsync.config.flag_types import Flags, Percent
from fastsync.config.flags.flag import TEXT, Flag
from fastsync.config.flags.options import OPTIONS
from fastsync.config.limits import DeleteLimit, Limit

PARAMETERS = {"progress"}
"""Flags that are parameters of Synchronizer by themselves, since a program may give them more than the command line."""
TYPED = {option: flag for option, flag in OPTIONS.items() if option not in PARAMETERS}


def type_of(flag: Flag) -> Any:
    """Return the type that a flag's value has for a type checker."""
    if flag.repeatable and flag.is_file:
        return str | PathLike[str] | Iterable[str | PathLike[str]]
    if flag.repeatable:
        return str | Iterable[str]
    if flag.choices:
        return Literal[flag.choices]
    types = [_type_of_text(flag) if kind is str else kind for kind in flag.takes]
    if flag.is_file:
        types.append(PathLike[str])
    if flag.word is not None:
        types.append(Literal[flag.word])
    if flag.default is None:
        types.append(type(None))
    return Union[tuple(types)]  # noqa: UP007


def _type_of_text(flag: Flag) -> Any:
    """Return the type of a text: where a number may be given too, it is a share."""
    return str if flag.takes == TEXT else Percent


def test_every_flag_has_a_type() -> None:
    """A new flag gets a type, and one that is gone loses it."""
    assert set(get_type_hints(Flags)) == set(TYPED)


@pytest.mark.parametrize(("option", "flag"), TYPED.items(), ids=TYPED)
def test_the_type_is_that_of_the_table(option: str, flag: Flag) -> None:
    """A type checker takes what the flag takes, and None exactly where that is the default."""
    assert get_type_hints(Flags)[option] == type_of(flag)


@pytest.mark.parametrize("share", ["0%", "1%", "10%", "100%"])
def test_shares_that_a_type_checker_knows(share: Any) -> None:
    """Every whole percentage is one of them, and a share that flags take."""
    assert share in Percent.__args__  # type: ignore[attr-defined]
    assert len(Percent.__args__) == 101  # type: ignore[attr-defined]
    assert DeleteLimit.parse(share)
    assert share == "0%" or Limit.parse("--max-read-units", share)
