"""Every flag of the command line, validated once, and the parts of it that the rooms below need."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastsync.errors import ConfigError
from fastsync.limits import Limit, Limits
from fastsync.login import DURATIONS, Login, LoginFlags, logins
from fastsync.plan import MAX_SEGMENTS, Sample, Shard, Slicing
from fastsync.table import TableRef

MAX_BATCH_KEYS = 100
"""The service's limit of keys in one BatchGetItem (API reference, BatchGetItem)."""


@dataclass(frozen=True)
class Reading:
    """How tables are read: items evaluated per Scan request (None: up to 1 MB), keys per look-up, consistency."""

    scan_limit: int | None = None
    batch_limit: int = MAX_BATCH_KEYS
    consistent: bool = False


@dataclass(frozen=True)
class Retrying:
    """How often one request is tried again, and the base of the backoff in seconds."""

    max_retries: int = 10
    base: float = 0.05


@dataclass(frozen=True)
class Judging:
    """What makes two items differ, and whether (and after how many seconds) a suspect is read again.

    `version` is the attribute that tells which of two items is newer.
    """

    ignored: frozenset[str] = frozenset()
    recheck: bool = True
    delay: float = 0.0
    version: str | None = None


@dataclass(frozen=True)
class Repairing:
    """What may be written to slaves and how, and whether extras are looked for at all.

    `version` is the attribute by which a newer slave is left alone, `ignored` are those that `keep_ignored` leaves the
    slave, `undo_log` is the file that every write goes into first.
    """

    write_missing: bool = False
    write_differing: bool = False
    find_extras: bool = False
    delete_extra: bool = False
    version: str | None = None
    ignored: frozenset[str] = frozenset()
    keep_ignored: bool = False
    in_batches: bool = False
    undo_log: str | None = None

    @property
    def nothing(self) -> bool:
        """Say whether this is a run that only reports."""
        return not (self.write_missing or self.write_differing or self.delete_extra)


