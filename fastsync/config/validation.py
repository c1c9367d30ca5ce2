"""Check a whole configuration: the type and range of every option, and options that do not go together.

Everything here raises ConfigError with one clear sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastsync.config.checks import (
    MOST,
    MOST_SECONDS,
    check_choice,
    check_kind,
    check_number,
    check_path,
    check_text,
)
from fastsync.config.flags import OPTIONS, Flag
from fastsync.config.login import DURATIONS
from fastsync.config.parts import parse_delete_limit, parse_first_key, parse_limits, parse_logins, parse_slicing
from fastsync.config.paths import check_outputs
from fastsync.config.slicing import MAX_SEGMENTS
from fastsync.errors import ConfigError
from fastsync.model.addresses import check_address
from fastsync.model.settings import MAX_BATCH_KEYS, StrategyName

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
    "seed": (-MOST, MOST),
}
"""The least and the greatest value of each option that is a number."""


def check_config(config: Config) -> None:
    """Check every option by itself, then those that depend on each other."""
    _check_values(config)
    _check_numbers(config)
    _check_files(config)
    _check_starting_key(config)
    _check_combinations(config)
    _check_executor(config)
    _check_repair(config)


def _check_values(config: Config) -> None:
    """Check that every value has the type of its flag, that texts can be sent, and that paths can be opened."""
    for option, flag in OPTIONS.items():
        value = getattr(config, option)
        for each in value if flag.repeatable else [value]:
            _check_value(flag, each)
    if not all(config.ignore):
        raise ConfigError("--ignore takes the name of an attribute")


def _check_value(flag: Flag, value: object) -> None:
    if value is None:
        return
    check_kind(flag.name, value, flag.takes)
    if not isinstance(value, str):
        return
    if flag.is_file:
        check_path(flag.name, value)
    else:
        check_text(flag.name, value)


def _check_numbers(config: Config) -> None:
    for option, (least, greatest) in BOUNDS.items():
        check_number(OPTIONS[option].name, getattr(config, option), least, greatest)
    parse_limits(config)
    parse_delete_limit(config)


def _check_files(config: Config) -> None:
    check_address("--endpoint-url", config.endpoint_url)
    check_address("--slave-endpoint-url", config.slave_endpoint_url)
    for ref in config.tables:
        check_address(f"the endpoint-url of {ref}", ref.endpoint_url)
    if config.report == config.stats == "-":
        raise ConfigError("--report - and --stats - cannot both go to stdout; give one of them a file")
    folders = ["--report"] if config.executor == "spark" else []
    check_outputs(config.outputs, folders)


def _check_starting_key(config: Config) -> None:
    if config.starting_key is None:
        return
    if (config.segments or config.parallel) > 1:
        raise ConfigError(
            "--starting-key goes with one segment only, not with --parallel or --segments above 1; "
            "to continue a parallel run use --checkpoint"
        )
    if config.sample is not None:
        raise ConfigError("--starting-key goes with one segment only, and --sample chooses among many")
    if config.strategy == StrategyName.MERGE:
        raise ConfigError("--starting-key goes with --strategy lookup only: a scan of a slave never begins there")
    parse_first_key(config)


def _check_combinations(config: Config) -> None:
    if config.seed is not None and config.sample is None:
        raise ConfigError("--seed chooses the segments of a --sample, and none is asked for")
    parse_slicing(config)
    parse_logins(config)
    if config.no_recheck and config.recheck_delay is not None:
        raise ConfigError("--no-recheck and --recheck-delay exclude each other")
    if config.resume and config.checkpoint is None:
        raise ConfigError("--resume needs --checkpoint FILE: it says where the run is to go on")
    if config.quiet and config.progress:
        raise ConfigError("--quiet and --progress exclude each other")
    check_choice("--log-format", config.log_format, "text", "json")


def _check_executor(config: Config) -> None:
    check_choice("--executor", config.executor, "processes", "inline", "spark")
    if config.executor != "spark":
        return
    if config.report == "-":
        raise ConfigError("--executor spark writes the report into a folder, so --report - does not go with it")
    if config.verbose:
        raise ConfigError("--executor spark has no lines for --verbose: its tasks write differences into the --report")


def _check_repair(config: Config) -> None:
    check_choice("--writes", config.writes, "guarded", "batch")
    if config.version_attribute is None:
        return
    if config.writes == "batch":
        raise ConfigError(
            "--version-attribute needs conditional writes, and --writes batch makes none; give one of them only"
        )
    if not config.version_attribute:
        raise ConfigError("--version-attribute takes the name of an attribute")
