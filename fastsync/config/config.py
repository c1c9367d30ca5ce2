"""Every flag of the command line, validated once, and the settings that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastsync.config.flags.flag import AUTO
from fastsync.config.limits import DeleteLimit, Limits, RunLimits
from fastsync.config.normalize import as_list, as_slaves, as_table, complete_options
from fastsync.config.parts import parse_delete_limit, parse_first_key, parse_limits, parse_logins, parse_slicing
from fastsync.config.slicing import Slicing
from fastsync.config.validation import check_config
from fastsync.errors import ConfigError
from fastsync.model.settings import Judging, Reading, Repairing, Retrying, StrategyName
from fastsync.model.table import AwsSession, Login, TableRef


@dataclass(frozen=True)
class Config:
    """All options of a run by their names in snake_case, with the types and defaults that `flags` has.

    `session` and `slave_session` are those of a program, in the place of --profile and --slave-profile.
    Raises ConfigError, with one clear sentence, where something is wrong.
    """

    master: TableRef | None
    slaves: tuple[TableRef, ...]
    session: AwsSession | None = field(repr=False)
    slave_session: AwsSession | None = field(repr=False)
    key_schema: str | None
    starting_key: str | None
    key: tuple[str, ...]
    keys: tuple[str, ...]
    ignore: tuple[str, ...]
    ignore_path: tuple[str, ...]
    where: str | None
    scan_for_extra: bool
    strategy: StrategyName
    consistent_read: bool
    no_recheck: bool
    recheck_delay: float | None
    version_attribute: str | None
    ignore_expired: bool
    write_missing: bool
    write_differing: bool
    delete_extra: bool
    dry_run: bool
    max_deletes: str | int | None
    allow_empty_master: bool
    allow_replica_writes: bool
    yes: bool
    if_unchanged: bool
    undo_log: str | None
    keep_ignored: bool
    writes: str
    spool: str | None
    parallel: int | Literal["auto"]
    executor: str
    segments: int | None
    shard: str | None
    sample: float | None
    seed: int | None
    scan_limit: int | None
    batch_read_limit: int
    max_duration: float | None
    max_differences: int | None
    max_units: float | None
    max_cost: float | None
    compress: bool
    max_retries: int
    retry_delay_base: float
    max_read_units: str | float | None
    max_write_units: str | float | None
    checkpoint: str | None
    resume: bool
    report: str | None
    report_values: bool
    stats: str | None
    log_format: str
    color: str
    metrics_file: str | None
    verbose: bool
    progress: bool | None
    quiet: bool
    profile: str | None
    role_arn: str | None
    external_id: str | None = field(repr=False)
    mfa_serial: str | None
    mfa_token: str | None = field(repr=False)
    slave_profile: str | None
    slave_role_arn: str | None
    slave_external_id: str | None = field(repr=False)
    slave_mfa_serial: str | None
    slave_mfa_token: str | None = field(repr=False)
    role_session_name: str | None
    role_duration: int
    endpoint_url: str | None
    slave_endpoint_url: str | None

    @classmethod
    def of(
        cls,
        master: str | TableRef,
        slaves: Any,
        flags: Mapping[str, Any],
        sessions: tuple[AwsSession | None, AwsSession | None] = (None, None),
    ) -> Config:
        """Build the configuration from table names (or TableRefs), flags and sessions; raise ConfigError."""
        options = complete_options(flags)
        listed = as_list(slaves)
        if not listed:
            raise ConfigError("at least one --slave is needed")
        return cls(
            master=as_table(master, options["endpoint_url"]),
            slaves=as_slaves(listed, options),
            session=sessions[0],
            slave_session=sessions[1],
            **options,
        )

    @classmethod
    def without_master(cls, slaves: Sequence[str | TableRef], flags: Mapping[str, Any]) -> Config:
        """Build the configuration of an undo, which reads no master and may have no slave; raise ConfigError."""
        options = complete_options(flags)
        return cls(master=None, slaves=as_slaves(slaves, options), session=None, slave_session=None, **options)

    def __post_init__(self) -> None:
        check_config(self)

    @property
    def tables(self) -> tuple[TableRef, ...]:
        """All tables: the master, where there is one, and the slaves."""
        if self.master is None:
            return self.slaves
        return (self.master, *self.slaves)

    @property
    def first_key(self) -> Mapping[str, Any] | None:
        """The key of --starting-key, as it was given; None where none was."""
        return parse_first_key(self)

    @property
    def needs_values(self) -> bool:
        """Whether differences carry both sides' items: for the report, or for what --verbose shows of them as text."""
        return self.report_values or (self.verbose and self.log_format == "text")

    @property
    def has_exports(self) -> bool:
        """Whether an export is among the tables."""
        return any(ref.is_export for ref in self.tables)

    @property
    def of_keys(self) -> bool:
        """Whether keys are compared that were given, and nothing else."""
        return bool(self.key or self.keys)

    def find_slave(self, name: str) -> str | None:
        """Return the slave that a report calls so, as it was given; None where there is none, or more than one.

        It is the one with the same name, else the one that is the same table, as far as both names tell.
        """
        if name in map(str, self.slaves):
            return name
        try:
            ref = TableRef.parse(name)
        except ConfigError:
            return None
        found = [str(slave) for slave in self.slaves if slave.may_be(ref)]
        return found[0] if len(found) == 1 else None

    @property
    def outputs(self) -> dict[str, str | None]:
        """The files that the run writes, by flag. Some are kept beside the checkpoint."""
        outputs = {"--checkpoint": self.checkpoint}
        if self.checkpoint is not None:
            for kept in ("report", *(f"extras-{number}" for number in range(len(self.slaves)))):
                outputs[f"what --checkpoint keeps in .{kept}"] = f"{self.checkpoint}.{kept}"
        outputs |= {"--report": self.report, "--stats": self.stats, "--undo-log": self.undo_log}
        return {**outputs, "--metrics-file": self.metrics_file}

    @property
    def processes(self) -> int:
        """How many processes work at once; 1 where that is not decided yet (see `plan.parallel`)."""
        return 1 if self.parallel == AUTO else int(self.parallel)

    @property
    def slicing(self) -> Slicing:
        """How the run is cut into segments, and which part of them is compared."""
        return parse_slicing(self)

    @property
    def reading(self) -> Reading:
        """How tables are read."""
        if self.of_keys:
            return Reading(None, self.batch_read_limit, consistent=True)
        return Reading(self.scan_limit, self.batch_read_limit, self.consistent_read)

    @property
    def retrying(self) -> Retrying:
        """How requests are retried."""
        return Retrying(self.max_retries, self.retry_delay_base / 1000)

    @property
    def limits(self) -> Limits:
        """How many units a second each table may be asked for."""
        return parse_limits(self)

    @property
    def run_limits(self) -> RunLimits:
        """How many differences the whole run may find, and how much it may consume."""
        return RunLimits(differences=self.max_differences, units=self.max_units, usd=self.max_cost)

    @property
    def judging(self) -> Judging:
        """What counts as a difference."""
        return Judging(
            ignored=frozenset(self.ignore),
            ignored_paths=self.ignore_path,
            recheck=self._rechecks,
            delay=self.recheck_delay or 0.0,
            version=self.version_attribute,
            where=self.where,
        )

    @property
    def _rechecks(self) -> bool:
        """Whether suspects are read again; keys are read once only, since both sides are read in the right order."""
        if self.of_keys:
            return self.recheck_delay is not None
        return not self.no_recheck

    @property
    def repairing(self) -> Repairing:
        """What may be written to the slaves, and how."""
        undo_log = None
        if self.undo_log is not None:
            undo_log = str(Path(self.undo_log).resolve())
        return Repairing(
            write_missing=self.write_missing,
            write_differing=self.write_differing,
            find_extras=self.scan_for_extra or self.delete_extra,
            delete_extra=self.delete_extra,
            version=self.version_attribute,
            ignored=frozenset(self.ignore),
            ignored_paths=self.ignore_path,
            keep_ignored=self.keep_ignored,
            in_batches=self.writes == "batch",
            undo_log=undo_log,
            replica_writes=self.allow_replica_writes,
        )

    @property
    def logins(self) -> tuple[Login, ...]:
        """The login of the master, or that of its flags where there is none, then of each slave."""
        return parse_logins(self)

    @property
    def delete_limit(self) -> DeleteLimit | None:
        """How many items may be deleted on each slave; None where no limit was given."""
        return parse_delete_limit(self)
