"""The table of flags: parsers, config files, the README's table and the rules of a resume are all made from it.

A new flag is one row here and one field of `config.Config`. Flags of a single command that are no options of a run
(`estimate --json`) stand in that command's module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastsync.model.settings import MAX_BATCH_KEYS, SELECTABLE, StrategyName

RUN, UNDO, COMBINE, SHOW = "run", "undo", "combine", "show"
"""The commands that share flags. `estimate` and `iam-policy` have those of a run."""
BOTH = (RUN, UNDO)
TEXT, WHOLE, NUMBER, SWITCH = (str,), (int,), (float,), (bool,)
WHOLE_OR_SHARE, NUMBER_OR_SHARE = (str, int), (str, float)
"""The types that a value may have. On the command line it has the first of them."""


@dataclass(frozen=True)
class Flag:
    """One row: the spellings and the help text as `--help` shows them, and the word for the value (None: a switch).

    `commands` have the flag. `may_change`: a resumed run may have another value than the run before. `once`: giving it
    twice is an error. `repeatable`: its values are collected. `one_of`: flags with the same word here exclude each
    other. `turns_off`: the option that this switch sets to False. `choices`: the only values that it may have.
    `common`: the short help shows it.
    """

    spelling: str
    metavar: str | None
    help: str
    takes: tuple[type, ...] = TEXT
    default: Any = None
    commands: tuple[str, ...] = (RUN,)
    may_change: bool = False
    once: bool = False
    repeatable: bool = False
    one_of: str | None = None
    turns_off: str | None = None
    choices: tuple[str, ...] = ()
    common: bool = False

    @property
    def spellings(self) -> list[str]:
        """All ways to write the flag."""
        return self.spelling.split(", ")

    @property
    def name(self) -> str:
        """The first spelling with two dashes."""
        return next(each for each in self.spellings if each.startswith("--"))

    @property
    def option(self) -> str:
        """The name of the value in `Config` and in the library: `scan_limit` for `--scan-limit`."""
        return self.turns_off or as_option(self.name)

    @property
    def is_file(self) -> bool:
        """Whether the value is the path of a file."""
        return self.metavar == "FILE"


@dataclass(frozen=True)
class Group:
    """Flags that the help shows under a title, perhaps with a sentence about all of them."""

    title: str
    about: str | None
    flags: tuple[Flag, ...]


def as_option(name: str) -> str:
    """Return `scan_limit` for `--scan-limit`, and for `scan-limit`."""
    return name.lstrip("-").replace("-", "_")


def as_flag(option: str) -> str:
    """Return `--scan-limit` for `scan_limit`."""
    return f"--{option.replace('_', '-')}"


def _switch(spelling: str, meaning: str, **columns: Any) -> Flag:
    return Flag(spelling, None, meaning, SWITCH, **{"default": False, **columns})


def _shared(spelling: str, metavar: str, meaning: str, takes: tuple[type, ...] = TEXT, default: Any = None) -> Flag:
    """Return a flag of run and undo that may change on a resume."""
    return Flag(spelling, metavar, meaning, takes, default, commands=BOTH, may_change=True)


TABLES = (
    Flag("-m, --master, --source", "TABLE", "the table that is the truth", once=True, common=True),
    Flag(
        "-s, --slave, --target",
        "TABLE",
        "a table that should hold the same items; repeatable",
        default=(),
        repeatable=True,
        common=True,
    ),
    Flag("--starting-key", "JSON", 'start a serial scan of the master at this key, \'{"id":"abc"}\' or DynamoDB JSON'),
    Flag(
        "--key",
        "JSON",
        "compare this key and nothing else, or all items under a partition key; repeatable",
        default=(),
        repeatable=True,
    ),
    Flag(
        "--keys",
        "FILE",
        "compare the keys in this file and nothing else: a key a line, or a report; - is stdin; repeatable",
        default=(),
        repeatable=True,
    ),
)
COMPARISON = (
    Flag(
        "--ignore, --ignore-att",
        "NAME",
        "leave a top-level attribute out of the comparison; repeatable; aws:rep:* always is",
        default=(),
        repeatable=True,
        common=True,
    ),
    Flag(
        "--ignore-path",
        "PATH",
        "leave a nested value out of the comparison: meta.updatedAt, lines[*].seen, tmp_*; repeatable",
        default=(),
        repeatable=True,
    ),
    _switch("--scan-for-extra", "also find items that only a slave has", common=True),
    Flag(
        "--strategy",
        "auto|lookup|merge",
        "how slaves are read: keys looked up, or scans side by side; auto, the default, takes the cheaper",
        default=StrategyName.AUTO,
        choices=tuple(map(str, SELECTABLE)),
    ),
    _switch("--consistent-read", "strongly consistent scans and look-ups, at twice the price"),
    _switch("--no-recheck", "do not read a suspect again before it counts (for tables at rest)"),
    Flag("--recheck-delay", "S", "wait S seconds before reading suspects again", NUMBER),
    Flag(
        "--version-attribute",
        "NAME",
        "a number or string that grows with each version: an item that is newer on the slave is left alone",
    ),
    _switch("--ignore-expired", "treat items past their time to live (TTL) as absent on both sides"),
    Flag("--policy", "M:C", "judge and decide with class C of module M, a fastsync.Policy"),
)
REPAIR = (
    _switch("--write-missing", "write items that a slave lacks", common=True),
    _switch("--write-differing", "write items that differ", common=True),
    _switch("--delete-extra", "delete what only a slave has; implies --scan-for-extra", common=True),
    _switch(
        "--dry-run",
        "write nothing, whatever else is said; what --delete-extra would delete is looked for",
        may_change=True,
        common=True,
    ),
    _switch("--dry-run", "write nothing, and report what would be undone", commands=(UNDO,), common=True),
    Flag(
        "--max-deletes",
        "N|P%",
        "delete nothing on a slave with more extras than this, or than this share of its items",
        WHOLE_OR_SHARE,
    ),
    _switch("--allow-empty-master", "let a master without a single item cause deletes"),
    _switch(
        "--allow-replica-writes",
        "write to a slave that is a replica of the same global table as the master too",
        may_change=True,
    ),
    _switch("--yes", "delete without asking; a run that may delete asks once, on a terminal only", may_change=True),
    _switch("--if-unchanged", "repair only items that still are as the report of --keys tells; needs its values"),
    Flag(
        "--undo-log",
        "FILE",
        "write what every write replaces into a new file first; `fastsync undo FILE` undoes the run",
        common=True,
    ),
    _switch("--keep-ignored", "keep the slave's own values of --ignore'd attributes when writing"),
    Flag(
        "--writes",
        "guarded|batch",
        "guarded (default), or batch: 25 at a time and unconditional, for quiet tables; deletes stay conditional",
        default="guarded",
        choices=("guarded", "batch"),
    ),
)
PACE = (
    Flag(
        "--parallel",
        "N",
        "segments worked on at once, one process each (default 1)",
        WHOLE,
        default=1,
        may_change=True,
        common=True,
    ),
    Flag("--parallel", "N", "processes at work at once (default 1)", WHOLE, default=1, commands=(UNDO,)),
    Flag(
        "--executor",
        "WHERE",
        "where segments are worked on: processes (default), inline (in this one), or spark, inside a spark-submit",
        default="processes",
        may_change=True,
        choices=("processes", "inline", "spark"),
    ),
    Flag("--segments", "N", "segments in all (default: as many as --parallel)", WHOLE),
    Flag(
        "--shard",
        "I/N",
        "compare only the segments whose number is I modulo N, from 0; needs --segments; auto or auto/N takes I "
        "from AWS Batch or Kubernetes",
    ),
    Flag("--sample", "F", "compare only this fraction of the segments, for example 0.05", NUMBER),
    Flag("--seed", "S", "choose other segments for the sample (default 0)", WHOLE),
    Flag("--scan-limit", "N", "items evaluated per Scan request (default: 1 MB)", WHOLE, may_change=True),
    _shared(
        "--batch-read-limit",
        "N",
        "keys per BatchGetItem at most; adapts below that (default 100)",
        WHOLE,
        MAX_BATCH_KEYS,
    ),
    Flag("--max-duration", "S", "end as an interrupt does after S seconds, with exit code 4", NUMBER, may_change=True),
    Flag(
        "--max-differences",
        "N",
        "end as an interrupt does once N differences were found, with exit code 4; no extra is deleted then",
        WHOLE,
        may_change=True,
    ),
    Flag(
        "--max-units",
        "N",
        "capacity units, reads and writes, that the whole run may consume: it does not start where the estimate says "
        "more, and ends as an interrupt does once it has consumed more (exit code 5)",
        NUMBER,
        may_change=True,
    ),
    Flag("--max-cost", "USD", "the same in US dollars, at list price", NUMBER, may_change=True),
    _switch("--compress", "ask the service for gzip answers, for slow networks", commands=BOTH, may_change=True),
    _shared("--max-retries", "N", "retries of one request after the first try (default 10)", WHOLE, 10),
    _shared("--retry-delay-base", "MS", "base of the exponential backoff in ms, full jitter (default 50)", NUMBER, 50),
    _shared(
        "--max-read-units",
        "R|P%",
        "read units a second from each table, over all processes; or a share of what it has, such as 25%",
        NUMBER_OR_SHARE,
    ),
    _shared(
        "--max-write-units",
        "W|P%",
        "write units a second to each slave, over all processes; or a share",
        NUMBER_OR_SHARE,
    ),
)
RESUMING = (
    Flag("--checkpoint", "FILE", "save progress in FILE about once a second", may_change=True),
    _switch("--resume", "continue the run that FILE belongs to; if there is none, start afresh", may_change=True),
)
OUTPUT = (
    Flag("--report", "FILE", "every difference as a line of JSON; - is stdout", commands=BOTH, common=True),
    _switch("--report-values", "put both sides' differing values into the report", commands=BOTH),
    _shared("--stats", "FILE", "final statistics as JSON; - is stdout"),
    Flag(
        "--log-format",
        "text|json",
        "json: every line on stderr is a JSON object with time, level and message",
        default="text",
        commands=(RUN, UNDO, COMBINE),
        may_change=True,
        choices=("text", "json"),
    ),
    Flag(
        "--color",
        "auto|always|never",
        "colours on stderr, and of show; auto, the default: on a terminal, unless NO_COLOR is set",
        default="auto",
        commands=(RUN, UNDO, COMBINE, SHOW),
        may_change=True,
        choices=("auto", "always", "never"),
    ),
    Flag("--metrics-file", "FILE", "OpenMetrics text, for a node exporter's textfile collector", may_change=True),
    _switch("-v, --verbose", "each difference on stderr, path by path, with what was done about it", may_change=True),
    _switch("-v, --verbose", "each item on stderr, path by path, with what was done about it", commands=(UNDO,)),
    _switch(
        "--progress",
        "show a bar even where stderr is no terminal",
        default=None,
        commands=BOTH,
        may_change=True,
        one_of="progress",
    ),
    _switch(
        "--no-progress",
        "show no progress",
        default=None,
        commands=BOTH,
        may_change=True,
        one_of="progress",
        turns_off="progress",
    ),
    _switch(
        "--quiet",
        "neither progress nor summary, only warnings and errors",
        commands=BOTH,
        may_change=True,
        one_of="progress",
    ),
)
ACCESS = (
    Flag(
        "--config",
        "FILE",
        "TOML with the names of the flags; a flag replaces its value",
        commands=BOTH,
        once=True,
        common=True,
    ),
    _shared("--profile", "NAME", "profile of the master, and of the slaves where they have none of their own"),
    _shared("--role-arn", "ARN", "role of the master, and of the slaves where they have none of their own"),
    _shared("--external-id", "ID", "external id for assuming that role"),
    _shared("--mfa-serial", "SERIAL", "MFA device for assuming that role"),
    _shared("--mfa-token", "CODE", "its code; without it the terminal is asked"),
    _shared("--slave-profile", "NAME", "profile of the slaves"),
    _shared("--slave-role-arn", "ARN", "role of the slaves, assumed with the slaves' profile or the default chain"),
    _shared("--slave-external-id", "ID", "external id for assuming that role"),
    _shared("--slave-mfa-serial", "SERIAL", "MFA device for assuming that role"),
    _shared("--slave-mfa-token", "CODE", "its code; without it the terminal is asked"),
    _shared("--role-session-name", "NAME", "name of the sessions of assumed roles (default: fastsync)"),
    _shared("--role-duration", "S", "seconds of a role session (default 3600)", WHOLE, 3600),
    Flag("--endpoint-url", "URL", "another DynamoDB-compatible endpoint, for slaves too", commands=BOTH),
    Flag("--slave-endpoint-url", "URL", "another endpoint for the slaves", commands=BOTH),
)
GROUPS = (
    Group("tables", "written as <region>:<name>, or as a full table ARN", TABLES),
    Group("comparison", None, COMPARISON),
    Group("repair", "every write is conditional on the slave's item being what was compared", REPAIR),
    Group("pace", None, PACE),
    Group("resuming", None, RESUMING),
    Group("output", None, OUTPUT),
    Group("access", None, ACCESS),
)
"""The whole table, in the order of the help."""
NOT_OF_CONFIG = ("master", "slave", "policy", "config")
"""Options of a run that are given to it as objects, not as values of `Config` by their names."""


def list_flags(command: str) -> Iterator[Flag]:
    """Yield the flags that a command has, in the order of the help."""
    for group in GROUPS:
        yield from (flag for flag in group.flags if command in flag.commands)


OPTIONS = {flag.option: flag for flag in list_flags(RUN) if flag.turns_off is None and flag.option not in NOT_OF_CONFIG}
"""The flag of each option of `Config`."""
DEFAULTS = {option: flag.default for option, flag in OPTIONS.items()}
CHOICES = {option: flag for option, flag in OPTIONS.items() if flag.choices}
"""The flag of each option that has only some values."""
FILES = tuple(option for option, flag in OPTIONS.items() if flag.is_file and not flag.repeatable)
"""Options that are the paths of files that a run writes."""
WRITING = ("write_missing", "write_differing", "delete_extra")
"""Options without which nothing is written."""
MAY_CHANGE = frozenset(option for option, flag in OPTIONS.items() if flag.may_change)
"""Options that may change between a run and its resume. All others must be the same."""
