"""Every flag of the command line, validated once, and the settings that follow from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from fastsync.config.checks import (
    KINDS,
    MOST,
    MOST_SECONDS,
    check_choice,
    check_kind,
    check_number,
    check_path,
    check_text,
)
from fastsync.config.key_text import parse_key
from fastsync.config.limits import DeleteLimit, Limit, Limits
from fastsync.config.login import DURATIONS, LoginFlags, resolve_logins
from fastsync.config.paths import check_outputs
from fastsync.config.slicing import MAX_SEGMENTS, Sample, Shard, Slicing
from fastsync.errors import ConfigError
from fastsync.model.addresses import check_address
from fastsync.model.settings import MAX_BATCH_KEYS, Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import Login, TableRef
from fastsync.model.wording import quote

FILES = ("report", "stats", "metrics_file", "checkpoint", "undo_log")
"""Options that are paths."""


@dataclass(frozen=True)
class Config:
    """All flags by their names in snake_case. Raises ConfigError with one clear sentence where something is wrong."""

    master: TableRef
    slaves: tuple[TableRef, ...]
    starting_key: str | None = None
    ignore: tuple[str, ...] = ()
    scan_limit: int | None = None
    batch_read_limit: int = MAX_BATCH_KEYS
    max_retries: int = 10
    retry_delay_base: float = 50
    max_read_units: str | float | None = None
    max_write_units: str | float | None = None
    compress: bool = False
    parallel: int = 1
    segments: int | None = None
    write_missing: bool = False
    write_differing: bool = False
    scan_for_extra: bool = False
    delete_extra: bool = False
    max_deletes: str | int | None = None
    allow_empty_master: bool = False
    writes: str = "guarded"
    version_attribute: str | None = None
    keep_ignored: bool = False
    ignore_expired: bool = False
    undo_log: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    mfa_serial: str | None = None
    mfa_token: str | None = field(default=None, repr=False)
    slave_profile: str | None = None
    slave_role_arn: str | None = None
    slave_external_id: str | None = field(default=None, repr=False)
    slave_mfa_serial: str | None = None
    slave_mfa_token: str | None = field(default=None, repr=False)
    role_session_name: str | None = None
    role_duration: int = 3600
    verbose: bool = False
    strategy: StrategyName = StrategyName.AUTO
    endpoint_url: str | None = None
    slave_endpoint_url: str | None = None
    consistent_read: bool = False
    report: str | None = None
    report_values: bool = False
    stats: str | None = None
    metrics_file: str | None = None
    log_format: str = "text"
    checkpoint: str | None = None
    resume: bool = False
    max_duration: float | None = None
    no_recheck: bool = False
    recheck_delay: float | None = None
    progress: bool | None = None
    quiet: bool = False
    executor: str = "processes"
    shard: str | None = None
    sample: float | None = None
    seed: int | None = None

    @classmethod
    def undoing(cls, log: str, slaves: Sequence[str | TableRef], flags: Mapping[str, Any]) -> Config:
        """Build the configuration of an undo: its log stands in the master's place, and may name no slave at all."""
        return cls.of(TableRef(log, "", log), slaves, flags) if slaves else cls(TableRef(log, "", log), (), **flags)

    @classmethod
    def of(cls, master: str | TableRef, slaves: Any, flags: Mapping[str, Any]) -> Config:
        """Build the configuration from table names (or TableRefs) and flags; raise ConfigError."""
        known = {field.name for field in fields(cls)} - {"master", "slaves"}
        if unknown := sorted(set(flags) - known):
            raise ConfigError(f"there is no option called {unknown[0]!r}")
        given = dict(flags)
        given["ignore"] = _as_names(given.get("ignore", ()))
        given["strategy"] = _as_strategy(given.get("strategy", StrategyName.AUTO))
        given |= {name: os.fspath(given[name]) for name in FILES if isinstance(given.get(name), os.PathLike)}
        endpoint = given.get("endpoint_url")
        slave_endpoint = given.get("slave_endpoint_url") or endpoint
        listed = [slaves] if not isinstance(slaves, Iterable) or isinstance(slaves, str) else list(slaves)
        if not listed:
            raise ConfigError("at least one --slave is needed")
        return cls(
            master=_as_table(master, endpoint),
            slaves=tuple(_as_table(slave, slave_endpoint) for slave in listed),
            **given,
        )

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_numbers(self)
        _check_files(self)
        _check_combinations(self)
        _check_executor(self)
        _check_repair(self)

    @property
    def first_key(self) -> Mapping[str, Any] | None:
        """The key that a serial scan is to start at, as it was given, where one was."""
        return None if self.starting_key is None else parse_key("--starting-key", self.starting_key)

    @property
    def outputs(self) -> dict[str, str | None]:
        """The files that a run writes, by their flags; the checkpoint keeps some beside it."""
        beside: dict[str, str | None] = {}
        if self.checkpoint is not None:
            suffixes = ("report", *(f"extras-{place}" for place in range(len(self.slaves))))
            beside = {f"what --checkpoint keeps in .{suffix}": f"{self.checkpoint}.{suffix}" for suffix in suffixes}
        flags = {"--report": self.report, "--stats": self.stats, "--undo-log": self.undo_log}
        return {"--checkpoint": self.checkpoint, **beside, **flags, "--metrics-file": self.metrics_file}

    @property
    def slicing(self) -> Slicing:
        """The part that decides about segments. A serial scan from a key has one."""
        shard = None if self.shard is None else Shard.parse(str(self.shard))
        sample = None if self.sample is None else Sample(self.sample, self.seed or 0)
        return Slicing(self.parallel, self.segments if self.starting_key is None else 1, shard, sample)

    @property
    def reading(self) -> Reading:
        """The part that decides how tables are read."""
        return Reading(self.scan_limit, self.batch_read_limit, self.consistent_read)

    @property
    def retrying(self) -> Retrying:
        """The part that decides how requests are tried again."""
        return Retrying(self.max_retries, self.retry_delay_base / 1000)

    @property
    def limits(self) -> Limits:
        """The part that decides how many units a second each table may be asked for."""
        given = (("--max-read-units", self.max_read_units), ("--max-write-units", self.max_write_units))
        return Limits(*(None if units is None else Limit.parse(flag, units) for flag, units in given))

    @property
    def judging(self) -> Judging:
        """The part that decides what a difference is."""
        return Judging(frozenset(self.ignore), not self.no_recheck, self.recheck_delay or 0.0, self.version_attribute)

    @property
    def repairing(self) -> Repairing:
        """The part that decides what may be written."""
        find = self.scan_for_extra or self.delete_extra
        return Repairing(
            self.write_missing,
            self.write_differing,
            find,
            self.delete_extra,
            version=self.version_attribute,
            ignored=frozenset(self.ignore),
            keep_ignored=self.keep_ignored,
            in_batches=self.writes == "batch",
            undo_log=None if self.undo_log is None else str(Path(self.undo_log).resolve()),
        )

    @property
    def logins(self) -> tuple[Login, ...]:
        """As whom the tables' requests are made, the master's first."""
        master = LoginFlags("--", self.profile, self.role_arn, self.external_id, self.mfa_serial, self.mfa_token)
        slaves = LoginFlags(
            "--slave-",
            self.slave_profile,
            self.slave_role_arn,
            self.slave_external_id,
            self.slave_mfa_serial,
            self.slave_mfa_token,
        )
        return resolve_logins(master, slaves, (self.role_session_name, self.role_duration), (self.master, *self.slaves))

    @property
    def delete_limit(self) -> DeleteLimit | None:
        """The limit of deletes per slave, where one was given."""
        return None if self.max_deletes is None else DeleteLimit.parse(str(self.max_deletes))


