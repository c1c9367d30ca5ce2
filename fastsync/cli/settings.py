"""fastsync settings: compare what tables are, not what they hold."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import zip_longest
from typing import Any

from fastsync.cli.flags import USAGE_OF_RUN, add_settings_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.config.config import Config
from fastsync.errors import ConfigError, IncompleteError, Interrupted, TableError
from fastsync.model.table import EXPORT_SCHEME, TableRef
from fastsync.model.wording import count_nouns, escape_unprintable, quote
from fastsync.output.log import Log
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.settings.compare import Row, Verdict, compare_settings, kind_of
from fastsync.plan.settings.read import TableSettings, read_all_settings
from fastsync.plan.settings.values import GLOBAL_INDEX, LOCAL_INDEX, NAMES, UNKNOWN
from fastsync.plan.settings.wording import format_value
from fastsync.workers.interrupt import Interrupt

DESCRIPTION = """\
Compare the settings of tables, not their items: key schema, attribute definitions, billing mode and capacity, table
class, indexes, stream, TTL, point-in-time recovery, deletion protection, encryption, replicas and tags. No item is
read, and nothing is changed. What the credentials may not read is "unknown", and no difference.

exit codes: 0 all are equal, 1 some differ, 3 no tables could be compared, 4 a table or a setting could not be read"""
NARROWEST = 16
"""Characters of a column of values at least, where a terminal is narrow."""
GAP = "  "
"""Between two columns."""


def make_parser() -> Parser:
    """Return the parser of `fastsync settings`: it takes a run's tables and its flags of access."""
    parser = create_parser("fastsync settings", f"fastsync settings {USAGE_OF_RUN}", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--ignore-setting",
        metavar="NAME",
        action="append",
        default=[],
        help="leave a setting out, for example tags, or global-index:*; repeatable",
    )
    add_settings_flags(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print how the settings of the tables compare, and return the exit code."""
    flags = make_parser().parse_flags(arguments)
    as_json, ignored = flags.pop("json"), flags.pop("ignore_setting")
    for name in ignored:
        check_setting(name)
    _refuse_exports([flags["master"], *flags["slave"]])
    config = Config.of(flags.pop("master"), flags.pop("slave"), flags)
    log = Log(config.log_format, color=config.color)
    with Interrupt() as interrupt:
        try:
            found = read_all_settings(config, ignored)
        except Interrupted:
            return interrupt.exit_code or 130
    with foreseen_only(Phase("comparing settings", has_read=True)):
        return _report(config, found, ignored, as_json, log)


def _refuse_exports(tables: Sequence[str | TableRef]) -> None:
    for table in tables:
        if str(table).startswith(EXPORT_SCHEME):
            raise ConfigError(
                f"{quote(str(table))} is an export: it holds items, and no settings that could be compared"
            )


def check_setting(name: str) -> None:
    """Raise ConfigError where there is no such setting, with the one that was probably meant."""
    kind = kind_of(name)
    if kind in NAMES and name not in (GLOBAL_INDEX, LOCAL_INDEX):
        return
    shown = [f"{each}NAME" if each.endswith(":") else each for each in NAMES]
    meant = "".join(f"; is {each!r} meant?" for each in get_close_matches(name, shown, 1))
    raise ConfigError(
        f"--ignore-setting: there is no setting {quote(name)}{meant or '; there are ' + ', '.join(shown)}"
    )


def _report(
    config: Config, found: Sequence[TableSettings | TableError], ignored: Sequence[str], as_json: bool, log: Log
) -> int:
    """Print the comparison, say what is not known, and return the exit code; raise TableError where nothing is."""
    master, *others = found
    names = [str(ref) for ref in config.tables]
    if isinstance(master, TableError):
        raise master
    slaves = {name: each for name, each in zip(names[1:], others, strict=True) if isinstance(each, TableSettings)}
    unreadable = [each for each in others if isinstance(each, TableError)]
    if not slaves:
        raise TableError("; ".join(map(str, unreadable)))
    rows = compare_settings(master.values, {name: each.values for name, each in slaves.items()}, ignored)
    print(format_json(rows) if as_json else format_table(rows, names[0], list(slaves)), flush=True)
    failures = _tell_unknown([master, *slaves.values()], unreadable, log)
    if not config.quiet:
        log.info(_sum_up(rows))
    if failures:
        return IncompleteError.exit_code
    return int(any(row.verdict is Verdict.DIFFERS for row in rows))


def _tell_unknown(known: Sequence[TableSettings], unreadable: Sequence[TableError], log: Log) -> int:
    """Say what could not be read, and return how many failures that is: what may not be read is none."""
    for settings in known:
        for sentence in settings.untold:
            log.warning(sentence)
    failures = [*(sentence for settings in known for sentence in settings.failed), *map(str, unreadable)]
    for sentence in failures:
        log.error(sentence)
    return len(failures)


def _sum_up(rows: Sequence[Row]) -> str:
    """Return in a line how many settings differ, and which."""
    differing = [row.name for row in rows if row.verdict is Verdict.DIFFERS]
    unknown = [row.name for row in rows if row.verdict is Verdict.UNKNOWN]
    parts = [f"{count_nouns(len(rows), 'setting')} compared"]
    parts.append(f"{len(differing)} differ: {', '.join(differing)}" if differing else "none differs")
    if unknown:
        parts.append(f"{len(unknown)} unknown: {', '.join(unknown)}")
    return escape_unprintable("; ".join(parts))


def format_json(rows: Sequence[Row]) -> str:
    """Return the comparison as JSON; a value that is not known is "unknown"."""
    document = {
        "equal": not any(row.verdict is Verdict.DIFFERS for row in rows),
        "settings": [
            {
                "name": row.name,
                "master": _plain(row.master),
                "slaves": {slave: _plain(value) for slave, value in row.slaves.items()},
                "verdict": row.verdict.value,
            }
            for row in rows
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return UNKNOWN.value if value is UNKNOWN else value


def format_table(rows: Sequence[Row], master: str, slaves: Sequence[str], width: int | None = None) -> str:
    """Return the comparison as a table, a row a setting; in `width` characters, on a terminal in those that it has."""
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    cells = [["setting", "verdict", master, *slaves], *(_format_row(row, slaves) for row in rows)]
    cells = [[escape_unprintable(cell) for cell in line] for line in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        widths = _fit(widths, width)
    return "\n".join(line for row in cells for line in _wrap_row(row, widths))


def _format_row(row: Row, slaves: Sequence[str]) -> list[str]:
    values = [row.master, *(row.slaves[slave] for slave in slaves)]
    return [row.name, row.verdict.value, *(format_value(row.name, value) for value in values)]


def _fit(widths: Sequence[int], width: int) -> list[int]:
    """Return narrower columns of values where a line would be wider than `width`."""
    fixed, values = list(widths[:2]), list(widths[2:])
    left = width - sum(fixed) - len(GAP) * (len(widths) - 1)
    while sum(values) > left and max(values) > NARROWEST:
        values[values.index(max(values))] -= 1
    return [*fixed, *values]


def _wrap_row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    columns = [textwrap.wrap(cell, most) or [""] for cell, most in zip(row, widths, strict=True)]
    lines = zip_longest(*columns, fillvalue="")
    return [GAP.join(map(str.ljust, line, widths)).rstrip() for line in lines]
