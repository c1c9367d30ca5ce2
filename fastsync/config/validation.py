"""Check a whole configuration: the type and range of every option, and options that do not go together.

Everything here raises ConfigError with one clear sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fastsync.config.checks import (
    MOST,
    MOST_SECONDS,
    MOST_UNITS,
    check_choice,
    check_kind,
    check_number,
    check_path,
    check_text,
)
from fastsync.config.exports import check_exports
from fastsync.config.flags.flag import Flag
from fastsync.config.flags.options import CHOICES, OPTIONS
from fastsync.config.login import DURATIONS
from fastsync.config.parts import parse_delete_limit, parse_first_key, parse_limits, parse_logins, parse_slicing
from fastsync.config.paths import check_inputs, check_outputs
from fastsync.config.slicing import MAX_SEGMENTS
from fastsync.errors import ConfigError
from fastsync.model.addresses import check_address
from fastsync.model.items.expression import Expression
from fastsync.model.items.ignored_paths import parse_path
from fastsync.model.settings import MAX_BATCH_KEYS, StrategyName
from fastsync.model.wording import quote

if TYPE_CHECKING:
    from fastsync.config.config import Config

BOUNDS: dict[str, tuple[float, float]] = {
    "scan_limit": (1, MOST),
    "batch_read_limit": (1, MAX_BATCH_KEYS),
    "max_retries": (0, MOST),
    "retry_delay_base": (0, MOST_SECONDS),
    "parallel": (1, MAX_SEGMENTS),
    "segments": (1, MAX_SEGMENTS),
    "recheck_delay": (0, MOST_SECONDS),
    "role_duration": DURATIONS,
    "max_duration": (0, MOST_SECONDS),
    "max_differences": (1, MOST),
    "max_units": (0, MOST_UNITS),
    "max_cost": (0, MOST_UNITS),
    "seed": (-MOST, MOST),
}
"""The least and the greatest value of each option that is a number."""
CONFLICTS: tuple[tuple[Callable[[Config], bool], str], ...] = (
    (
        lambda config: config.report == config.stats == "-",
        "--report - and --stats - cannot both go to stdout; give one of them a file",
    ),
    (
        lambda config: config.starting_key is not None and (config.segments or config.processes) > 1,
        "--starting-key goes with one segment only, not with --parallel or --segments above 1; "
        "to continue a parallel run use --checkpoint",
    ),
    (
        lambda config: config.starting_key is not None and config.sample is not None,
        "--starting-key goes with one segment only, and --sample chooses among many",
    ),
    (
        lambda config: config.starting_key is not None and config.strategy == StrategyName.MERGE,
        "--starting-key goes with --strategy lookup only: a scan of a slave never begins there",
    ),
    (
        lambda config: config.of_keys and str(config.max_deletes).endswith("%"),
        "--max-deletes takes a number beside --key and --keys: a share of a few keys says little",
    ),
    (
        lambda config: config.keys.count("-") > 1,
        "--keys - is given twice, and there is one stdin",
    ),
    (
        lambda config: "-" in config.keys and any(login.asks_for_code for login in config.logins),
        "--keys - reads stdin, so nobody can be asked for an MFA code: give --mfa-token, or keys in a file",
    ),
    (
        lambda config: config.if_unchanged and not (config.keys and not config.key),
        "--if-unchanged needs --keys FILE, a report with values, and goes with no --key: a key alone tells no values",
    ),
    (
        lambda config: config.keep_ignored and bool(config.ignore_path),
        "--keep-ignored keeps whole attributes, so it does not go with --ignore-path",
    ),
    (
        lambda config: config.seed is not None and config.sample is None,
        "--seed chooses the segments of a --sample, and none is asked for",
    ),
    (
        lambda config: config.no_recheck and config.recheck_delay is not None,
        "--no-recheck and --recheck-delay exclude each other",
    ),
    (
        lambda config: config.resume and config.checkpoint is None,
        "--resume needs --checkpoint FILE: it says where the run is to go on",
    ),
    (
        lambda config: config.quiet and bool(config.progress),
        "--quiet and --progress exclude each other",
    ),
    (
        lambda config: config.executor == "spark" and config.report == "-",
        "--executor spark writes the report into a folder, so --report - does not go with it",
    ),
    (
        lambda config: config.executor == "spark" and config.verbose,
        "--executor spark has no lines for --verbose: its tasks write differences into the --report",
    ),
    (
        lambda config: config.writes == "batch" and config.version_attribute is not None,
        "--version-attribute needs conditional writes, and --writes batch makes none; give one of them only",
    ),
    (
        lambda config: config.version_attribute == "",
        "--version-attribute takes the name of an attribute",
    ),
)
"""Tests of options that do not go together, each with the sentence that refuses them."""


def _check_ignored_paths(config: Config) -> None:
    for text in config.ignore_path:
        try:
            parse_path(text)
        except ValueError as error:
            raise ConfigError(
                f"--ignore-path takes a path such as meta.updatedAt or lines[*].seen, not {quote(text)}: {error}"
            ) from None


def _check_where(config: Config) -> None:
    if config.where is None:
        return
    try:
        Expression(config.where)
    except ValueError as error:
        raise ConfigError(
            f"--where takes a JMESPath expression such as status == 'active', not {quote(config.where)}: {error}"
        ) from None


def _check_beside_keys(config: Config) -> None:
    """Raise ConfigError where a flag that cuts or scans whole tables stands beside --key or --keys."""
    if not config.of_keys:
        return
    given = {
        "--starting-key": config.starting_key is not None,
        "--segments": config.segments is not None,
        "--shard": config.shard is not None,
        "--sample": config.sample is not None,
        "--checkpoint": config.checkpoint is not None,
        "--resume": config.resume,
        "--strategy": config.strategy != StrategyName.AUTO,
        "--executor spark": config.executor == "spark",
    }
    for flag, is_given in given.items():
        if is_given:
            beside = "--keys" if config.keys else "--key"
            raise ConfigError(f"{flag} does not go with {beside}, which names all that is compared")


def check_config(config: Config) -> None:
    """Check every option by itself, then those that depend on each other."""
    _check_values(config)
    _check_numbers(config)
    _check_files(config)
    check_choices(vars(config))
    check_exports(config)
    _check_beside_keys(config)
    for is_conflict, sentence in CONFLICTS:
        if is_conflict(config):
            raise ConfigError(sentence)
    parse_first_key(config)
    _check_ignored_paths(config)
    _check_where(config)
    parse_slicing(config)
    parse_logins(config)


def check_choices(options: Mapping[str, object]) -> None:
    """Check, of those that are given, the options that have only some values."""
    for option, flag in CHOICES.items():
        if option in options:
            check_choice(flag.name, options[option], *flag.choices)


def _check_values(config: Config) -> None:
    """Check that every value has the type of its flag, that texts can be sent, and that paths can be opened."""
    for option, flag in OPTIONS.items():
        value = getattr(config, option)
        for each in value if flag.repeatable else [value]:
            _check_value(flag, each)
    if not all(config.ignore):
        raise ConfigError("--ignore takes the name of an attribute")
    if not all(config.keys):
        raise ConfigError("--keys takes the name of a file, or - for stdin")


def _check_value(flag: Flag, value: object) -> None:
    if value is None:
        return
    check_kind(flag.name, value, flag.takes, flag.word)
    if not isinstance(value, str):
        return
    if flag.is_file:
        check_path(flag.name, value)
    else:
        check_text(flag.name, value)


def _check_numbers(config: Config) -> None:
    for option, (least, greatest) in BOUNDS.items():
        flag, value = OPTIONS[option], getattr(config, option)
        if flag.word is None or value != flag.word:
            check_number(flag.name, value, least, greatest)
    parse_limits(config)
    parse_delete_limit(config)


def _check_files(config: Config) -> None:
    check_address("--endpoint-url", config.endpoint_url)
    check_address("--slave-endpoint-url", config.slave_endpoint_url)
    for ref in config.tables:
        check_address(f"the endpoint-url of {ref}", ref.endpoint_url)
    folders = ["--report"] if config.executor == "spark" else []
    check_outputs(config.outputs, folders)
    check_inputs(config.outputs, config.keys)