def kinds_of(hint: Any) -> Sequence[type]:
    """Return the types that a value may have by the type hint of an option, None left out."""
    hints = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = [str if hint is StrategyName else hint for hint in hints]
    return [kind for kind in kinds if kind in KINDS]


_KINDS = {name: kinds for name, hint in get_type_hints(Config).items() if (kinds := kinds_of(hint))}
"""Every option whose value is text, a number or yes and no, with its types."""


def _as_names(ignore: Any) -> Any:
    return tuple(ignore) if isinstance(ignore, Iterable) and not isinstance(ignore, str) else (ignore,)


def _as_strategy(name: object) -> StrategyName:
    check_kind("--strategy", name, [str])
    check_choice("--strategy", name, *map(str, StrategyName))
    return StrategyName(name)


def _as_table(table: str | TableRef, endpoint_url: str | None) -> TableRef:
    ref = TableRef.parse(table) if isinstance(table, str) else table
    if not isinstance(ref, TableRef):
        raise ConfigError(f"{quote(table)} is not a table: give its name as text, or a TableRef")
    return ref if ref.endpoint_url else replace(ref, endpoint_url=endpoint_url)


def _check_numbers(config: Config) -> None:
    bounds: dict[str, tuple[float | None, float, float]] = {
        "--scan-limit": (config.scan_limit, 1, MOST),
        "--batch-read-limit": (config.batch_read_limit, 1, MAX_BATCH_KEYS),
        "--max-retries": (config.max_retries, 0, MOST),
        "--retry-delay-base": (config.retry_delay_base, 0, MOST_SECONDS),
        "--parallel": (config.parallel, 1, MAX_SEGMENTS),
        "--segments": (config.segments, 1, MAX_SEGMENTS),
        "--recheck-delay": (config.recheck_delay, 0, MOST_SECONDS),
        "--role-duration": (config.role_duration, *DURATIONS),
        "--max-duration": (config.max_duration, 0, MOST_SECONDS),
        "--seed": (config.seed, -MOST, MOST),
    }
    for flag, (value, low, high) in bounds.items():
        check_number(flag, value, low, high)
    config.limits  # noqa: B018 (raises)
    config.delete_limit  # noqa: B018 (raises)


