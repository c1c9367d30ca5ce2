"""fastsync completion: print a script that lets a shell complete commands, flags, values, files and profiles."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

import shtab

from fastsync.cli.completion_words import IN_WHOLE_WORDS, MENDED_FOR_ZSH, describe_values
from fastsync.cli.entry import COMMANDS, UNNAMED
from fastsync.cli.parser import Parser, create_parser
from fastsync.config.checks import check_choice
from fastsync.errors import ConfigError
from fastsync.output.unforeseen import Phase, foreseen_only

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = """\
Print a script with which a shell completes commands, flags, their values, files, and the profiles of your AWS
configuration. Have the shell read it once at its start:

  bash: a line in ~/.bashrc
    source <(fastsync completion bash)
  zsh: a line in ~/.zshrc, after the one with compinit
    source <(fastsync completion zsh)
  fish: a file
    fastsync completion fish > ~/.config/fish/completions/fastsync.fish"""


def make_parser() -> Parser:
    """Return the parser of `fastsync completion`."""
    parser = create_parser("fastsync completion", f"fastsync completion {'|'.join(SHELLS)}", DESCRIPTION)
    parser.add_argument("shell", metavar="|".join(SHELLS), nargs="?", help="the shell that reads the script")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the script for a shell, and return the exit code; raise ConfigError where there is none for it."""
    shell = make_parser().parse_args(arguments).shell
    if shell is None:
        raise ConfigError(f"name the shell: fastsync completion {'|'.join(SHELLS)}")
    check_choice("SHELL", shell, *SHELLS)
    script = make_script(shell)
    with foreseen_only(Phase("writing to stdout", has_read=True)):
        print(script, flush=True)
    return 0


def make_script(shell: str) -> str:
    """Return the completion script for one of SHELLS."""
    script = shtab.complete(_make_whole_parser(), shell)
    if shell == "bash":
        return script + IN_WHOLE_WORDS
    if shell == "zsh":
        for written, meant in MENDED_FOR_ZSH.items():
            script = script.replace(written, meant)
    return script


def _make_whole_parser() -> argparse.ArgumentParser:
    """Return a parser of the whole program, with all that shtab is to know of each flag's values."""
    whole = argparse.ArgumentParser("fastsync", parents=[_load_parser(UNNAMED)], add_help=False)
    commands = whole.add_subparsers(metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.about, parents=[_load_parser(name)], add_help=False)
    return whole


def _load_parser(command: str) -> Parser:
    parser: Parser = importlib.import_module(COMMANDS[command].module).make_parser()
    for action in parser._actions:  # argparse has no other way to list them, and shtab does so too
        describe_values(action)
    return parser
