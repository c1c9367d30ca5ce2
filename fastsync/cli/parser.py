"""The parser of a command's arguments, completed by a --config file and by defaults."""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from fastsync.cli import config_file, job_array
from fastsync.cli.help_text import HelpFormatter
from fastsync.cli.meant import (
    describe_bare_tables,
    describe_unknown_flag,
    describe_unknown_word,
    looks_like_table,
    refer_to_help,
)
from fastsync.config.flags.flag import as_flag
from fastsync.config.flags.options import FILES
from fastsync.config.paths import check_inputs
from fastsync.config.validation import check_choices
from fastsync.errors import ConfigError
from fastsync.model.addresses import hide_users
from fastsync.model.wording import quote, shorten_words

NEEDED = {"master": "-m/--master", "slave": "-s/--slave"}
"""Flags that are needed, on the command line or in the config file."""
_FLAG = re.compile(r"--?[^-0-9.]")
"""How a word begins that cannot be a value: a value is -, or a negative number, or begins otherwise."""
_CODE = re.compile(r"\b\d{6}\b")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises ConfigError instead of exiting.

    `file_only` are options, with their defaults, that the command takes from a config file only. `intermixed`:
    arguments without a flag may stand between flags. `rare` are the flags that only the whole help shows.
    """

    file_only: Mapping[str, Any] = {}
    intermixed = False
    rare: frozenset[str] = frozenset()

    def parse_flags(self, argv: Sequence[str]) -> dict[str, Any]:
        """Return every flag by its option: as given in `argv`, else as the config file has it, else its default.

        `slave` is the list of the slaves, those of the file's entries as TableRefs. `--shard auto` is resolved.
        """
        defaults = self._take_defaults()
        given = vars(self._parse(argv))
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

    def parse_given(self, argv: Sequence[str]) -> dict[str, Any]:
        """Return only the flags that are given in `argv`, by their options; no config file is read."""
        self._take_defaults()
        return vars(self._parse(argv))

    def _parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse arguments; raise ConfigError, with what was probably meant, where one is not known."""
        self._check_flags(argv)
        parse = self.parse_known_intermixed_args if self.intermixed else self.parse_known_args
        given, unknown = parse(argv)
        if any(map(looks_like_table, unknown)):
            self.error(describe_bare_tables(argv, self.prog))
        if unknown:
            self.error(describe_unknown_word(unknown[0], self._option_string_actions))
        return given

    def _check_flags(self, argv: Sequence[str]) -> None:
        """Refuse the first word that can only be a flag and is none, before anything else that is wrong is told."""
        known = self._option_string_actions
        for word in itertools.takewhile(lambda word: word != "--", argv):
            name = word.partition("=")[0]
            is_known = name in known or (not name.startswith("--") and word[:2] in known)
            if _FLAG.match(word) and " " not in name and not is_known:
                self.error(describe_unknown_flag(word, known))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments as `parse_flags` does, without a config file."""
        return self._parse(args)

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

    def format_short_help(self) -> str:
        """Return the help with the flags that are used most, and where to find the rest."""
        if not self.rare:
            return self.format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(str(self.description).partition("\n\n")[0])
        formatter.start_section("flags that are used most")
        formatter.add_arguments([action for action in self._actions if self.rare.isdisjoint(action.option_strings)])
        formatter.end_section()
        formatter.add_text(f"{self.prog} --help shows all flags, `fastsync help` all commands.")
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError. The message hides what may be an MFA code or a password after a misspelt flag."""
        shown = shorten_words(_CODE.sub("******", hide_users(message)))
        raise ConfigError(refer_to_help(shown, f"{self.prog} --help"))


def whole_number(text: str) -> int:
    """Return the whole number that a text is. Python's int would take 1_000 and foreign digits, and fail at 5,000."""
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"takes a whole number, not {quote(text)}")


def whole_number_or_word(text: str, word: str) -> int | str:
    """Return the whole number that a text is, or the text where it is this word."""
    if text == word:
        return text
    try:
        return whole_number(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"takes a whole number or {word}, not {quote(text)}") from None


def number(text: str) -> float:
    """Return the number that a text is, which is neither NaN nor infinite."""
    if _NUMBER.fullmatch(text):
        found = float(text)
        if math.isfinite(found):
            return found
    raise argparse.ArgumentTypeError(f"takes a number, not {quote(text)}")


class GivenOnce(argparse.Action):
    """The action of a flag that may be given only once, by whichever of its names; `advice` ends the error."""

    def __init__(self, option_strings: Sequence[str], dest: str, advice: str, **columns: Any):
        super().__init__(option_strings, dest, **columns)
        self._advice = advice

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, used: str | None = None
    ) -> None:
        """Store the value; raise ConfigError if there is one already."""
        if getattr(namespace, self.dest, None) is not None:
            name, *others = [each for each in self.option_strings if each.startswith("--")]
            also = f" ({used} is another name of it)" if used in others else ""
            raise ConfigError(f"{name} is given twice{also}; {self._advice}")
        setattr(namespace, self.dest, values)


class ShowHelp(argparse.Action):
    """The action of -h and --help: print the help, with -h only the flags that are used most, and end."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, used: str | None = None
    ) -> None:
        """Print the help on stdout."""
        if isinstance(parser, Parser) and used == "-h":
            print(parser.format_short_help(), end="")
        else:
            parser.print_help()
        parser.exit()


def create_parser(prog: str, usage: str, description: str, epilog: str | None = None) -> Parser:
    """Create the parser of one command, with -h and --help and no other flags."""
    parser = Parser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    about = "show this help, with -h only the flags that are used most"
    parser.add_argument("-h", "--help", action=ShowHelp, nargs=0, default=argparse.SUPPRESS, help=about)
    return parser