def _check_kinds(config: Config) -> None:
    """Check that every value is of the type that the flag has; that of texts also that they can be sent or opened."""
    for name, kinds in _KINDS.items():
        value, flag = getattr(config, name), f"--{name.replace('_', '-')}"
        if value is None:
            continue
        check_kind(flag, value, kinds)
        if name in FILES:
            check_path(flag, value)
        elif isinstance(value, str):
            check_text(flag, value)
    for attribute in config.ignore:
        check_kind("--ignore", attribute, [str])
        check_text("--ignore", attribute)


def _check_files(config: Config) -> None:
    check_address("--endpoint-url", config.endpoint_url)
    check_address("--slave-endpoint-url", config.slave_endpoint_url)
    for ref in (config.master, *config.slaves):
        check_address(f"the endpoint-url of {ref}", ref.endpoint_url)
    if config.report == config.stats == "-":
        raise ConfigError("--report - and --stats - cannot both go to stdout; give one of them a file")
    check_outputs(config.outputs, folders=("--report",) if config.executor == "spark" else ())


def _check_combinations(config: Config) -> None:
    if config.starting_key is not None and (config.segments or config.parallel) > 1:
        raise ConfigError(
            "--starting-key goes with one segment only, not with --parallel or --segments above 1; "
            "to continue a parallel run use --checkpoint"
        )
    if config.starting_key is not None and config.sample is not None:
        raise ConfigError("--starting-key goes with one segment only, and --sample chooses among many")
    if config.seed is not None and config.sample is None:
        raise ConfigError("--seed chooses the segments of a --sample, and none is asked for")
    config.slicing  # noqa: B018 (raises)
    config.logins  # noqa: B018 (raises)
    if config.strategy == StrategyName.MERGE and config.starting_key is not None:
        raise ConfigError("--starting-key goes with --strategy lookup only: a scan of a slave never begins there")
    if config.no_recheck and config.recheck_delay is not None:
        raise ConfigError("--no-recheck and --recheck-delay exclude each other")
    if config.resume and config.checkpoint is None:
        raise ConfigError("--resume needs --checkpoint FILE: it says where the run is to go on")
    if config.quiet and config.progress:
        raise ConfigError("--quiet and --progress exclude each other")
    check_choice("--log-format", config.log_format, "text", "json")
    config.first_key  # noqa: B018 (raises)
    if not all(config.ignore):
        raise ConfigError("--ignore takes the name of an attribute")


def _check_executor(config: Config) -> None:
    check_choice("--executor", config.executor, "processes", "inline", "spark")
    if config.executor == "spark" and config.report == "-":
        raise ConfigError("--executor spark writes the report into a folder, so --report - does not go with it")
    if config.executor == "spark" and config.verbose:
        raise ConfigError("--executor spark has no lines for --verbose: its tasks write differences into the --report")


def _check_repair(config: Config) -> None:
    check_choice("--writes", config.writes, "guarded", "batch")
    if config.writes == "batch" and config.version_attribute is not None:
        raise ConfigError(
            "--version-attribute needs conditional writes, and --writes batch makes none; give one of them only"
        )
    if config.version_attribute is not None and not config.version_attribute:
        raise ConfigError("--version-attribute takes the name of an attribute")
