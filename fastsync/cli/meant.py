"""What was probably meant: sentences about flags, commands and words that the command line does not know."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from fastsync.config.suggestions import find_similar, format_question
from fastsync.model.wording import quote

FLAGS_ELSEWHERE = {
    "--apply": ("--write-missing", "--write-differing"),
    "--delete": ("--delete-extra",),
    "--dest": ("--target",),
    "--destination": ("--target",),
    "--dst": ("--target",),
    "--exclude": ("--ignore",),
    "--extra": ("--scan-for-extra",),
    "--extras": ("--scan-for-extra",),
    "--fix": ("--write-missing", "--write-differing"),
    "--force": ("--yes",),
    "--from": ("--source",),
    "--jobs": ("--parallel",),
    "--limit": ("--max-read-units",),
    "--no-color": ("--color never",),
    "--no-colour": ("--color never",),
    "--noop": ("--dry-run",),
    "--output": ("--report",),
    "--processes": ("--parallel",),
    "--prune": ("--delete-extra",),
    "--remove-extra": ("--delete-extra",),
    "--repair": ("--write-missing", "--write-differing"),
    "--replica": ("--slave",),
    "--src": ("--source",),
    "--threads": ("--parallel",),
    "--to": ("--target",),
    "--workers": ("--parallel",),
    "--write": ("--write-missing", "--write-differing"),
    "-j": ("--parallel",),
    "-n": ("--dry-run",),
    "-q": ("--quiet",),
    "-t": ("--target",),
    "-y": ("--yes",),
}
"""What other programs, and plain English, call our flags."""
COMMANDS_ELSEWHERE = {
    "apply": "sync",
    "check": "compare",
    "cmp": "compare",
    "copy": "sync",
    "cost": "estimate",
    "diff": "compare",
    "fix": "sync",
    "merge": "combine",
    "mirror": "sync",
    "page": "report",
    "plan": "estimate",
    "policy": "iam-policy",
    "price": "estimate",
    "repair": "sync",
    "restore": "undo",
    "revert": "undo",
    "rollback": "undo",
    "run": "sync",
    "validate": "compare",
    "verify": "compare",
    "version": "--version",
}
"""What other programs, and plain English, call our commands."""
_TABLE = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+:[\w.-]+|arn:[\w-]+:dynamodb:.+|export:.+")


def describe_unknown_flag(word: str, known: Collection[str]) -> str:
    """Return the sentence about a flag that a command with the flags `known` does not have; its value is not shown."""
    name = word.partition("=")[0]
    return f"there is no flag {_show_flag(name)}{format_question(_find_flags(name, known))}"


def _find_flags(name: str, known: Collection[str]) -> list[str]:
    elsewhere = [flag for flag in FLAGS_ELSEWHERE.get(name.lower(), ()) if flag.split()[0] in known]
    if elsewhere or len(name.lstrip("-")) < 2:
        return elsewhere
    return find_similar(name, [flag for flag in known if flag.startswith("--")])


def _show_flag(name: str) -> str:
    """Return a flag as it was written, in quotes where it is more than a name."""
    return name if re.fullmatch(r"--?[\w-]{1,60}", name, re.ASCII) else quote(name)


def describe_unknown_command(name: str, rest: Sequence[str], commands: Iterable[str]) -> str:
    """Return the sentence about a word in front that is no command: perhaps a table, or another program's command."""
    if looks_like_table(name):
        return describe_bare_tables([name, *rest])
    elsewhere = COMMANDS_ELSEWHERE.get(name.lower())
    suggested = [elsewhere] if elsewhere else find_similar(name, commands)
    return f"there is no command {quote(name)}{format_question(suggested)}"


def describe_unknown_word(word: str, known: Collection[str]) -> str:
    """Return the sentence about a word that stands where a command takes none: perhaps a flag without its dashes."""
    flag = f"--{word.lower().replace('_', '-')}"
    return f"unrecognized argument {quote(word)}{format_question([flag] if flag in known else [])}"


def looks_like_table(word: str) -> bool:
    """Return whether a word is written as a table is: <region>:<name>, or an ARN."""
    return _TABLE.fullmatch(word) is not None


def describe_bare_tables(words: Sequence[str], prog: str = "fastsync") -> str:
    """Return the sentence about tables that stand without flags, with the right form of the command."""
    tables = [word for word in words if looks_like_table(word)]
    master, *slaves = tables
    shown = [f"--master {master}", *(f"--slave {slave}" for slave in slaves or ["<region>:<name>"])]
    return f"tables are named with flags: {prog} {' '.join(shown)}"


def refer_to_help(message: str, command: str) -> str:
    """Return a sentence with the command that helps behind it."""
    return f"{message} See {command}" if message.endswith("?") else f"{message}; see {command}"