@dataclass(frozen=True)
class DeleteLimit:
    """At most `count` deletes per slave, or `percent` of the slave's items scanned; None where not limited so."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> DeleteLimit:
        """Read `N` or `P%`; raise ConfigError on anything else."""
        if re.fullmatch(r"\d+", text):
            return cls(count=int(text))
        if (found := re.fullmatch(r"(\d+(?:\.\d+)?)%", text)) and float(found[1]) <= 100:
            return cls(percent=float(found[1]))
        raise ConfigError(f"--max-deletes takes a number or a percentage from 0% to 100%, not {text!r}")

    def allowed(self, scanned: int) -> int:
        """Give the number of deletes allowed on a slave of which `scanned` items were scanned."""
        return self.count if self.count is not None else int(scanned * (self.percent or 0) / 100)


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
    strategy: str = "auto"
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
        given["ignore"] = _names(given.get("ignore", ()))
        endpoint = given.get("endpoint_url")
        slave_endpoint = given.get("slave_endpoint_url") or endpoint
        listed = [slaves] if isinstance(slaves, str | TableRef) else list(slaves)
        if not listed:
            raise ConfigError("at least one --slave is needed")
        return cls(
            master=_table(master, endpoint), slaves=tuple(_table(slave, slave_endpoint) for slave in listed), **given
        )

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_files(self)
        _check_combinations(self)
        _check_repair(self)

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
        return logins(master, slaves, (self.role_session_name, self.role_duration), (self.master, *self.slaves))

    @property
    def delete_limit(self) -> DeleteLimit | None:
        """The limit of deletes per slave, where one was given."""
        return None if self.max_deletes is None else DeleteLimit.parse(str(self.max_deletes))


def check_picklable(policy: object) -> None:
    """Raise ConfigError where a policy cannot travel to the worker processes."""
    try:
        pickle.dumps(policy)
    except Exception as error:
        name = type(policy).__name__
        raise ConfigError(
            f"the policy {name} must be importable and picklable, since it runs in workers: {error}"
        ) from None


def _names(ignore: Any) -> tuple[str, ...]:
    return (ignore,) if isinstance(ignore, str) else tuple(ignore)


def _table(table: str | TableRef, endpoint_url: str | None) -> TableRef:
    ref = TableRef.parse(table) if isinstance(table, str) else table
    if not isinstance(ref, TableRef):
        raise ConfigError(f"{table!r} is not a table: give its name as text, or a TableRef")
    return ref if ref.endpoint_url else replace(ref, endpoint_url=endpoint_url)


def _check_numbers(config: Config) -> None:
    bounds: list[tuple[str, float | None, float, float | None]] = [
        ("--scan-limit", config.scan_limit, 1, None),
        ("--batch-read-limit", config.batch_read_limit, 1, MAX_BATCH_KEYS),
        ("--max-retries", config.max_retries, 0, None),
        ("--retry-delay-base", config.retry_delay_base, 0, None),
        ("--parallel", config.parallel, 1, MAX_SEGMENTS),
        ("--segments", config.segments, 1, MAX_SEGMENTS),
        ("--recheck-delay", config.recheck_delay, 0, None),
        ("--role-duration", config.role_duration, *DURATIONS),
        ("--max-duration", config.max_duration, 0, None),
    ]
    for flag, value, low, high in bounds:
        if value is None:
            continue
        allowed = f"from {low} to {high:,}" if high is not None else f"of at least {low}"
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not low <= value <= (high or math.inf):
            raise ConfigError(f"{flag} takes a number {allowed}, not {value!r}")
    config.limits  # noqa: B018 (raises)
    if config.max_deletes is not None:
        DeleteLimit.parse(str(config.max_deletes))


def _check_files(config: Config) -> None:
    tables = [(f"the endpoint-url of {ref}", ref.endpoint_url) for ref in (config.master, *config.slaves)]
    for flag, url in [
        ("--endpoint-url", config.endpoint_url),
        ("--slave-endpoint-url", config.slave_endpoint_url),
        *tables,
    ]:
        if url is not None and not _is_address(url):
            raise ConfigError(f"{flag} takes an address such as http://localhost:8000, not {url!r}")
    if config.report == config.stats == "-":
        raise ConfigError("--report - and --stats - cannot both go to stdout; give one of them a file")
    taken: dict[Path, str] = {}
    outputs = [("--report", config.report), ("--stats", config.stats)]
    outputs += [("--undo-log", config.undo_log), ("--metrics-file", config.metrics_file)]
    for flag, path in outputs:
        if path is not None and path != "-":
            other = taken.setdefault(Path(path).resolve(), flag)
            if other != flag:
                raise ConfigError(f"{other} and {flag} cannot both go to {path}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is no port
        return False


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
    if config.strategy == "merge" and config.starting_key is not None:
        raise ConfigError("--starting-key goes with --strategy lookup only: a scan of a slave never begins there")
    if config.strategy not in ("auto", "lookup", "merge"):
        raise ConfigError(f"--strategy takes auto, lookup or merge, not {config.strategy!r}")
    if config.no_recheck and config.recheck_delay is not None:
        raise ConfigError("--no-recheck and --recheck-delay exclude each other")
    if config.resume and config.checkpoint is None:
        raise ConfigError("--resume needs --checkpoint FILE: it says where the run is to go on")
    if config.quiet and config.progress:
        raise ConfigError("--quiet and --progress exclude each other")
    if config.log_format not in ("text", "json"):
        raise ConfigError(f"--log-format takes text or json, not {config.log_format!r}")
    if config.executor not in ("processes", "inline"):
        raise ConfigError(f"there is no executor called {config.executor!r}")
    if any(not isinstance(name, str) or not name for name in config.ignore):
        raise ConfigError("--ignore takes the name of an attribute")


def _check_repair(config: Config) -> None:
    if config.writes not in ("guarded", "batch"):
        raise ConfigError(f"--writes takes guarded or batch, not {config.writes!r}")
    if config.writes == "batch" and config.version_attribute is not None:
        raise ConfigError(
            "--version-attribute needs conditional writes, and --writes batch makes none; give one of them only"
        )
    if config.version_attribute is not None and not config.version_attribute:
        raise ConfigError("--version-attribute takes the name of an attribute")
    if config.keep_ignored and not config.ignore:
        raise ConfigError("--keep-ignored needs an --ignore that names what to keep")
    if config.undo_log is not None and config.repairing.nothing:
        raise ConfigError("--undo-log goes with --write-missing, --write-differing or --delete-extra only")
