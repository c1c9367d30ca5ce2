"""fastsync help: what commands there are, or the help of one of them."""

from __future__ import annotations

from collections.abc import Sequence

from fastsync.cli.entry import COMMANDS, list_commands, load_run, refuse_command
from fastsync.cli.parser import Parser, create_parser
from fastsync.output.unforeseen import Phase, foreseen_only

DESCRIPTION = """\
Print what commands there are, or with COMMAND all flags of that command."""


def make_parser() -> Parser:
    """Return the parser of `fastsync help`."""
    parser = create_parser("fastsync help", "fastsync help [COMMAND]", DESCRIPTION)
    parser.add_argument("name", metavar="COMMAND", nargs="?", help="one of the commands")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the list of commands, or the help of a command, and return the exit code."""
    name = make_parser().parse_args(arguments).name
    if name is None:
        with foreseen_only(Phase("writing to stdout", has_read=True)):
            print("\n".join(list_commands()), flush=True)
        return 0
    if name not in COMMANDS:
        refuse_command([name])
    if name == "help":
        make_parser().print_help()
        return 0
    return load_run(COMMANDS[name].module)(["--help"])
