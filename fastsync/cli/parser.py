"""The parser of a command's arguments, completed by a --config file and by defaults."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from fastsync.cli import config_file, job_array
from fastsync.config.flags import FILES, as_flag
from fastsync.config.paths import check_inputs
from fastsync.config.validation import check_choices
from fastsync.errors import ConfigError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import quote, shorten_words

NEEDED = {"master": "-m/--master", "slave": "-s/--slave"}
"""Flags that are needed, on the command line or in the config file."""
_CODE = re.compile(r"\b\d{6}\b")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises ConfigError instead of exiting.

    `file_only` are options, with their defaults, that the command takes from a config file only. `intermixed`:
    arguments without a flag may stand between flags.
    """

    file_only: Mapping[str, Any] = {}
    intermixed = False

    def parse_flags(self, argv: Sequence[str]) -> dict[str, Any]:
        """Return every flag by its option: as given in `argv`, else as the config file has it, else its default.

        `slave` is the list of the slaves, those of the file's entries as TableRefs. `--shard auto` is resolved.
        """
        defaults = self._take_defaults()
        parse = self.parse_intermixed_args if self.intermixed else self.parse_args
        given = vars(parse(argv))
        path = given.pop("config", None)
        flags = {**defaults, **self._read_config(path, defaults), **given}
        check_choices(flags)
        if path is not None:
            check_inputs({as_flag(name): flags.get(name) for name in FILES}, [path])
        if isinstance(flags.get("shard"), str):
            flags["shard"] = job_array.resolve_shard(flags["shard"], os.environ)
        for name in sorted(NEEDED.keys() & flags.keys() - self.file_only.keys()):
            if flags[name] in (None, (), []):
                self.error(f"{NEEDED[name]} is needed, here or as {name} in a --config file")
        return flags

    def _take_defaults(self) -> dict[str, Any]:
        """Return the default of every option, and let the parser leave out what is not given."""
        defaults = {action.dest: action.default for action in self._actions if action.default != argparse.SUPPRESS}
        defaults.pop("config", None)
        for action in self._actions:
            action.default = argparse.SUPPRESS
        return {**defaults, **self.file_only}

    def _read_config(self, path: str | None, known: Collection[str]) -> dict[str, Any]:
        """Return the options in a file that the command has: the file of a run serves its undo, too."""
        if path is None:
            return {}
        return {name: value for name, value in config_file.read_options(path).items() if name in known}

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, but refuse `--flag=--`, for which argparse would return an empty list."""
        for word in args or ():
            if re.fullmatch(r"--?[a-z][a-z-]*=--", word):
                self.error(f"{word[:-3]} takes a value, and -- is none")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError. The message hides what may be an MFA code or a password after a misspelt flag."""
        raise ConfigError(f"{shorten_words(_CODE.sub('******', hide_users(message)))}; see {self.prog} --help")


def whole_number(text: str) -> int:
    """Return the whole number that a text is. Python's int would take 1_000 and foreign digits, and fail at 5,000."""
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"takes a whole number, not {quote(text)}")


def number(text: str) -> float:
    """Return the number that a text is, which is neither NaN nor infinite."""
    if _NUMBER.fullmatch(text):
        found = float(text)
        if math.isfinite(found):
            return found
    raise argparse.ArgumentTypeError(f"takes a number, not {quote(text)}")


class GivenOnce(argparse.Action):
    """The action of a flag that may be given only once."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        """Store the value; raise ConfigError if there is one already."""
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
