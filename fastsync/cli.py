"""argv → Synchronizer → exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastsync.arguments import parser, undo_parser
from fastsync.errors import ConfigError, FastsyncError
from fastsync.policy import Policy
from fastsync.run import Result, Synchronizer
from fastsync.sinks.progress import Bar, CostNotice, Lines, Sink, Verbose, say, spell
from fastsync.sinks.summary import printable, summary
from fastsync.undo import undo

COMMANDS = ("estimate", "iam-policy")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and not arguments[0].startswith("-"):
            return _command(arguments[0], arguments[1:])
        return synchronise(arguments)
    except FastsyncError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # whoever read stdout has gone; keep Python from complaining once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 4


def synchronise(arguments: Sequence[str]) -> int:
    """Compare and repair as the arguments say."""
    flags = vars(parser().parse_args(arguments))
    policy = _policy(flags.pop("policy"))
    sinks = _sinks(flags)
    master, slaves = flags.pop("master"), flags.pop("slave")
    result = Synchronizer(master, slaves, policy=policy, sinks=sinks, **flags).run()
    return _told(result, flags["quiet"])


def take_back(arguments: Sequence[str]) -> int:
    """Undo a run as the arguments say."""
    flags = vars(undo_parser().parse_args(arguments))
    verbose = flags.pop("verbose")
    result = undo(flags.pop("log"), flags, lambda each: say(spell(each)) if verbose else None)
    return _told(result, flags["quiet"])


def _told(result: Result, quiet: bool) -> int:
    if not quiet:
        print(summary(result.stats, result.warnings, result.notes), file=sys.stderr)
    else:
        for text in (*result.warnings, *result.errors):
            _complain(text)
    return result.exit_code


def _command(name: str, arguments: Sequence[str]) -> int:
    if name == "demo":
        from fastsync.demo import demo

        return demo(arguments)
    if name == "undo":
        return take_back(arguments)
    if name in COMMANDS:
        raise ConfigError(f"the command {name} is not built yet in this version")
    raise ConfigError(f"there is no command {name!r}; see fastsync --help")


def _sinks(flags: dict[str, Any]) -> list[Sink]:
    sinks: list[Sink] = [CostNotice()]
    if flags["verbose"]:
        sinks.append(Verbose())
    if flags["quiet"] or flags["progress"] is False:
        return sinks
    bar = flags["progress"] or sys.stderr.isatty()
    return [*sinks, Bar() if bar else Lines()]


def _policy(name: str | None) -> Policy | None:
    if name is None:
        return None
    module, _, cls = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        policy = getattr(importlib.import_module(module), cls)()
    except Exception as error:
        raise ConfigError(
            f"--policy {name}: {type(error).__name__}: {error}; give it as package.module:Class"
        ) from None
    if not isinstance(policy, Policy):
        raise ConfigError(f"--policy {name} is not a subclass of fastsync.Policy")
    return policy


def _complain(text: str) -> None:
    print(f"fastsync: {printable(text)}", file=sys.stderr)
