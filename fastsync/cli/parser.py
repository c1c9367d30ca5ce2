"""The parser of a command's arguments, completed by a --config file and by defaults."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from fastsync.cli import config_file, job_array
from fastsync.config.paths import check_inputs
from fastsync.errors import ConfigError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import quote, shorten_words

NEEDED = {"master": "-m/--master", "slave": "-s/--slave"}
"""Tables that have to be named, on the command line or in the file."""
OUTPUTS = ("report", "stats", "checkpoint", "undo_log", "metrics_file")
"""Options that name a file which is written."""
_CODE = re.compile(r"\b\d{6}\b")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises ConfigError instead of exiting.

    `of_file` are options with their defaults that a command takes from the file only. `intermixed`: what has no flag
    may stand between flags.
    """

    of_file: Mapping[str, Any] = {}
    intermixed = False

    def parse_flags(self, argv: Sequence[str]) -> dict[str, Any]:
        """Return every flag by its name in snake_case: as given, else as the file says, else its default.

        `slave` is the list of the slaves, those of the file's entries as TableRefs. A `shard` of auto is as the
        environment tells.
        """
        defaults = {action.dest: action.default for action in self._actions if action.default != argparse.SUPPRESS}
        defaults.update(self.of_file)
        for action in self._actions:
            action.default = argparse.SUPPRESS  # so that what is not given is not there
        given = vars(self.parse_intermixed_args(argv) if self.intermixed else self.parse_args(argv))
        path = given.get("config")
        told = {} if path is None else config_file.read_options(path)
        # a file of a whole run serves commands, too, that take only some of its flags
        flags = {**defaults, **{name: value for name, value in told.items() if name in defaults}, **given}
        flags.pop("config", None)
        if path is not None:
            check_inputs({f"--{name.replace('_', '-')}": flags.get(name) for name in OUTPUTS}, [path])
        if isinstance(flags.get("shard"), str):
            flags["shard"] = job_array.resolve_shard(flags["shard"], os.environ)
        for name in sorted(NEEDED.keys() & flags.keys() - self.of_file.keys()):
            if flags[name] in (None, []):
                self.error(f"{NEEDED[name]} is needed, here or as {name} in a --config file")
        return flags

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read arguments; argparse would take the value away from `--flag=--`, and give an empty list."""
        for word in args or ():
            if re.fullmatch(r"--?[a-z][a-z-]*=--", word):
                self.error(f"{word[:-3]} takes a value, and -- is none")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError; an MFA code or a password after a misspelt flag is not repeated."""
        raise ConfigError(f"{shorten_words(_CODE.sub('******', hide_users(message)))}; see {self.prog} --help")


def whole_number(text: str) -> int:
    """Read the value of a flag; Python's int takes 1_000 and the digits of all scripts, and fails at 5,000 of them."""
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"takes a whole number, not {quote(text)}")


def number(text: str) -> float:
    """Read the value of a flag; NaN and infinity are no numbers of anything."""
    found = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"takes a number, not {quote(text)}")
    return found


class GivenOnce(argparse.Action):
    """A flag that may be given once only."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        """Take the value."""
        if getattr(namespace, self.dest, None) is not None:
            raise ConfigError(f"{self.option_strings[-1]} is given twice; there is exactly one")
        setattr(namespace, self.dest, values)


def create_parser(prog: str, usage: str, description: str, epilog: str | None = None) -> Parser:
    """Create the parser of one command, without flags."""
    return Parser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
